"""Computes the small constants of an ONNX model that shapes depend on, such as the target of a Reshape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from nassurrogate.graphs.operator_graph import size_of
from nassurrogate.graphs.readers.onnx_tensors import MOST_DATA, Tensor, dtype_of

if TYPE_CHECKING:
    import onnx

Array: TypeAlias = np.ndarray
Attributes: TypeAlias = Mapping[str, Any]


def computed(
    node: onnx.NodeProto, attributes: Attributes, inputs: Sequence[Tensor | None], n_numbers: int
) -> list[Array] | None:
    """The outputs of an operator that depends on small constants or on shapes alone; None if they are not computed.

    Args:
        node: the operator.
        attributes: its attributes by name.
        inputs: its inputs; None for those that are left out.
        n_numbers: numbers in its largest output, as far as its shape is known; larger ones are not computed.
    """
    if node.domain not in ("", "ai.onnx") or n_numbers > MOST_DATA:
        return None
    if node.op_type in ("Shape", "Size"):
        return [_shape(node.op_type, attributes, inputs)] if inputs and inputs[0] is not None else None
    function = _FUNCTIONS.get(node.op_type)
    arrays = [None if tensor is None else tensor.data for tensor in inputs]
    if function is None or any(
        tensor is not None and array is None for tensor, array in zip(inputs, arrays, strict=True)
    ):
        return None
    try:
        with np.errstate(all="ignore"):
            found = function(attributes, *arrays)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
        return None  # The shape inference that comes before has accepted the operator: only its numbers stay unknown.
    outputs: list[Array] = found if isinstance(found, list) else [np.asarray(found)]
    return outputs if all(array.size <= MOST_DATA for array in outputs) else None


def _shape(op_type: str, attributes: Attributes, inputs: Sequence[Tensor | None]) -> Array:
    assert inputs[0] is not None
    shape = inputs[0].shape
    if op_type == "Size":
        return np.asarray(size_of(shape), dtype=np.int64)
    return np.asarray(shape[slice(attributes.get("start", 0), attributes.get("end"))], dtype=np.int64)


def _cast(attributes: Attributes, x: Array) -> Array:
    dtype = dtype_of(attributes["to"])
    if dtype is None:
        raise ValueError("a type that NumPy lacks")
    return x.astype(dtype)


def _divide(attributes: Attributes, a: Array, b: Array) -> Array:
    if a.dtype.kind in "iu":
        return np.asarray(np.sign(a) * np.sign(b) * (abs(a) // abs(b)), dtype=a.dtype)  # rounds towards zero
    return np.asarray(a / b)


def _axes(attributes: Attributes, axes: Array | None) -> list[int] | None:
    found = attributes.get("axes") if axes is None else axes.reshape(-1).tolist()
    return None if found is None else [int(axis) for axis in found]


def _squeeze(attributes: Attributes, x: Array, axes: Array | None = None) -> Array:
    found = _axes(attributes, axes)
    return x.squeeze() if found is None else x.squeeze(tuple(found))


def _unsqueeze(attributes: Attributes, x: Array, axes: Array | None = None) -> Array:
    return np.expand_dims(x, tuple(_axes(attributes, axes) or ()))


def _reshape(attributes: Attributes, x: Array, shape: Array) -> Array:
    keep_zeros = bool(attributes.get("allowzero", 0))
    sizes = [int(s) if s or keep_zeros else x.shape[axis] for axis, s in enumerate(shape.tolist())]
    return x.reshape(sizes)


def _slice(
    attributes: Attributes,
    x: Array,
    starts: Array | None = None,
    ends: Array | None = None,
    axes: Array | None = None,
    steps: Array | None = None,
) -> Array:
    first = attributes["starts"] if starts is None else starts.tolist()
    last = attributes["ends"] if ends is None else ends.tolist()
    along = _axes(attributes, axes) or range(len(first))
    by = [1] * len(first) if steps is None else steps.tolist()
    index: list[slice] = [slice(None)] * x.ndim
    for axis, start, end, step in zip(along, first, last, by, strict=True):
        # Going backwards, an end before the first element is written as a large negative number.
        stop = None if step < 0 and end < -x.shape[axis] else end
        index[axis] = slice(start, stop, step)
    return x[tuple(index)]


def _bounded(shape: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in shape)
    if size_of(sizes) > MOST_DATA:
        raise ValueError("too large")
    return sizes


def _constant_of_shape(attributes: Attributes, shape: Array) -> Array:
    from onnx import numpy_helper

    value = attributes.get("value")
    fill = np.zeros(1, np.float32) if value is None else numpy_helper.to_array(value)
    return np.full(_bounded(shape.tolist()), fill.reshape(-1)[0])


def _expand(attributes: Attributes, x: Array, shape: Array) -> Array:
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, _bounded(shape.tolist())))


def _range(attributes: Attributes, start: Array, limit: Array, delta: Array) -> Array:
    if (limit - start) / delta > MOST_DATA:
        raise ValueError("too large")
    return np.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)


def _tile(attributes: Attributes, x: Array, repeats: Array) -> Array:
    _bounded([*x.shape, *repeats.tolist()])
    return np.tile(x, repeats.tolist())


def _split(attributes: Attributes, x: Array, split: Array | None = None) -> list[Array]:
    sizes = attributes.get("split") if split is None else split.tolist()
    axis = attributes.get("axis", 0)
    if sizes is None:
        n_parts = attributes["num_outputs"]
        part = -(-x.shape[axis] // n_parts)
        sizes = [part] * (n_parts - 1)
        sizes.append(x.shape[axis] - sum(sizes))
    return np.split(x, np.cumsum(sizes)[:-1].tolist(), axis=axis)


def _reduce(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduced(attributes: Attributes, x: Array, axes: Array | None = None) -> Any:
        along = _axes(attributes, axes)
        if not along and attributes.get("noop_with_empty_axes"):
            return x
        return function(x, axis=tuple(along) if along else None, keepdims=bool(attributes.get("keepdims", 1))).astype(
            x.dtype
        )

    return reduced


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda attributes, *arrays: function(*arrays)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Add": _plain(np.add),
    "Sub": _plain(np.subtract),
    "Mul": _plain(np.multiply),
    "Div": _divide,
    "Mod": lambda attributes, a, b: np.fmod(a, b) if attributes.get("fmod") else np.mod(a, b),
    "Pow": lambda attributes, a, b: np.power(a, b).astype(a.dtype),
    "Max": lambda attributes, *arrays: np.maximum.reduce(np.broadcast_arrays(*arrays)),
    "Min": lambda attributes, *arrays: np.minimum.reduce(np.broadcast_arrays(*arrays)),
    "Neg": _plain(np.negative),
    "Abs": _plain(np.abs),
    "Sqrt": _plain(np.sqrt),
    "Reciprocal": _plain(np.reciprocal),
    "Floor": _plain(np.floor),
    "Ceil": _plain(np.ceil),
    "Round": _plain(np.round),
    "Not": _plain(np.logical_not),
    "And": _plain(np.logical_and),
    "Or": _plain(np.logical_or),
    "Equal": _plain(np.equal),
    "Greater": _plain(np.greater),
    "GreaterOrEqual": _plain(np.greater_equal),
    "Less": _plain(np.less),
    "LessOrEqual": _plain(np.less_equal),
    "Where": _plain(np.where),
    "Identity": _plain(np.asarray),
    "Cast": _cast,
    "CastLike": lambda attributes, x, other: x.astype(other.dtype),
    "Concat": lambda attributes, *arrays: np.concatenate(arrays, axis=attributes["axis"]),
    "Gather": lambda attributes, x, indices: np.take(x, indices, axis=attributes.get("axis", 0)),
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Reshape": _reshape,
    "Flatten": lambda attributes, x: x.reshape(size_of(x.shape[: attributes.get("axis", 1)]), -1),
    "Transpose": lambda attributes, x: np.transpose(x, attributes.get("perm")),
    "Slice": _slice,
    "Split": _split,
    "Expand": _expand,
    "Tile": _tile,
    "Range": _range,
    "ConstantOfShape": _constant_of_shape,
    "ReduceProd": _reduce(np.prod),
    "ReduceSum": _reduce(np.sum),
    "ReduceMax": _reduce(np.max),
    "ReduceMin": _reduce(np.min),
}
