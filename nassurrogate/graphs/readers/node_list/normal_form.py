"""Brings the operators of a node list into the normal form that all readers give, and checks whether they have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nassurrogate.graphs.operator_graph import INPUT, Operator
from nassurrogate.graphs.simplification import Values, simplified

_HARD_SIGMOID: Final[dict[str, Values]] = {"Add": (None, 3.0), "Clip": (None, 0.0, 6.0), "Mul": (None, 1 / 6)}
"""Its operators, of one input each, with their constants in the form of `simplified`."""
_SHUFFLE: Final[Values] = (0.0, 2.0, 1.0, 3.0, 4.0)
"""The axes of the Transpose in a channel shuffle."""
_PLAIN: Final = frozenset((INPUT, "Conv", "Relu", "Clip", "MaxPool", "GlobalAveragePool", "Gemm"))


def in_normal_form(operators: list[Operator]) -> list[Operator]:
    """The operators in normal form, simplified only if they may not be in it: most lists are, and it takes longest."""
    if _are_simple(operators):
        return operators
    values: dict[int, Values] = {}
    for place, operator in enumerate(operators):
        if operator.kind == "Mul" and (parts := _hard_sigmoid(operators, place)):
            values |= dict(zip(parts, _HARD_SIGMOID.values(), strict=True))
        elif operator.kind == "Transpose" and _swaps_channels(operator, operators[operator.inputs[0]]):
            values[place] = _SHUFFLE
    return simplified(operators, values=values)


def _hard_sigmoid(operators: Sequence[Operator], last: int) -> list[int] | None:
    """The places of the operators of a hard sigmoid that ends with a product; None if it is none."""
    parts = [last]
    for kind in reversed(_HARD_SIGMOID):
        operator = operators[parts[0]]
        if operator.kind != kind or len(operator.inputs) != 1:
            return None
        parts.insert(0, operator.inputs[0])
    return parts[1:]


def _swaps_channels(operator: Operator, before: Operator) -> bool:
    """Whether a Transpose may be that of a channel shuffle: groups and channels of a group change places."""
    batch, *channels_and_sizes = before.output_shape
    if len(channels_and_sizes) != 4:
        return False
    groups, channels, *sizes = channels_and_sizes
    return operator.output_shape == (batch, channels, groups, *sizes)


def _are_simple(operators: list[Operator]) -> bool:
    """Whether the operators are in normal form for sure: nothing to be swapped, merged or dropped. Saves most time."""
    seen: set[tuple[object, ...]] = set()
    for operator in operators:
        kind, inputs = operator.kind, operator.inputs
        if kind not in _PLAIN and not _is_simple(operator, operators):
            return False
        if kind != "Conv":
            what = (kind, inputs, operator.kernel)
            if what in seen and kind != INPUT:
                return False
            seen.add(what)
    return True


def _is_simple(operator: Operator, operators: list[Operator]) -> bool:
    before = operators[operator.inputs[0]]
    match operator.kind:
        case "AveragePool":
            return operator.kernel != before.output_shape[2:]
        case "BatchNormalization":
            return before.kind in ("Concat", "MaxPool", "AveragePool", "Relu")
        case "Concat":
            return len(operator.inputs) > 1
        case "Reshape":
            return before.output_shape[1:] != (1, 1, 1) and before.output_shape == (*operator.output_shape, 1, 1)
    return False
