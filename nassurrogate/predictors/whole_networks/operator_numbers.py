"""What NNLP and NAR-Former V2 read of an operator: its kind, its attributes and its output shape, as numbers.

Kinds, attributes and their order are those of the released code of NNLP (github.com/ModelTC/NNLQP), which NAR-Former V2
took over. It has 28 kinds and leaves 4 of its 32 codes free; here they stand for inputs, layer normalisation, hard
swish, and all other kinds, which are all zeros there. `MatMul` is spelt right here; there it fell to the zeros, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nassurrogate.graphs.operator_graph import INPUT, Operator, Shape

N_CODES, N_SLOTS, N_SIZES = 32, 8, 4
"""Codes of kinds, slots for attributes, and sizes of the output shape."""
KINDS = (
    *("Conv", "Relu", "Add", "Sigmoid", "Reshape", "MaxPool", "Split", "GlobalAveragePool", "Gemm", "Transpose"),
    *("Upsample", "BatchNormalization", "Mul", "Concat", "Flatten", "AveragePool", "Cast", "MatMul", "ReduceMean"),
    *("Pow", "Slice", "Div", "Sub", "Sqrt", "Clip", "Softmax", "Tanh", "ConvTranspose"),
    *(INPUT, "LayerNormalization", "HardSwish"),
)
"""Kinds in the order of their codes; the last code is that of all others."""
_CODE = {kind: code for code, kind in enumerate(KINDS)}
_CODE["Resize"] = _CODE["Upsample"]  # its name since ONNX's opset 10
_OTHER = N_CODES - 1
ATTRIBUTES = ("kernel", "stride", "padding", "dilation", "groups", "bias")
_WINDOW = (0, 1, 2)
_CONVOLUTION = (0, 1, 2, 3, 4, 5)
_SLOTS = {
    "Conv": _CONVOLUTION,
    "ConvTranspose": _CONVOLUTION,
    "MaxPool": _WINDOW,
    "AveragePool": _WINDOW,
    "Gemm": (5,),
}
"""Positions in `ATTRIBUTES` of what fills the slots of a kind, from the first on; other kinds have none. The released
code also reads the permutation of a `Transpose`, which an `Operator` does not hold."""


class OperatorNumbers(NamedTuple):
    """U operators.

    Attributes:
        code: (U,) int64, positions in `KINDS`, or 31.
        attributes: (U, 8) float64; of an attribute with several values the first; 0 in empty slots.
        which: (U, 8) int64, positions in `ATTRIBUTES` of what stands in each slot; −1 in empty ones.
        sizes: (U, 4) float64, the first sizes of the output shape, 0 where it has fewer.
    """

    code: np.ndarray
    attributes: np.ndarray
    which: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, operators: Sequence[Operator]) -> OperatorNumbers:
        """Read operators.

        >>> numbers = OperatorNumbers.of([Operator("Gemm", (), ((1, 10),), bias=True, params=2570)])
        >>> numbers.code.tolist(), numbers.attributes[0, :2].tolist(), numbers.sizes.tolist()
        ([8], [1.0, 0.0], [[1.0, 10.0, 0.0, 0.0]])
        """
        n = len(operators)
        which = np.full((n, N_SLOTS), -1, dtype=np.int64)
        attributes, sizes = np.zeros((n, N_SLOTS)), np.zeros((n, N_SIZES))
        for row, operator in enumerate(operators):
            slots = _SLOTS.get(operator.kind, ())
            which[row, : len(slots)] = slots
            values = _values(operator)
            attributes[row, : len(slots)] = [values[slot] for slot in slots]
            shape = operator.output_shape[:N_SIZES]
            sizes[row, : len(shape)] = shape
        code = np.array([_CODE.get(operator.kind, _OTHER) for operator in operators], dtype=np.int64)
        return cls(code, attributes, which, sizes)


def described(operator: Operator) -> tuple[object, ...]:
    """All that is read of an operator: equal for operators of equal numbers."""
    return operator.kind, operator.output_shape[:N_SIZES], *_values(operator)


def one_hot(code: np.ndarray) -> np.ndarray:
    """(U,) codes → (U, 32) float32."""
    return np.asarray(np.eye(N_CODES, dtype=np.float32)[code])


def _values(operator: Operator) -> tuple[int, int, int, int, int, bool]:
    return (
        _first(operator.kernel),
        _first(operator.stride),
        _first(operator.padding),
        _first(operator.dilation),
        operator.groups,
        operator.bias,
    )


def _first(sizes: Shape) -> int:
    return sizes[0] if sizes else 0
