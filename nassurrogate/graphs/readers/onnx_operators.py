"""Turns the operators of an ONNX model, whose tensors are known, into those of an `OperatorGraph`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from nassurrogate.graphs.operator_costs import conv_flops, conv_transpose_flops, matmul_flops, recurrent_flops
from nassurrogate.graphs.operator_graph import Shape, size_of
from nassurrogate.graphs.operator_kinds import GROUPS, canonical_kind
from nassurrogate.graphs.readers.onnx_attention import add_attention
from nassurrogate.graphs.readers.onnx_draft import Draft
from nassurrogate.graphs.readers.onnx_tensors import Tensor
from nassurrogate.graphs.readers.onnx_windows import sliding_window, transposed_window
from nassurrogate.graphs.simplification import Values

PASS_THROUGH = frozenset({"Identity", "Dropout", "Cast", "CastLike"})
"""Operators that leave their first input as it is at inference, for what it costs."""
_WITHOUT_WEIGHTS = frozenset(GROUPS["data movement"] + GROUPS["resampling"] + ("Clip", "TopK")) - {"Concat", "Gather"}
"""Kinds whose constant operands, such as indices and sizes, are no learned numbers."""


class Call(NamedTuple):
    """One operator of the model: what it is, its attributes, its inputs (None if left out), shapes of its outputs."""

    op_type: str
    domain: str
    attributes: Mapping[str, Any]
    inputs: Sequence[Tensor | None]
    output_shapes: tuple[Shape, ...]

    def input(self, position: int) -> Tensor:
        """An input that must be there. Raises `IndexError` if it is not."""
        tensor = self.inputs[position]
        if tensor is None:
            raise IndexError(f"input {position} is left out")
        return tensor

    def optional(self, position: int) -> Tensor | None:
        """An input that may be left out."""
        return self.inputs[position] if position < len(self.inputs) else None


def add_call(draft: Draft, call: Call) -> int:
    """Add the operators that a call stands for: the position of the one that computes its outputs.

    Raises `LookupError`, `ValueError` or `TypeError` for a call that breaks the rules of its operator.
    """
    kind = canonical_kind(call.op_type, call.domain)
    if kind == "Attention" and len(call.output_shapes) == 1 and len(call.inputs) <= 4:
        return add_attention(draft, call.attributes, call.inputs, call.output_shapes[0])
    if kind == "Reshape" and size_of(call.input(0).shape) != size_of(call.output_shapes[0]):
        raise ValueError(f"{call.output_shapes[0]} holds another number of elements")
    return _CONVERTERS.get(kind, _add_other)(draft, kind, call)


def _add_other(draft: Draft, kind: str, call: Call) -> int:
    constants = [tensor for tensor in call.inputs if tensor is not None and tensor.is_constant]
    params = 0 if kind in _WITHOUT_WEIGHTS else sum(x.learned for x in constants if size_of(x.shape) > 1)
    return draft.add(kind, call.inputs, call.output_shapes, values=_values(kind, call), params=params)


def _values(kind: str, call: Call) -> Values:
    """What the simplification needs to know, as `simplification.Values` says."""
    if kind == "Clip":
        return (None, _bound(call, 1, "min"), _bound(call, 2, "max"))
    if kind == "HardSigmoid":
        return (None, call.attributes.get("alpha", 0.2), call.attributes.get("beta", 0.5))
    if kind == "Transpose":
        return tuple(call.attributes.get("perm") or reversed(range(len(call.output_shapes[0]))))
    if kind == "ReduceMean":
        return _reduced_axes(call)
    if kind == "Pad":
        return tuple(_integers(call, 1, "pads") or ())
    if kind in GROUPS["elementwise"]:
        operands = tuple(None if x is None else x.scalar for x in call.inputs)
        tensors = sum(x is not None and not x.is_constant for x in call.inputs)
        if any(operand is not None for operand in operands) and tensors == operands.count(None):
            return operands
    return ()


def _integers(call: Call, position: int, name: str) -> list[int] | None:
    """Integers that are an input in newer versions of an operator, an attribute in older ones; None if not known."""
    tensor = call.optional(position)
    return call.attributes.get(name) if tensor is None else tensor.integers()


def _bound(call: Call, position: int, name: str) -> float | None:
    tensor = call.optional(position)
    bound = call.attributes.get(name) if tensor is None else tensor.scalar
    return None if bound is None or abs(bound) > 1e38 else bound


def _reduced_axes(call: Call) -> Values:
    rank = len(call.input(0).shape)
    axes = _integers(call, 1, "axes")
    if axes:
        return tuple(sorted(axis % rank for axis in axes))
    is_known = call.optional(1) is None or axes is not None
    return tuple(range(rank)) if is_known and not call.attributes.get("noop_with_empty_axes") else ()


def _add_conv(draft: Draft, kind: str, call: Call, weight_at: int = 1, bias_at: int = 2) -> int:
    source, weight, bias = call.input(0), call.input(weight_at), call.optional(bias_at)
    transposed, groups = kind == "ConvTranspose", call.attributes.get("group", 1)
    channels = weight.shape[0] if transposed else weight.shape[1] * groups
    if source.shape[1] != channels:
        raise ValueError(f"the input has {source.shape[1]} channels, the weight is for {channels}")
    window = (transposed_window if transposed else sliding_window)(call.attributes, source.shape[2:], weight.shape[2:])
    return draft.add(
        kind,
        call.inputs,
        call.output_shapes,
        **window._asdict(),
        groups=groups,
        bias=bias is not None,
        params=weight.learned + (bias.learned if bias is not None else 0),
        flops=conv_transpose_flops(source.shape, weight.shape)
        if transposed
        else conv_flops(call.output_shapes[0], weight.shape),
    )


def _add_deformable_conv(draft: Draft, kind: str, call: Call) -> int:
    return _add_conv(draft, kind, call, bias_at=3)


def _add_quantised_conv(draft: Draft, kind: str, call: Call) -> int:
    return _add_conv(draft, kind, call, weight_at=3, bias_at=8)


def _add_pool(draft: Draft, kind: str, call: Call) -> int:
    window = sliding_window(call.attributes, call.input(0).shape[2:], ())
    return draft.add(kind, call.inputs, call.output_shapes, **window._asdict())


def _add_gemm(draft: Draft, kind: str, call: Call) -> int:
    left, right, bias = call.input(0), call.input(1), call.optional(2)
    summed = left.shape[0 if call.attributes.get("transA") else 1]
    flops = matmul_flops(call.output_shapes[0], summed)
    if not right.is_constant or left.is_constant:
        product = draft.add(
            "MatMul", [left, right], call.output_shapes, params=left.learned + right.learned, flops=flops
        )
        return product if bias is None else _add_sum(draft, product, bias, call)
    is_learned = bias is not None and bias.is_constant
    layer = draft.add(
        "Gemm",
        [left],
        call.output_shapes,
        bias=is_learned,
        params=right.learned + (bias.learned if bias is not None else 0),
        flops=flops,
    )
    return layer if bias is None or is_learned else _add_sum(draft, layer, bias, call)


def _add_sum(draft: Draft, product: int, added: Tensor, call: Call) -> int:
    first = Tensor(call.output_shapes[0], operator=product)
    params = added.learned if size_of(added.shape) > 1 else 0
    values = (None, added.scalar) if added.scalar is not None else ()
    return draft.add("Add", [first, added], call.output_shapes, values=values, params=params)


def _add_matmul(draft: Draft, kind: str, call: Call) -> int:
    left, right = call.input(0), call.input(1)
    is_matrix = len(right.shape) > 1 and size_of(right.shape) == size_of(right.shape[-2:])
    is_layer = right.is_constant and not left.is_constant and is_matrix
    return draft.add(
        "Gemm" if is_layer else "MatMul",
        [left, right],
        call.output_shapes,
        params=left.learned + right.learned,
        flops=matmul_flops(call.output_shapes[0], left.shape[-1]),
    )


def _add_quantised_matmul(draft: Draft, kind: str, call: Call) -> int:
    left, right = call.input(0), call.input(3 if kind == "QLinearMatMul" else 1)
    flops = matmul_flops(call.output_shapes[0], left.shape[-1])
    return draft.add(kind, call.inputs, call.output_shapes, params=left.learned + right.learned, flops=flops)


def _add_einsum(draft: Draft, kind: str, call: Call) -> int:
    sources = call.attributes["equation"].replace(" ", "").partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for letters, tensor in zip(sources, call.inputs, strict=True):
        if tensor is None:
            raise ValueError("an operand is left out")
        shape = tensor.shape
        before, ellipsis, after = letters.partition("...")
        hidden = len(shape) - len(before) - len(after) if ellipsis else 0
        names = [*before, *(f".{axis}" for axis in range(hidden, 0, -1)), *after]
        for name, size in zip(names, shape, strict=True):
            sizes[name] = max(size, sizes.get(name, 1))
    flops = 2 * (len(sources) - 1) * size_of(tuple(sizes.values()))
    params = sum(tensor.learned for tensor in call.inputs if tensor is not None)
    if len(sources) > 1:
        is_layer = len(sources) == 2 and any(tensor is not None and tensor.is_constant for tensor in call.inputs)
        kind = "Gemm" if is_layer else "MatMul"
    return draft.add(kind, call.inputs, call.output_shapes, params=params, flops=flops)


def _add_slice(draft: Draft, kind: str, call: Call) -> int:
    shape = call.input(0).shape
    starts, stops = _integers(call, 1, "starts"), _integers(call, 2, "ends")
    if starts is None or stops is None:
        return draft.add(kind, call.inputs, call.output_shapes)
    axes = _integers(call, 3, "axes") or range(len(starts))
    steps = _integers(call, 4, "steps") or [1] * len(starts)
    cuts: list[Values] = []
    for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
        length = shape[axis]
        cut = slice(start, stop, step).indices(length)
        if cut != (0, length, 1):
            cuts.append((axis % len(shape), *cut))
    return draft.add(kind, call.inputs, call.output_shapes, values=tuple(x for cut in sorted(cuts) for x in cut))


def _add_gather(draft: Draft, kind: str, call: Call) -> int:
    """Gather; with all indices in order it reshapes, with a single one it cuts a slice and perhaps drops the axis."""
    source, indices = call.input(0), call.input(1)
    if source.is_constant or not indices.is_constant or indices.data is None:
        return _add_other(draft, kind, call)
    axis = call.attributes.get("axis", 0) % len(source.shape)
    if len(indices.data.reshape(-1)) == source.shape[axis] and indices.integers() == list(range(source.shape[axis])):
        return draft.add("Reshape", [source], call.output_shapes)
    index = indices.scalar
    if index is None:
        return _add_other(draft, kind, call)
    start = int(index) % source.shape[axis]
    cut = (*source.shape[:axis], 1, *source.shape[axis + 1 :])
    position = draft.add("Slice", [source], (cut,), values=(axis, start, start + 1, 1))
    if call.output_shapes[0] == cut:
        return position
    return draft.add("Reshape", [Tensor(cut, operator=position)], call.output_shapes)


def _add_batch_norm(draft: Draft, kind: str, call: Call) -> int:
    source = call.input(0)
    return draft.add(kind, [source], call.output_shapes, params=2 * source.shape[1])


def _add_prelu(draft: Draft, kind: str, call: Call) -> int:
    return draft.add(kind, call.inputs, call.output_shapes, params=call.input(1).learned)


def _add_recurrent(draft: Draft, kind: str, call: Call) -> int:
    source, weight, bias = call.input(0), call.input(1), call.optional(3)
    steps, batch = source.shape[:2] if not call.attributes.get("layout") else source.shape[1::-1]
    hidden, gates = call.attributes["hidden_size"], {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    weights = [weight, call.input(2)] + ([bias] if bias is not None else [])
    return draft.add(
        kind,
        call.inputs,
        call.output_shapes,
        bias=bias is not None,
        params=sum(tensor.learned for tensor in weights),
        flops=recurrent_flops(steps, batch, source.shape[2], hidden, gates, weight.shape[0]),
    )


_Converter: TypeAlias = Callable[[Draft, str, Call], int]
_CONVERTERS: dict[str, _Converter] = {
    "Conv": _add_conv,
    "ConvTranspose": _add_conv,
    "ConvInteger": _add_conv,
    "DeformConv": _add_deformable_conv,
    "QLinearConv": _add_quantised_conv,
    "MaxPool": _add_pool,
    "AveragePool": _add_pool,
    "LpPool": _add_pool,
    "Gemm": _add_gemm,
    "MatMul": _add_matmul,
    "MatMulInteger": _add_quantised_matmul,
    "QLinearMatMul": _add_quantised_matmul,
    "Einsum": _add_einsum,
    "Slice": _add_slice,
    "Gather": _add_gather,
    "BatchNormalization": _add_batch_norm,
    "PRelu": _add_prelu,
    "LSTM": _add_recurrent,
    "GRU": _add_recurrent,
    "RNN": _add_recurrent,
}
