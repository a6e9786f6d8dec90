"""Module specifications of NAS-Bench-101: an adjacency matrix and the operation of every vertex.

As in the official `ModelSpec`, vertices that are on no path from input to output are pruned first; the rest has at most
seven vertices and nine edges.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nassurrogate.errors import InputError, brief, nearest
from nassurrogate.graphs.cell_graph import INPUT, OUTPUT
from nassurrogate.spaces.nb101.cell_codes import MAX_EDGES, MAX_VERTICES, OPS
from nassurrogate.spaces.nb101.official_hash import cell_hash

_MAX_BEFORE_PRUNING = 64
"""The most vertices of a matrix before pruning."""


class ModuleSpec(NamedTuple):
    """A pruned module.

    `matrix` is (V, V), strictly upper triangular, 1 where the row's vertex feeds the column's; `ops` holds V names, the
    first `"input"`, the last `"output"`.
    """

    matrix: list[list[int]]
    ops: list[str]

    def hash(self) -> str:
        """The official hash: equal exactly for isomorphic modules."""
        return cell_hash(self.matrix, [OPS.index(op) for op in self.ops[1:-1]])

    def n_edges(self) -> int:
        """Number of edges."""
        return sum(map(sum, self.matrix))

    def to_json(self) -> str:
        """One line of JSON with the arguments of the official `ModelSpec` by name."""
        return json.dumps(self._asdict(), separators=(",", ":"))


def checked_spec(matrix: object, ops: object) -> ModuleSpec:
    """The pruned module of a matrix and its operations, its vertices in the given order.

    Raises `InputError` with the reason if it is not a module of the space.

    >>> checked_spec([[0, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 1], [0] * 4], ["input", *OPS[:2], "output"])
    ModuleSpec(matrix=[[0, 1, 1], [0, 0, 1], [0, 0, 0]], ops=['input', 'conv1x1-bn-relu', 'output'])
    """
    names = _checked_ops(ops)
    rows = _checked_matrix(matrix, len(names))
    kept = on_a_path(rows)
    if not kept:
        raise InputError("not an nb101 cell: no path from input to output")
    spec = subgraph(rows, names, kept)
    for count, most, what in ((len(kept), MAX_VERTICES, "vertices"), (spec.n_edges(), MAX_EDGES, "edges")):
        if count > most:
            raise InputError(f"not an nb101 cell: {count} {what} on paths from input to output; at most {most}")
    return spec


def on_a_path(matrix: Sequence[Sequence[int]]) -> list[int]:
    """The vertices, ascending, that are on a path from the first to the last; empty if there is no such path."""
    vertices = range(len(matrix))
    ahead = _reached(0, [[y for y in vertices if matrix[x][y]] for x in vertices])
    behind = _reached(len(matrix) - 1, [[x for x in vertices if matrix[x][y]] for y in vertices])
    return sorted(ahead & behind)


def subgraph(matrix: Sequence[Sequence[int]], ops: Sequence[str], kept: Sequence[int]) -> ModuleSpec:
    """The part of a graph that is left if only some vertices are kept."""
    return ModuleSpec([[int(matrix[x][y]) for y in kept] for x in kept], [ops[vertex] for vertex in kept])


def _reached(start: int, following: list[list[int]]) -> set[int]:
    reached, stack = {start}, [start]
    while stack:
        for vertex in following[stack.pop()]:
            if vertex not in reached:
                reached.add(vertex)
                stack.append(vertex)
    return reached


def parse_spec(text: str) -> ModuleSpec:
    """The module of the JSON `{"matrix": …, "ops": …}` or `[matrix, ops]`. Raises `InputError` for anything else."""
    try:
        given: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"malformed nb101 cell {brief(text)}; expected JSON with a matrix and ops") from error
    if isinstance(given, dict) and set(given) == {"matrix", "ops"}:
        return checked_spec(given["matrix"], given["ops"])
    if isinstance(given, list) and len(given) == 2:
        return checked_spec(*given)
    raise InputError(f'malformed nb101 cell {brief(text)}; expected {{"matrix": …, "ops": …}} or [matrix, ops]')


def _checked_ops(ops: object) -> list[str]:
    if not isinstance(ops, list | tuple | np.ndarray) or not all(isinstance(op, str) for op in ops):
        raise InputError(f"the ops of an nb101 cell are a list of names, got {brief(ops)}")
    names = [str(op) for op in ops]
    if not 2 <= len(names) <= _MAX_BEFORE_PRUNING or names[0] != INPUT or names[-1] != OUTPUT:
        raise InputError(
            f"the ops of an nb101 cell are {INPUT!r}, operations and {OUTPUT!r}, at most {_MAX_BEFORE_PRUNING} names, "
            f"got {brief(names)}"
        )
    for vertex, op in enumerate(names[1:-1], start=1):
        if op not in OPS:
            close = nearest(op, OPS)
            hint = f"; did you mean {close!r}?" if close else ""
            raise InputError(
                f"unknown op {brief(op)} at vertex {vertex} of an nb101 cell; known ops: {', '.join(OPS)}{hint}"
            )
    return names


def _checked_matrix(matrix: object, n_vertices: int) -> list[list[int]]:
    try:
        values = np.array(matrix)
    except (ValueError, OverflowError):
        values = np.array(None)
    if values.shape != (n_vertices, n_vertices) or values.dtype.kind not in "biuf":
        given = f"shape {values.shape}" if values.ndim else brief(matrix)
        raise InputError(f"{n_vertices} ops need a {n_vertices}x{n_vertices} matrix of 0 and 1, got {given}")
    wrong = values[(values != 0) & (values != 1)]
    if wrong.size:
        raise InputError(f"the matrix of an nb101 cell holds 0 and 1 only, got {brief(wrong[0].item())}")
    backwards = np.argwhere(np.tril(values))
    if len(backwards):
        x, y = backwards[0]
        raise InputError(f"the edges of an nb101 cell go from lower to higher vertices, got one from {x} to {y}")
    rows: list[list[int]] = values.astype(int).tolist()
    return rows
