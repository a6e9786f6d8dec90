"""The operators of a network while it is read, before they are simplified."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nassurrogate.graphs.operator_graph import INPUT, Operator, Shape
from nassurrogate.graphs.readers.onnx_tensors import Tensor
from nassurrogate.graphs.simplification import Values


class Draft:
    """Operators in the order in which they are added, and what the simplification needs to know of them."""

    def __init__(self) -> None:
        self.operators: list[Operator] = []
        self.values: dict[int, Values] = {}

    def add_input(self, shape: Shape) -> int:
        """Add an input of the network: its position."""
        self.operators.append(Operator(INPUT, (), (shape,)))
        return len(self.operators) - 1

    def add(
        self,
        kind: str,
        inputs: Sequence[Tensor | None],
        output_shapes: tuple[Shape, ...],
        *,
        values: Values = (),
        **fields: Any,
    ) -> int:
        """Add an operator that reads those of the tensors that are no constants: its position."""
        read = [tensor for tensor in inputs if tensor is not None]
        sources = tuple(tensor.operator for tensor in read if tensor.operator is not None)
        slots = tuple(tensor.slot for tensor in read if tensor.operator is not None)
        self.operators.append(Operator(kind, sources, output_shapes, slots if any(slots) else (), **fields))
        position = len(self.operators) - 1
        if values:
            self.values[position] = values
        return position
