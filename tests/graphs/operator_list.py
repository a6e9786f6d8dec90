"""Builds lists of operators for the tests of the simplification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nassurrogate.graphs.operator_graph import Operator, OperatorGraph, Shape
from nassurrogate.graphs.simplification import Values, simplified


class OperatorList:
    """Operators, one after the other, with one input of a given shape at position 0."""

    def __init__(self, shape: Shape = (1, 8, 4, 4)) -> None:
        self.operators = [Operator("Input", (), (shape,))]
        self.values: dict[int, Values] = {}

    def add(
        self, kind: str, *inputs: int, shape: Shape | None = None, values: Sequence[float | None] = (), **fields: Any
    ) -> int:
        """Add an operator, by default of the shape of its first input: its position."""
        shapes = (self.operators[inputs[0]].output_shape if shape is None else shape,)
        self.operators.append(Operator(kind, inputs, fields.pop("output_shapes", shapes), **fields))
        if values:
            self.values[len(self.operators) - 1] = tuple(values)
        return len(self.operators) - 1

    def simplified(self, *outputs: int) -> list[Operator]:
        """The operators in normal form."""
        return simplified(self.operators, outputs or None, self.values)

    def graph(self, *outputs: int) -> OperatorGraph:
        """The graph in normal form."""
        return OperatorGraph(self.simplified(*outputs))

    def kinds(self, *outputs: int) -> list[str]:
        """Kinds of the operators in normal form, without the input."""
        return [operator.kind for operator in self.simplified(*outputs)[1:]]
