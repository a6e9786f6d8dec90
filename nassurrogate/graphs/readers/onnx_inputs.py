"""The inputs of an ONNX model and their sizes, those that the model leaves open included."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.graphs.operator_graph import Shape

if TYPE_CHECKING:
    import onnx

logger = logging.getLogger(__name__)

InputShapes: TypeAlias = Mapping[str, Sequence[int]] | Sequence[int]
"""Sizes of inputs by name; the bare sizes do for a network with one input."""


class ModelInput(NamedTuple):
    """An input with the type of its numbers, and its shape."""

    name: str
    elem_type: int
    shape: Shape


class _Declared(NamedTuple):
    """An input as the model declares it: a size, the name of an open one, or None for one without a name."""

    name: str
    elem_type: int
    sizes: tuple[int | str | None, ...] | None

    def __str__(self) -> str:
        return "(" + ", ".join("?" if size is None else str(size) for size in self.sizes or ()) + ")"


def resolved_inputs(
    graph: onnx.GraphProto, input_shapes: InputShapes | None, where: str
) -> tuple[list[ModelInput], dict[str, int]]:
    """The inputs with all sizes known, and the sizes that the names of open axes stand for.

    If only the first axis of an input is open, and nothing is given for it, it is taken as a batch of 1, with a line in
    the log.

    Args:
        graph: the graph of the model.
        input_shapes: sizes of inputs that the model leaves open.
        where: the model's name, for messages.

    Raises `InputError` if sizes are unknown or empty, or if those given do not fit the model.
    """
    weights = {tensor.name for tensor in graph.initializer} | {x.values.name for x in graph.sparse_initializer}
    declared = [_declared(value, where) for value in graph.input if value.name not in weights]
    if not declared:
        raise InputError(f"{where} has no inputs")
    given = _given(input_shapes, declared, where)
    symbols: dict[str, int] = {}
    for entry in declared:
        if entry.name in given:
            _bind(entry, given[entry.name], symbols, where)
    resolved = [_resolved(entry, given.get(entry.name), symbols, where) for entry in declared]
    return resolved, symbols


def _declared(value: onnx.ValueInfoProto, where: str) -> _Declared:
    kind = value.type.WhichOneof("value")
    if kind not in ("tensor_type", None):
        kind = kind.removesuffix("_type").replace("_", " ")
        raise InputError(f"the input {brief(value.name)} of {where} is no tensor but a value of type {kind}")
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return _Declared(value.name, tensor.elem_type, None)
    sizes: list[int | str | None] = []
    for dim in tensor.shape.dim:
        is_size = dim.HasField("dim_value") and dim.dim_value >= 0  # some exporters write -1 for an open size
        sizes.append(dim.dim_value if is_size else dim.dim_param or None)
    return _Declared(value.name, tensor.elem_type, tuple(sizes))


def _given(input_shapes: InputShapes | None, declared: list[_Declared], where: str) -> dict[str, Shape]:
    if input_shapes is None:
        return {}
    names = [entry.name for entry in declared]
    if not isinstance(input_shapes, Mapping):
        if len(names) > 1:
            raise InputError(f"{where} has {len(names)} inputs, {', '.join(names)}: give a shape for each by its name")
        input_shapes = {names[0]: input_shapes}
    for name, shape in input_shapes.items():
        if name not in names:
            raise unknown_choice("input", name, names, place=f" of {where}")
        valid = isinstance(shape, Sequence) and not isinstance(shape, str)
        if not valid or not all(isinstance(x, int) and not isinstance(x, bool) and x > 0 for x in shape):
            raise InputError(f"the shape of the input {brief(name)} must be positive sizes, got {brief(shape)}")
    return {name: tuple(shape) for name, shape in input_shapes.items()}


def _bind(entry: _Declared, shape: Shape, symbols: dict[str, int], where: str) -> None:
    """Check a given shape against the declared one, and note what the names of open axes stand for."""
    if entry.sizes is None:
        return
    fits = len(shape) == len(entry.sizes)
    for size, declared in zip(shape, entry.sizes, strict=False):
        if isinstance(declared, str):
            fits = fits and symbols.setdefault(declared, size) == size
        elif declared is not None:
            fits = fits and declared == size
    if not fits:
        named = ", ".join(f"{name}={size}" for name, size in symbols.items() if name in entry.sizes)
        hint = f" with {named}" if named else ""
        raise InputError(
            f"the input {brief(entry.name)} of {where} has the shape {entry}{hint}, which {brief(shape)} does not fit"
        )


def _resolved(entry: _Declared, given: Shape | None, symbols: dict[str, int], where: str) -> ModelInput:
    if given is not None:
        return ModelInput(entry.name, entry.elem_type, given)
    sizes = entry.sizes
    if sizes is not None:
        sizes = tuple(symbols.get(size, size) if isinstance(size, str) else size for size in sizes)
        if sizes and not isinstance(sizes[0], int) and all(isinstance(size, int) for size in sizes[1:]):
            logger.warning("%s: the open batch size of the input %r is taken as 1", where, entry.name)
            if isinstance(sizes[0], str):
                symbols[sizes[0]] = 1
            sizes = (1, *sizes[1:])
    shape = tuple(size for size in sizes or () if isinstance(size, int))
    if sizes is None or len(shape) < len(sizes):
        raise _open_sizes(entry, sizes, where)
    if 0 in shape:
        raise InputError(f"the input {brief(entry.name)} of {where} is empty: its shape is {entry}")
    return ModelInput(entry.name, entry.elem_type, shape)


def _open_sizes(entry: _Declared, sizes: Sequence[int | str | None] | None, where: str) -> InputError:
    """The error for an input with open sizes, with an example of how to give them."""
    declared = "no declared shape" if sizes is None else f"open sizes in its shape {entry}"
    wanted = (None, 3, None, None) if sizes is None else sizes
    usual = 224 if len(wanted) == 4 else 128
    example = tuple(size if isinstance(size, int) else usual if axis else 1 for axis, size in enumerate(wanted))
    return InputError(
        f"the input {brief(entry.name)} of {where} has {declared}: give all, for example "
        f"input_shapes={{{entry.name!r}: {example}}} or --input-shape {','.join(map(str, example))}"
    )
