"""Operations that move numbers without changing them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from nassurrogate.graphs.operator_graph import size_of
from nassurrogate.graphs.readers.from_torch.builder import (
    Builder,
    Call,
    Computed,
    Constant,
    Handler,
    per_axis,
    register,
    shape_of,
)

MOVEMENT: dict[str, Handler] = {}


@register(
    MOVEMENT,
    *("contiguous", "clone", "detach", "detach_copy", "alias", "data", "real", "positive", "requires_grad"),
    *("to", "type", "type_as", "float", "double", "half", "bfloat16", "int", "long", "short", "bool", "cuda", "cpu"),
    *("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"),
    *("lift_fresh", "lift_fresh_copy", "identity", "as_subclass", "resolve_conj", "resolve_neg"),
)
def _same(build: Builder, call: Call) -> Any:
    return [call.source] * len(call.shapes) if len(call.shapes) > 1 else call.source


@register(
    MOVEMENT,
    *(
        "flatten",
        "reshape",
        "view",
        "squeeze",
        "unsqueeze",
        "unflatten",
        "ravel",
        "view_as",
        "reshape_as",
        "atleast_3d",
    ),
)
def _reshape(build: Builder, call: Call) -> Computed:
    return build.reshape(call.source, call.shape)


@register(MOVEMENT, "permute", "transpose", "t", "T", "mT", "H", "mH", "movedim", "numpy_T", "adjoint")
def _transpose(build: Builder, call: Call) -> Computed:
    x: Computed = call.source
    rank = len(x.shape)
    order = list(range(rank))
    if call.name == "permute":
        order = list(call.integers(1, "dims") or order)
    elif call.name == "transpose":
        a, b = call.get(1, "dim0", call.get(1, "axis0")) % rank, call.get(2, "dim1", call.get(2, "axis1")) % rank
        order[a], order[b] = order[b], order[a]
    elif call.name == "movedim":
        order = _moved(call, rank)
    elif call.name in ("mT", "mH", "adjoint"):
        order[-2:] = order[:-3:-1]
    else:
        order.reverse()
    return build.transpose(x, order)


def _moved(call: Call, rank: int) -> list[int]:
    sources, targets = (
        [n % rank for n in (given if isinstance(given, tuple | list) else (given,))]
        for given in (call.get(1, "source"), call.get(2, "destination"))
    )
    order = [axis for axis in range(rank) if axis not in sources]
    for target, source in sorted(zip(targets, sources, strict=True)):
        order.insert(target, source)
    return order


@register(MOVEMENT, "cat", "hstack", "vstack", "dstack")
def _concatenate(build: Builder, call: Call) -> Computed:
    parts = [part for part in call.get(0, "tensors") if 0 not in shape_of(part)]
    return build.add("Concat", parts, call.shape)


@register(MOVEMENT, "stack")
def _stack(build: Builder, call: Call) -> Computed:
    parts = call.get(0, "tensors")
    axis = call.get(1, "dim", 0) % len(call.shape)
    part = (*call.shape[:axis], 1, *call.shape[axis + 1 :])
    reshaped = [build.reshape(x, part) if isinstance(x, Computed) else x for x in parts]
    return build.add("Concat", reshaped, call.shape)


@register(MOVEMENT, "chunk", "split", "tensor_split", "hsplit", "vsplit")
def _split(build: Builder, call: Call) -> list[Computed]:
    """A slice for each part; those that are all read become a `Split` later."""
    x: Computed = call.source
    axis = next((n for n, (a, b) in enumerate(zip(x.shape, call.shape, strict=True)) if a != b), 0)
    return _parts(build, x, axis, [shape[axis] for shape in call.shapes])


@register(MOVEMENT, "unbind")
def _unbind(build: Builder, call: Call) -> list[Computed]:
    x: Computed = call.source
    axis = call.get(1, "dim", 0) % len(x.shape)
    parts = _parts(build, x, axis, [1] * x.shape[axis])
    return [build.reshape(one, shape) for one, shape in zip(parts, call.shapes, strict=True)]


def _parts(build: Builder, x: Computed, axis: int, sizes: Sequence[int]) -> list[Computed]:
    ends = list(accumulate(sizes))
    return [_sliced(build, x, axis, slice(end - size, end)) for size, end in zip(sizes, ends, strict=True)]


@register(MOVEMENT, "getitem")
def _getitem(build: Builder, call: Call) -> Any:
    x: Computed = call.source
    index = call.args[1]
    entries = list(index) if isinstance(index, tuple | list) else [index]
    if any(isinstance(entry, Computed | Constant | list | tuple | bool) for entry in entries):
        tensors = [entry for entry in entries if isinstance(entry, Computed)]
        single = sum(isinstance(entry, Computed | Constant | list | tuple) for entry in entries) == 1
        return build.add("Gather" if single else "GatherND", [x, *tensors], call.shape)
    return build.reshape(_indexed(build, x, entries), call.shape)


def _indexed(build: Builder, x: Computed, entries: list[Any]) -> Computed:
    """A slice for each axis of an index; axes that are dropped or added are left to a reshape."""
    covered = sum(entry is not None and entry is not ... for entry in entries)
    axis = 0
    for entry in entries:
        if entry is ...:
            axis += len(x.shape) - covered
        elif isinstance(entry, slice):
            x = _sliced(build, x, axis, entry)
            axis += 1
        elif entry is not None:
            start = entry % x.shape[axis]
            x = _sliced(build, x, axis, slice(start, start + 1))
            axis += 1
    return x


def _sliced(build: Builder, x: Computed, axis: int, entry: slice) -> Computed:
    start, stop, step = entry.indices(x.shape[axis])
    length = len(range(start, stop, step))
    if length == x.shape[axis]:
        return x
    shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
    return build.add("Slice", [x], shape, values=[float(n) for n in (axis, start, stop, step)])


@register(MOVEMENT, "slice", "narrow", "select")
def _slice(build: Builder, call: Call) -> Computed:
    x: Computed = call.source
    axis = call.get(1, "dim", 0) % len(x.shape)
    first, last = call.get(2, "start", call.get(2, "index", 0)) or 0, call.get(3, "end")
    if call.name != "slice":
        if not isinstance(first, int):
            return build.add("Gather", [x, first], call.shape)
        first %= x.shape[axis]
        last = first + (1 if call.name == "select" else call.get(3, "length"))
    return build.reshape(_sliced(build, x, axis, slice(first, last, call.get(4, "step", 1))), call.shape)


@register(MOVEMENT, "index_select", "index", "take_along_dim", "gather")
def _gather(build: Builder, call: Call) -> Computed:
    kinds = {"gather": "GatherElements", "take_along_dim": "GatherElements"}
    tensors = [x for arg in call.args[1:] for x in (arg if isinstance(arg, tuple | list) else [arg])]
    indices = [x for x in (*tensors, *call.kwargs.values()) if isinstance(x, Computed) and x is not call.source]
    return build.add(kinds.get(call.name, "Gather"), [call.source, *indices], call.shape)


@register(MOVEMENT, "expand", "expand_as", "broadcast_to", "repeat", "tile")
def _expand(build: Builder, call: Call) -> Computed:
    if call.shape == call.source.shape:
        return call.source  # type: ignore[no-any-return]
    return build.add("Tile" if call.name in ("repeat", "tile") else "Expand", [call.source], call.shape)


@register(MOVEMENT, "pad", "reflection_pad1d", "reflection_pad2d", "replication_pad2d")
def _pad(build: Builder, call: Call) -> Computed:
    amounts = [n for n in (call.integers(1, "pad") or ()) if n is not None]
    if not any(amounts):
        return call.source  # type: ignore[no-any-return]
    pairs = list(zip(amounts[::2], amounts[1::2], strict=False))[::-1]
    pairs = [(0, 0)] * (len(call.shape) - len(pairs)) + pairs
    values = [float(before) for before, _ in pairs] + [float(after) for _, after in pairs]
    return build.add("Pad", [call.source], call.shape, values=values)


@register(MOVEMENT, "setitem", "index_put", "scatter", "scatter_add", "slice_scatter", "select_scatter", "index_add")
def _write(build: Builder, call: Call) -> Computed:
    kind = "ScatterElements" if call.name.startswith("scatter") else "ScatterND"
    flat = [x for arg in call.args for x in (arg if isinstance(arg, tuple | list) else [arg])]
    return build.add(kind, [x for x in flat if isinstance(x, Computed)], call.shape)


@register(MOVEMENT, "copy")
def _copy(build: Builder, call: Call) -> Any:
    """The second tensor, in the shape of the first."""
    source = call.get(1, "src", call.get(1, "other"))
    return source if shape_of(source) == call.shape else build.add("Expand", [source], call.shape)


@register(MOVEMENT, "flip")
def _flip(build: Builder, call: Call) -> Computed:
    axes = [axis % len(call.shape) for axis in call.integers(1, "dims") or ()]
    cuts = [(axis, call.shape[axis] - 1, -1, -1) for axis in axes]
    return build.add("Slice", [call.source], call.shape, values=[float(n) for cut in cuts for n in cut])


@register(MOVEMENT, "roll")
def _roll(build: Builder, call: Call) -> Computed:
    """For each axis, its end before its beginning; all axes as one if none is given."""
    x: Computed = call.source
    shifts, axes = per_axis(call.get(1, "shifts"), 1), per_axis(call.get(2, "dims", ()), 1)
    if not axes:
        axes, x = (0,), build.reshape(x, (size_of(call.shape),))
    for shift, axis in zip(shifts, axes, strict=True):
        border = -shift % x.shape[axis % len(x.shape)]
        if border:
            parts = [_sliced(build, x, axis % len(x.shape), part) for part in (slice(border, None), slice(0, border))]
            x = build.add("Concat", parts, x.shape)
    return build.reshape(x, call.shape)


@register(MOVEMENT, "tril", "triu")
def _triangle(build: Builder, call: Call) -> Computed:
    return build.add("Trilu", [call.source], call.shape)


@register(MOVEMENT, "channel_shuffle")
def _channel_shuffle(build: Builder, call: Call) -> Computed:
    x: Computed = call.source
    groups = call.get(1, "groups")
    batch, channels, *sizes = x.shape
    grouped = build.reshape(x, (batch, groups, channels // groups, *sizes))
    return build.reshape(build.transpose(grouped, [0, 2, 1, *range(3, len(grouped.shape))]), call.shape)
