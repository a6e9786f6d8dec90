"""NAS-Bench-101 cells as numbers: the bits of their edges, all possible graphs, and their labellings.

Bit x + y(y − 1)/2 of the edge bits says whether vertex x < y feeds vertex y. This is the numbering of the official
generator (`graph_util.gen_is_edge_fn`); of isomorphic cells, the first in its order was trained. An
operation is a number: 0, 1, 2 in the order of `OPS`, `NO_OP` where there is no vertex.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

OPS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
MAX_VERTICES = 7
MAX_EDGES = 9
NO_OP = 255


@dataclass(frozen=True)
class CellCodes:
    """C cells of V vertices each.

    Args:
        edge_bits: (C,) uint32.
        ops: (C, V − 2) uint8, operations of the inner vertices.
    """

    n_vertices: int
    edge_bits: np.ndarray
    ops: np.ndarray


def adjacency_of(edge_bits: np.ndarray, n_vertices: int) -> np.ndarray:
    """(…, V, V) bool, from (…) edge bits: entry (x, y) says whether x feeds y."""
    bits = np.asarray(edge_bits, dtype=np.uint32)
    adjacency = np.zeros((*bits.shape, n_vertices, n_vertices), dtype=bool)
    for y in range(1, n_vertices):
        for x in range(y):
            adjacency[..., x, y] = (bits >> np.uint32(x + y * (y - 1) // 2)) & 1
    return adjacency


def bits_of(adjacency: np.ndarray) -> np.ndarray:
    """The inverse of `adjacency_of`: (…, V, V) → (…) uint32; the diagonal and the entries below it are ignored.

    >>> int(bits_of(adjacency_of(np.array(1205349), 7)))
    1205349
    """
    bits = np.zeros(adjacency.shape[:-2], dtype=np.uint32)
    for y in range(1, adjacency.shape[-1]):
        for x in range(y):
            bits |= adjacency[..., x, y].astype(np.uint32) << np.uint32(x + y * (y - 1) // 2)
    return bits


def all_cells(n_vertices: int) -> CellCodes:
    """One of every set of isomorphic cells with that many vertices: the one that the official generator finds first.

    All vertices are on a path from input to output.
    """
    graphs = _full_graphs(n_vertices)
    orders = list(permutations(range(1, n_vertices - 1)))
    n_inner = n_vertices - 2
    inner = np.array(list(product(range(len(OPS)), repeat=n_inner)), dtype=np.uint8).reshape(
        len(OPS) ** n_inner, n_inner
    )
    weight = len(OPS) ** np.arange(n_inner)[::-1]
    reordered = [_reordered(graphs, (0, *order, n_vertices - 1), n_vertices) for order in orders]
    first = np.logical_and.reduce([graphs <= code for code in reordered])
    unlabelled = graphs[first]
    # Of labellings that a symmetry of the graph maps to one another, the first is kept.
    kept = np.ones((len(unlabelled), len(inner)), dtype=bool)
    for order, code in zip(orders, reordered, strict=True):
        moved = inner[:, np.array(order, dtype=int) - 1] @ weight
        kept &= ~((code[first] == unlabelled)[:, None] & (moved < np.arange(len(inner))))
    graph, labelling = np.nonzero(kept)
    return CellCodes(n_vertices, unlabelled[graph].astype(np.uint32), inner[labelling])


def _full_graphs(n_vertices: int) -> np.ndarray:
    """(W,) int64 edge bits, ascending: at most nine edges, every vertex on a path from the first to the last."""
    n_bits = n_vertices * (n_vertices - 1) // 2
    bits = np.arange(1 << n_bits, dtype=np.int64)
    bits = bits[sum((bits >> bit) & 1 for bit in range(n_bits)) <= MAX_EDGES]
    for vertex in range(n_vertices):
        reads = sum(1 << (x + vertex * (vertex - 1) // 2) for x in range(vertex))
        feeds = sum(1 << (vertex + y * (y - 1) // 2) for y in range(vertex + 1, n_vertices))
        for edges in (reads, feeds):
            if edges:
                bits = bits[(bits & edges) != 0]
    return bits


def _reordered(graphs: np.ndarray, order: tuple[int, ...], n_vertices: int) -> np.ndarray:
    """(W,) edge bits with vertex `order[i]` in place i; larger than all others where an edge would point backwards."""
    place = {vertex: i for i, vertex in enumerate(order)}
    backwards = 1 << 40
    value = []
    for y in range(1, n_vertices):
        for x in range(y):
            low, high = place[x], place[y]
            value.append(1 << (low + high * (high - 1) // 2) if low < high else backwards)
    moved = np.zeros_like(graphs)
    for start in range(0, len(value), _LOOKUP_BITS):  # a table lookup for several bits at once
        table = np.zeros(1 << _LOOKUP_BITS, dtype=np.int64)
        for bit, worth in enumerate(value[start : start + _LOOKUP_BITS]):
            table[(np.arange(len(table)) >> bit) & 1 == 1] |= worth
        moved |= table[(graphs >> start) & (len(table) - 1)]
    return moved


_LOOKUP_BITS = 7
