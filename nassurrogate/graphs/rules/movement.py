"""One form for Reshapes and Transposes in a row, whatever steps they take.

In a row, they put the numbers of a tensor in another order. That order is kept as a permutation of factors: pieces of
the axes at the start, as large as the permutation allows. A Reshape regroups factors, a Transpose moves them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from nassurrogate.graphs.operator_graph import Operator, Shape, size_of
from nassurrogate.graphs.rules.rewriting import Rewriting, Source

_MOST_STEPS = 64
"""In one row."""


class _Step(NamedTuple):
    """A Transpose, or a Reshape if there is no permutation, to a shape."""

    shape: Shape
    permutation: tuple[int, ...] = ()


def shorten_movement(network: Rewriting, position: int) -> None:
    """Bring the row of Reshapes and Transposes that ends here into the form that has the fewest."""
    if not _is_step(network, position):
        return
    readers = network.readers(position)
    if readers and all(_is_step(network, reader) for reader in readers) and not network.is_output(position):
        return  # part of a longer row
    steps, source = _row(network, position)
    start = network.shape(source)
    order = _order(start, steps)
    if order is None:
        return
    wanted = _shortest(start, steps[-1].shape, *order)
    if wanted == steps:
        return
    if not wanted:
        network.redirect((position, 0), source)
        return
    for step in wanted[:-1]:
        source = (network.add(_operator(step), [source], step.permutation), 0)
    network.put(position, _operator(wanted[-1]), [source], wanted[-1].permutation)


def _is_step(network: Rewriting, position: int) -> bool:
    operator = network[position]
    if len(operator.inputs) != 1 or operator.params:
        return False
    return operator.kind == "Reshape" or (operator.kind == "Transpose" and bool(network.values(position)))


def _row(network: Rewriting, position: int) -> tuple[list[_Step], Source]:
    """The steps that end with an operator, and what the first of them reads."""
    steps: list[_Step] = []
    source = (position, 0)
    while _is_step(network, source[0]) and len(steps) < _MOST_STEPS:
        steps.append(_Step(network.shape(source), tuple(int(x or 0) for x in network.values(source[0]))))
        source = network.sources(source[0])[0]
    return steps[::-1], source


def _operator(step: _Step) -> Operator:
    return Operator("Transpose" if step.permutation else "Reshape", (), (step.shape,))


def _order(start: Shape, steps: Sequence[_Step]) -> tuple[list[int], list[int]] | None:
    """The sizes of the factors in the order of the start, and the permutation of them that the steps lead to.

    None if a Transpose moves axes that begin or end within a factor that is no multiple, as in (2, 3) to (3, 2) between
    two Transposes.
    """
    factors, order = [size_of(start)], [0]
    shape = start
    for step in steps:
        if size_of(step.shape) != size_of(start):
            return None
        if step.permutation:
            cut = _cut(factors, order, shape)
            if cut is None:
                return None
            factors, groups = cut
            factors, order = _merged(factors, [factor for axis in step.permutation for factor in groups[axis]])
        shape = step.shape
    return factors, order


def _cut(factors: list[int], order: list[int], shape: Shape) -> tuple[list[int], list[list[int]]] | None:
    """Factors, those that lie across the border of two axes cut in two, and which of them make up each axis."""
    sizes = dict(enumerate(factors))
    first, last = list(sizes), list(order)
    groups: list[list[int]] = []
    place = 0
    for length in shape:
        group: list[int] = []
        while length > 1:
            factor = last[place]
            if length % sizes[factor]:
                if sizes[factor] % length:
                    return None
                rest = len(sizes)
                sizes[factor], sizes[rest] = length, sizes[factor] // length
                for listed in (first, last):
                    listed.insert(listed.index(factor) + 1, rest)
            group.append(factor)
            length //= sizes[factor]
            place += 1
        groups.append(group)
    rank = {factor: place for place, factor in enumerate(first)}
    return [sizes[factor] for factor in first], [[rank[factor] for factor in group] for group in groups]


def _merged(factors: list[int], order: list[int]) -> tuple[list[int], list[int]]:
    """The same with factors that stay side by side made one."""
    starts = [x for place, x in enumerate(order) if not place or order[place - 1] != x - 1]
    number = {start: place for place, start in enumerate(sorted(starts))}
    borders = [*sorted(starts), len(factors)]
    merged = [size_of(tuple(factors[a:b])) for a, b in pairwise(borders)]
    return merged, [number[x] for x in starts]


def _shortest(start: Shape, end: Shape, factors: list[int], permutation: list[int]) -> list[_Step]:
    """The fewest steps from one shape to another that reorder the factors."""
    if permutation == sorted(permutation):
        return [] if start == end else [_Step(end)]
    moved = [factors[x] for x in permutation]
    inverse = [permutation.index(x) for x in range(len(permutation))]
    before = _axes_of(start, factors)
    if before is not None:
        direct = _axis_permutation(start, end, [axis for x in permutation for axis in before[x]])
        shape = tuple(start[axis] for axis in direct)
        steps = [_Step(shape, direct)]
        return steps if shape == end else [*steps, _Step(end)]
    after = _axes_of(end, moved)
    if after is not None:
        back = _axis_permutation(end, (), [axis for x in inverse for axis in after[x]])
        shape = tuple(end[axis] for axis in back)
        forth = tuple(back.index(axis) for axis in range(len(end)))
        return [_Step(shape), _Step(end, forth)]
    steps = [_Step(tuple(factors)), _Step(tuple(moved), tuple(permutation))]
    return steps if tuple(moved) == end else [*steps, _Step(end)]


def _axes_of(shape: Shape, factors: Sequence[int]) -> list[list[int]] | None:
    """The axes longer than 1 that make up each factor; None if an axis lies in several."""
    found: list[list[int]] = []
    axes = [axis for axis, length in enumerate(shape) if length > 1]
    for size in factors:
        group: list[int] = []
        while size_of(tuple(shape[axis] for axis in group)) < size:
            group.append(axes.pop(0))
        if size_of(tuple(shape[axis] for axis in group)) != size:
            return None
        found.append(group)
    return found


def _axis_permutation(shape: Shape, end: Shape, order: Sequence[int]) -> tuple[int, ...]:
    """All axes of a shape, those longer than 1 in the given order; axes of 1 where the end has them, or else first."""
    ones = [axis for axis, length in enumerate(shape) if length == 1]
    if sorted(end) == sorted(shape) and [x for x in end if x > 1] == [shape[axis] for axis in order]:
        left, singles = iter(order), iter(ones)
        return tuple(next(left) if length > 1 else next(singles) for length in end)
    return (*ones, *order)
