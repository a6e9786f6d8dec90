"""What is known of the tensors of an ONNX model: shape, type, who computes them, and the data of small constants."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from nassurrogate.errors import InputError, brief, one_line
from nassurrogate.graphs.operator_graph import Shape, size_of

if TYPE_CHECKING:
    import onnx

MOST_DATA: Final = 4096
"""Numbers in the largest constant whose data is kept."""
FLOAT, INT64, STRING = 1, 7, 8
"""Types of numbers, as ONNX counts them."""
_LEARNED_TYPES = frozenset({1, 2, 3, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23, 24})
"""Floating point in any width, and the integers that quantised weights are stored in."""
_DTYPES = {
    1: "f4",
    2: "u1",
    3: "i1",
    4: "u2",
    5: "i2",
    6: "i4",
    7: "i8",
    9: "?",
    10: "f2",
    11: "f8",
    12: "u4",
    13: "u8",
}


class Tensor(NamedTuple):
    """What is known of one tensor.

    Attributes:
        shape: its sizes.
        elem_type: the type of its numbers, as ONNX counts them.
        operator: position of the operator that computes it; None for a constant.
        slot: which output of that operator it is.
        data: the numbers of a small constant, if they are known.
        learned: how many learned numbers a constant holds.
    """

    shape: Shape
    elem_type: int = FLOAT
    operator: int | None = None
    slot: int = 0
    data: np.ndarray | None = None
    learned: int = 0

    @property
    def is_constant(self) -> bool:
        """Whether it depends on no input of the network."""
        return self.operator is None

    @property
    def scalar(self) -> float | None:
        """The number of a constant that holds one; NaN if it is not known, None for other tensors."""
        if not self.is_constant or size_of(self.shape) != 1:
            return None
        return float(self.data.reshape(-1)[0]) if self.data is not None else float("nan")

    def integers(self) -> list[int] | None:
        """The numbers of a small constant as integers, None if they are not known."""
        return None if self.data is None else [int(x) for x in self.data.reshape(-1)]


def constant(shape: Shape, elem_type: int, data: np.ndarray | None = None, learned: int | None = None) -> Tensor:
    """A constant; all of it is learned by default, if it is of a type that weights have."""
    if learned is None:
        learned = size_of(shape) if elem_type in _LEARNED_TYPES else 0
    return Tensor(shape, elem_type, data=data, learned=learned)


def from_proto(proto: onnx.TensorProto) -> Tensor:
    """A tensor that is stored in the model, with its data if that is small and was not left out.

    Raises `InputError` for a shape that no tensor has.
    """
    shape = tuple(proto.dims)
    if any(length < 0 for length in shape):
        raise InputError(f"the constant {brief(proto.name)} has the shape {brief(list(shape))}")
    return constant(shape, proto.data_type, _data(proto, shape))


def _data(proto: onnx.TensorProto, shape: Shape) -> np.ndarray | None:
    from onnx import numpy_helper

    if size_of(shape) > MOST_DATA or proto.data_type not in _DTYPES or proto.data_location == proto.EXTERNAL:
        return None
    if size_of(shape) and not any(proto.HasField(f) if f == "raw_data" else getattr(proto, f) for f in _DATA_FIELDS):
        return None  # left out
    try:
        return numpy_helper.to_array(proto)
    except (ValueError, TypeError) as error:
        raise InputError(f"the constant {brief(proto.name)} is damaged: {one_line(error)}") from None


_DATA_FIELDS = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data")


def to_proto(data: np.ndarray) -> onnx.TensorProto:
    """A small constant for the library's shape inference."""
    from onnx import numpy_helper

    return numpy_helper.from_array(np.ascontiguousarray(data))


def dtype_of(elem_type: int) -> np.dtype[Any] | None:
    """NumPy's type for one of ONNX; None for those that it lacks."""
    name = _DTYPES.get(elem_type)
    return None if name is None else np.dtype(name)


@lru_cache(4096)
def type_proto(shape: Shape, elem_type: int) -> onnx.TypeProto:
    """The type of a tensor for the library's shape inference."""
    from onnx import helper

    return helper.make_tensor_type_proto(elem_type, shape)
