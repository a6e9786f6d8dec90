"""Rules for operators that do nothing, which vanish, and for slices."""

from __future__ import annotations

from nassurrogate.graphs.operator_graph import Operator, Shape
from nassurrogate.graphs.rules.rewriting import Rewriting, Source, Values

_NO_OPS = frozenset({"Identity", "Dropout", "Cast", "CastLike"})
_NO_OPS_OF_SAME_SHAPE = frozenset({"Expand", "Tile", "Resize", "Concat", "Split"})
"""Kinds that do nothing if their one input has the shape of their output."""
_NEUTRAL = {"Add": 0.0, "Sub": 0.0, "Mul": 1.0, "Div": 1.0, "Pow": 1.0}
"""The right operand that changes nothing."""
_VARIADIC = frozenset({"Sum", "Mean", "Max", "Min"})
_POOLS = frozenset({"MaxPool", "AveragePool", "LpPool"})


def drop_no_ops(network: Rewriting, position: int) -> None:
    """Let the readers of an operator that does nothing read its input."""
    if _does_nothing(network, position):
        network.redirect((position, 0), network.sources(position)[0])


def _does_nothing(network: Rewriting, position: int) -> bool:
    operator, values = network[position], network.values(position)
    kind = operator.kind
    if len(operator.inputs) != 1 or operator.params:
        return False
    if kind in _NO_OPS or (kind in _VARIADIC and not values):
        return True
    if network.source_shapes(position)[0] != operator.output_shape:
        return False
    if kind in _NO_OPS_OF_SAME_SHAPE:
        return len(operator.output_shapes) == 1
    if kind == "Slice":
        return all(step is None or step > 0 for step in values[3::4])
    if kind == "Pad":
        return not any(values)
    if kind in _POOLS:
        return set(operator.kernel + operator.stride) == {1} and not any(operator.padding)
    return kind in _NEUTRAL and len(values) == 2 and values[0] is None and values[1] == _NEUTRAL[kind]


def merge_slices(network: Rewriting, position: int) -> None:
    """Make one Slice of two in a row that cut different axes."""
    operator, values = network[position], network.values(position)
    if operator.kind != "Slice" or not values:
        return
    before = network.sources(position)[0][0]
    first = network.values(before)
    if network[before].kind == "Slice" and first and not set(first[::4]) & set(values[::4]):
        cuts = sorted(_cuts(first) + _cuts(values))
        network.put(position, operator, network.sources(before), tuple(x for cut in cuts for x in cut))


def _cuts(values: Values) -> list[tuple[float, ...]]:
    numbers = [0.0 if value is None else value for value in values]
    return [tuple(numbers[i : i + 4]) for i in range(0, len(numbers), 4)]


def split_from_slices(network: Rewriting, position: int) -> None:
    """Make one Split of Slices that together cut the whole of one output along one axis."""
    for slot, shape in enumerate(network[position].output_shapes):
        source = (position, slot)
        by_axis: dict[int, dict[tuple[int, int], list[int]]] = {}
        for reader in set(network.readers(position)):
            values = network.values(reader)
            is_part = network[reader].kind == "Slice" and len(values) == 4 and values[3] == 1
            if is_part and network.sources(reader) == [source]:
                axis, start, stop = (int(value or 0) for value in values[:3])
                by_axis.setdefault(axis, {}).setdefault((start, stop), []).append(reader)
        for axis, slices in by_axis.items():
            _split(network, source, shape, axis, slices)


def _split(
    network: Rewriting, source: Source, shape: Shape, axis: int, slices: dict[tuple[int, int], list[int]]
) -> None:
    parts = sorted(slices)
    borders = [0, *(stop for _, stop in parts)]
    if len(parts) < 2 or borders[-1] != shape[axis] or [start for start, _ in parts] != borders[:-1]:
        return
    shapes = tuple((*shape[:axis], stop - start, *shape[axis + 1 :]) for start, stop in parts)
    split = network.add(Operator("Split", (), shapes), [source])
    for slot, part in enumerate(parts):
        for reader in slices[part]:
            network.redirect((reader, 0), (split, slot))
