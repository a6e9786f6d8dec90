"""Edits of NAS-Bench-101 modules.

One edit changes one operation, adds or removes one edge, or adds a vertex with one edge to it and one from it (since
cells are pruned, a single edge never brings a vertex back). The paper instead mutates the matrix of seven vertices
before pruning, flipping every entry and operation with some probability (arXiv 1902.09635, section 4.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations
from typing import TypeAlias

import numpy as np

from nassurrogate.graphs.cell_graph import OUTPUT
from nassurrogate.spaces.nb101.cell_codes import MAX_EDGES, MAX_VERTICES, OPS
from nassurrogate.spaces.nb101.module_spec import ModuleSpec, on_a_path, subgraph

Edit: TypeAlias = Callable[[], ModuleSpec | None]
"""Makes the edited module, pruned; None if no path from input to output is left."""


def edits(spec: ModuleSpec) -> list[Edit]:
    """All single edits of a module, in a fixed order; an edge may connect vertices in either order."""
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
    """Ordered pairs of vertices between which an edge closes no cycle."""
    n_vertices = len(spec.ops)
    ahead = np.eye(n_vertices, dtype=bool)
    for vertex in reversed(range(n_vertices)):  # every edge goes to a higher vertex
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
    """The pruned module, its vertices in topological order; None if no path from input to output is left."""
    kept = on_a_path(matrix)
    order: list[int] = []
    while len(order) < len(kept):
        order.append(next(y for y in kept if y not in order and not any(matrix[x][y] for x in kept if x not in order)))
    # The output, which all kept vertices lead to, comes last by itself.
    return subgraph(matrix, ops, order) if kept else None
