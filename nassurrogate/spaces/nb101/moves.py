"""Edits and crossings of NAS-Bench-101 modules.

One edit is a change of one operation, one edge more or less, or one vertex more with one edge to it and one from it (of
a pruned cell no single edge can bring a vertex back). The paper mutates a matrix of seven vertices, pruned or not, by
flipping every entry and operation with a probability (arXiv 1902.09635, section 4.3); here a cell is what it computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations
from typing import TypeAlias

import numpy as np

from nassurrogate.architecture import INPUT, OUTPUT
from nassurrogate.spaces.nb101.cell_codes import MAX_EDGES, MAX_VERTICES, OPS
from nassurrogate.spaces.nb101.module_spec import ModuleSpec, cut, on_a_way

Edit: TypeAlias = Callable[[], ModuleSpec | None]
"""Makes the edited module, pruned; None where no way leads from input to output any more."""
_DRAWS = 100
"""Children that may fail before a parent takes their place."""


def edits(spec: ModuleSpec) -> list[Edit]:
    """All single edits of a module, in a fixed order; the order of vertices is no obstacle to an edge."""
    return [*_changed_ops(spec), *_flipped_edges(spec), *_added_vertices(spec)]


def _changed_ops(spec: ModuleSpec) -> Iterator[Edit]:
    for vertex in range(1, len(spec.ops) - 1):
        for op in OPS:
            if op != spec.ops[vertex]:
                yield (
                    lambda vertex=vertex, op=op: ModuleSpec(  # type: ignore[misc]
                        spec.matrix, [*spec.ops[:vertex], op, *spec.ops[vertex + 1 :]]
                    )
                )


def _flipped_edges(spec: ModuleSpec) -> Iterator[Edit]:
    full = spec.n_edges() >= MAX_EDGES
    for source, target in _pairs(spec):
        if spec.matrix[source][target] or not full:
            yield lambda source=source, target=target: _with_flipped(spec, source, target)  # type: ignore[misc]


def _added_vertices(spec: ModuleSpec) -> Iterator[Edit]:
    if len(spec.ops) < MAX_VERTICES and spec.n_edges() + 2 <= MAX_EDGES:
        for source, target in _pairs(spec):
            for op in OPS:
                yield lambda source=source, target=target, op=op: _with_vertex(spec, source, target, op)  # type: ignore[misc]


def _pairs(spec: ModuleSpec) -> Iterator[tuple[int, int]]:
    """Ordered pairs of vertices between which an edge closes no circle."""
    n_vertices = len(spec.ops)
    ahead = np.eye(n_vertices, dtype=bool)
    for vertex in reversed(range(n_vertices)):  # all that a vertex leads to comes behind it
        for following in np.flatnonzero(spec.matrix[vertex]):
            ahead[vertex] |= ahead[following]
    for source, target in permutations(range(n_vertices), 2):
        if source != n_vertices - 1 and target != 0 and not ahead[target, source]:
            yield source, target


def _with_flipped(spec: ModuleSpec, source: int, target: int) -> ModuleSpec | None:
    matrix = [list(row) for row in spec.matrix]
    matrix[source][target] = 1 - matrix[source][target]
    return _in_order(matrix, spec.ops)


def _with_vertex(spec: ModuleSpec, source: int, target: int, op: str) -> ModuleSpec | None:
    last = len(spec.ops) - 1
    place = [*range(last), last + 1]
    matrix = [[0] * (last + 2) for _ in range(last + 2)]
    for x, y in np.argwhere(spec.matrix):
        matrix[place[x]][place[y]] = 1
    matrix[place[source]][last] = matrix[last][place[target]] = 1
    return _in_order(matrix, [*spec.ops[:-1], op, OUTPUT])


def _in_order(matrix: list[list[int]], ops: list[str]) -> ModuleSpec | None:
    """Pruned, its vertices in an order in which every edge leads forwards."""
    kept = on_a_way(matrix)
    order: list[int] = []
    while len(order) < len(kept):
        order.append(next(y for y in kept if y not in order and not any(matrix[x][y] for x in kept if x not in order)))
    # The last vertex reads from all others or from those that do: it comes last by itself.
    return cut(matrix, ops, order) if kept else None


def cross(first: ModuleSpec, second: ModuleSpec, rng: np.random.Generator) -> ModuleSpec:
    """A module that takes each edge and operation from one parent or the other, drawn uniformly.

    Inner vertices of equal number face each other; where one parent lacks a vertex the other gives its operation. A
    child without a way from input to output or with too many edges is drawn again; after a hundred one parent lives on.
    """
    matrices = [_padded(parent) for parent in (first, second)]
    longer, shorter = sorted((first.ops[1:-1], second.ops[1:-1]), key=len, reverse=True)
    others = [*shorter, *longer[len(shorter) :]]
    spare = [OPS[0]] * (MAX_VERTICES - 2 - len(longer))  # on no way: they are pruned
    for _ in range(_DRAWS):
        matrix = np.where(rng.random((MAX_VERTICES, MAX_VERTICES)) < 0.5, *matrices)
        inner = [a if take else b for take, a, b in zip(rng.random(len(longer)) < 0.5, longer, others, strict=True)]
        kept = on_a_way(matrix.tolist())
        child = cut(matrix.tolist(), [INPUT, *inner, *spare, OUTPUT], kept) if kept else None
        if child is not None and child.n_edges() <= MAX_EDGES:
            return child
    return first if rng.random() < 0.5 else second


def _padded(spec: ModuleSpec) -> np.ndarray:
    """(7, 7): the matrix with unconnected vertices before the output."""
    place = [*range(len(spec.ops) - 1), MAX_VERTICES - 1]
    matrix = np.zeros((MAX_VERTICES, MAX_VERTICES), dtype=int)
    matrix[np.ix_(place, place)] = spec.matrix
    return matrix
