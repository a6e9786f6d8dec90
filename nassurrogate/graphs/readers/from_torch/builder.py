"""Collects the operators of a network while its operations are read one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar

from nassurrogate.graphs.operator_graph import INPUT, Operator, Shape, size_of
from nassurrogate.graphs.simplification import Values

UNKNOWN = math.nan
"""A scalar constant whose number is not known, such as one on the meta device."""


@dataclass(frozen=True)
class Computed:
    """A tensor that an operator computes: which one, and which of its outputs."""

    position: int
    slot: int
    shape: Shape


@dataclass(frozen=True)
class Constant:
    """A tensor that no input changes.

    Attributes:
        shape: its shape.
        learned: how many learned numbers it holds.
        scalar: its number, if it has only one and that is known.
    """

    shape: Shape
    learned: int = 0
    scalar: float = UNKNOWN


Operand: TypeAlias = "Computed | Constant | float | int | bool | None"


class Call(NamedTuple):
    """One operation of the network.

    Attributes:
        name: as `operation_name` gives it.
        args, kwargs: its arguments; tensors as `Computed` or `Constant`.
        shapes: of all its results.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shapes: tuple[Shape, ...]

    @property
    def shape(self) -> Shape:
        """Shape of the first result."""
        return self.shapes[0]

    @property
    def source(self) -> Any:
        """The first argument."""
        return self.get(0, "input")

    def get(self, position: int, keyword: str, default: Any = None) -> Any:
        """An argument by its position or its keyword; position -1 if it has only a keyword."""
        if 0 <= position < len(self.args):
            return self.args[position]
        if keyword == "input" and keyword not in self.kwargs:
            return self.kwargs.get("self", default)
        return self.kwargs.get(keyword, default)

    def integers(self, position: int, keyword: str) -> tuple[int, ...] | None:
        """Axes or sizes, given as a list, as one number, or as all arguments from a position on; None if left out."""
        given = self.get(position, keyword)
        if isinstance(given, bool) or given is None:
            return None
        if isinstance(given, tuple | list):
            return tuple(given)
        if isinstance(given, int):
            rest = self.args[position:] if position < len(self.args) else (given,)
            return tuple(n for n in rest if type(n) is int)
        return None


Handler: TypeAlias = Callable[["Builder", Call], Any]
"""Adds the operators of a call and returns what it computes: a tensor, or a list of them."""
_Handler = TypeVar("_Handler", bound=Handler)


class Builder:
    """The operators of a network so far, and the constants that `simplified` reads."""

    def __init__(self) -> None:
        self.operators: list[Operator] = []
        self.values: dict[int, Values] = {}

    def input(self, shape: Shape) -> Computed:
        """Add an input of the network."""
        self.operators.append(Operator(INPUT, (), (shape,)))
        return Computed(len(self.operators) - 1, 0, shape)

    def add(
        self,
        kind: str,
        operands: Sequence[Operand],
        shape: Shape,
        *,
        values: Sequence[float | None] = (),
        params: int | None = None,
        **fields: Any,
    ) -> Computed:
        """Add an operator with one output; `params` counts the constants among its operands unless given."""
        return self.add_many(kind, operands, (shape,), values=values, params=params, **fields)[0]

    def add_many(
        self,
        kind: str,
        operands: Sequence[Operand],
        shapes: Sequence[Shape],
        *,
        values: Sequence[float | None] = (),
        params: int | None = None,
        **fields: Any,
    ) -> list[Computed]:
        """Add an operator with several outputs."""
        read = [operand for operand in operands if isinstance(operand, Computed)]
        if params is None:
            params = sum(operand.learned for operand in operands if isinstance(operand, Constant))
        slots = tuple(operand.slot for operand in read)
        position = len(self.operators)
        self.operators.append(
            Operator(
                kind,
                tuple(operand.position for operand in read),
                tuple(shapes),
                input_slots=slots if any(slots) else (),
                params=params,
                **fields,
            )
        )
        if values:
            self.values[position] = tuple(values)
        return [Computed(position, slot, shape) for slot, shape in enumerate(shapes)]

    def finished(self, outputs: Sequence[Computed]) -> list[Operator]:
        """The operators, without the last results of each that neither an operator nor the network's outputs read."""
        last: dict[int, int] = {}
        for output in outputs:
            last[output.position] = max(last.get(output.position, 0), output.slot)
        for position in range(len(self.operators) - 1, -1, -1):
            if position in last:  # what nothing needs reads nothing
                operator = self.operators[position]
                slots = operator.input_slots or (0,) * len(operator.inputs)
                for source, slot in zip(operator.inputs, slots, strict=True):
                    last[source] = max(last.get(source, 0), slot)
        return [
            operator._replace(output_shapes=operator.output_shapes[: last[position] + 1])
            if position in last
            else operator
            for position, operator in enumerate(self.operators)
        ]

    def elementwise(self, kind: str, operands: Sequence[Operand], shape: Shape) -> Computed:
        """Add an operator on single numbers. Constant tensors count as parameters, scalars do not."""
        scalars = [scalar_of(operand) for operand in operands]
        tensors = [operand for operand, scalar in zip(operands, scalars, strict=True) if scalar is None]
        is_plain = len(tensors) < len(operands) and not any(isinstance(operand, Constant) for operand in tensors)
        return self.add(kind, tensors, shape, values=scalars if is_plain else ())

    def reshape(self, x: Computed, shape: Shape) -> Computed:
        """The same numbers in another shape."""
        return x if x.shape == shape else self.add("Reshape", [x], shape)

    def transpose(self, x: Computed, order: Sequence[int]) -> Computed:
        """The same numbers with the axes in another order."""
        axes = [axis % len(x.shape) for axis in order]
        return self.add("Transpose", [x], tuple(x.shape[axis] for axis in axes), values=list(map(float, axes)))


def scalar_of(operand: Operand) -> float | None:
    """The number of a scalar, `UNKNOWN` if it is not known; None for a tensor."""
    if isinstance(operand, Constant):
        return operand.scalar if size_of(operand.shape) == 1 else None
    return None if isinstance(operand, Computed) or operand is None else float(operand)


def shape_of(operand: Any) -> Shape:
    """Shape of an operand; () for a number."""
    return operand.shape if isinstance(operand, Computed | Constant) else ()


def register(table: dict[str, Handler], *names: str) -> Callable[[_Handler], _Handler]:
    """Enter a function into a table under several names."""

    def entered(handler: _Handler) -> _Handler:
        table.update(dict.fromkeys(names, handler))
        return handler

    return entered


def per_axis(given: Any, axes: int) -> Shape:
    """A number for each axis, from one number or from a list."""
    numbers = tuple(given) if isinstance(given, tuple | list) else (given,)
    return numbers * axes if len(numbers) == 1 else numbers
