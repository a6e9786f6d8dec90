"""Rules for slices: several in a row are one, and those that cut all of a tensor are a Split."""

from __future__ import annotations

from nassurrogate.graphs.operator_graph import Operator, Shape
from nassurrogate.graphs.rules.rewriting import Rewriting, Source, Values


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
