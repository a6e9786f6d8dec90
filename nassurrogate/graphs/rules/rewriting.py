"""A network whose operators are replaced one by one, while it is brought into normal form."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from nassurrogate.graphs.operator_graph import INPUT, Operator, Shape

Values: TypeAlias = tuple[float | None, ...]
"""What the rules need to know of an operator and the graph does not keep.

- Elementwise operators: the operands in order, None for a tensor: x + 3 is (None, 3.0), 1 - x is (1.0, None), x ** 2 is
  (None, 2.0). Nothing if no operand is a scalar constant, or if one is a constant tensor.
- `Clip`: (None, minimum, maximum), None for a missing bound. `HardSigmoid`: (None, alpha, beta), those of PyTorch are
  1/6 and 1/2.
- `Transpose`: the permutation. `ReduceMean`: the axes, from 0, in order.
- `Slice`: (axis, start, stop, step) for each axis that it cuts, one after the other, with start and stop counted from 0
  and within the axis. `Pad`: the amounts.
"""
Source: TypeAlias = tuple[int, int]
"""An operator's position, and which of its outputs."""


class Rewriting:
    """Operators by position. Positions stay valid while others are added and removed, but are in no order.

    Args:
        operators: N operators, each after all that it reads.
        outputs: positions of those whose outputs the network returns.
        values: per position, constants that tell patterns apart.
    """

    def __init__(self, operators: Sequence[Operator], outputs: Iterable[int], values: Mapping[int, Values]) -> None:
        self._operators = dict(enumerate(operators))
        self._values = dict(values)
        self._outputs: set[Source] = {(position, 0) for position in outputs}
        self._readers: dict[int, list[int]] = {position: [] for position in self._operators}
        for position, operator in self._operators.items():
            for source in operator.inputs:
                self._readers[source].append(position)
        self._next = len(operators)
        self.changed = False

    def __contains__(self, position: int) -> bool:
        return position in self._operators

    def __getitem__(self, position: int) -> Operator:
        return self._operators[position]

    def values(self, position: int) -> Values:
        """The constants of an operator; nothing if they are not known."""
        return self._values.get(position, ())

    def sources(self, position: int) -> list[Source]:
        """What an operator reads, in its own order."""
        operator = self._operators[position]
        return list(zip(operator.inputs, operator.input_slots or (0,) * len(operator.inputs), strict=True))

    def source_shapes(self, position: int) -> list[Shape]:
        """Shapes of what an operator reads."""
        return [self.shape(source) for source in self.sources(position)]

    def shape(self, source: Source) -> Shape:
        """The shape of an output."""
        return self._operators[source[0]].output_shapes[source[1]]

    def readers(self, position: int) -> list[int]:
        """The operators that read any output of this one; twice if they read it twice."""
        return self._readers[position]

    def is_output(self, position: int) -> bool:
        """Whether the network returns an output of this operator."""
        return any(owner == position for owner, _ in self._outputs)

    def only_reader(self, position: int) -> int | None:
        """The operator that alone reads this one, once; None if there are others, or if the network returns it."""
        readers = self._readers[position]
        return readers[0] if len(readers) == 1 and not self.is_output(position) else None

    def order(self) -> list[int]:
        """All positions in topological order, low ones first where there is a choice."""
        missing = {position: len(operator.inputs) for position, operator in self._operators.items()}
        ready = [position for position, count in missing.items() if not count]
        heapq.heapify(ready)
        ordered: list[int] = []
        while ready:
            position = heapq.heappop(ready)
            ordered.append(position)
            for reader in self._readers[position]:
                missing[reader] -= 1
                if not missing[reader]:
                    heapq.heappush(ready, reader)
        return ordered

    def put(self, position: int, operator: Operator, sources: Sequence[Source], values: Values = ()) -> None:
        """Replace an operator; its `inputs` and `input_slots` are set from the sources. Unread ones are removed."""
        before = self._operators[position].inputs
        self._operators[position] = _reading(operator, sources)
        self._values.pop(position, None)
        if values:
            self._values[position] = values
        for source, _ in sources:
            self._readers[source].append(position)
        for source in before:
            self._readers[source].remove(position)
        for source in before:
            self._remove_unread(source)
        self.changed = True

    def add(self, operator: Operator, sources: Sequence[Source], values: Values = ()) -> int:
        """Add an operator: its position. It must be read before anything else changes."""
        position, self._next = self._next, self._next + 1
        self._operators[position] = _reading(operator, sources)
        self._readers[position] = []
        if values:
            self._values[position] = values
        for source, _ in sources:
            self._readers[source].append(position)
        self.changed = True
        return position

    def redirect(self, old: Source, new: Source) -> None:
        """Let all that read one output read another one, which must not depend on it. Unread operators are removed."""
        for reader in set(self._readers[old[0]]):
            if reader != new[0]:
                self._read_instead(reader, old, new)
        if old in self._outputs:
            self._outputs.remove(old)
            self._outputs.add(new)
        self._remove_unread(old[0])
        self.changed = True

    def remove_unread(self) -> None:
        """Remove all operators that neither an operator nor the network's outputs need; inputs stay."""
        for position in reversed(self.order()):
            self._remove_unread(position)

    def _read_instead(self, reader: int, old: Source, new: Source) -> None:
        sources = [new if source == old else source for source in self.sources(reader)]
        for source, _ in self.sources(reader):
            self._readers[source].remove(reader)
        for source, _ in sources:
            self._readers[source].append(reader)
        self._operators[reader] = _reading(self._operators[reader], sources)

    def _remove_unread(self, position: int) -> None:
        unread = [position]
        while unread:
            last = unread.pop()
            operator = self._operators.get(last)
            if operator is None or operator.kind == INPUT or self._readers[last] or self.is_output(last):
                continue
            del self._operators[last], self._readers[last]
            self._values.pop(last, None)
            for source in operator.inputs:
                self._readers[source].remove(last)
                unread.append(source)


def _reading(operator: Operator, sources: Sequence[Source]) -> Operator:
    slots = tuple(slot for _, slot in sources)
    return operator._replace(inputs=tuple(source for source, _ in sources), input_slots=slots if any(slots) else ())
