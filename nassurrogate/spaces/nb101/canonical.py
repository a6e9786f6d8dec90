"""The canonical order of the vertices of many NAS-Bench-101 cells at once.

The order is that of `graphs.canonical`, which takes fifty times as long, cell by cell: by depth and operation, then by
what a vertex reads and feeds. Vertices that are still tied are tried in every order; the smallest edge list is kept.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

from nassurrogate.spaces.nb101.cell_codes import OPS, CellCodes, adjacency_of, bits_of

_RANK_OF_OP = np.argsort(np.argsort(OPS))
_DIGIT_BITS = 3
"""Bits of a digit: a vertex's rank plus 2, from −1 (input) to 5 (output of seven vertices); 0 means no vertex."""


def in_canonical_order(cells: CellCodes) -> CellCodes:
    """The same cells, each with its vertices in canonical order."""
    adjacency = adjacency_of(cells.edge_bits, cells.n_vertices)
    rank = _refined_ranks(adjacency, cells.ops)
    order = np.argsort(rank, axis=1)
    tied = np.flatnonzero((np.diff(np.take_along_axis(rank, order, axis=1), axis=1) == 0).any(axis=1))
    order[tied] = _smallest_edges(adjacency[tied], rank[tied])
    return CellCodes(
        cells.n_vertices, bits_of(_reordered(adjacency, order)), np.take_along_axis(cells.ops, order, axis=1)
    )


def _reordered(adjacency: np.ndarray, order: np.ndarray) -> np.ndarray:
    """(C, V, V): every adjacency with its inner vertices, numbered from 0, in the given order (C, V − 2)."""
    n, n_vertices = adjacency.shape[:2]
    ends = np.full((n, 1), n_vertices - 1)
    every = np.concatenate([np.zeros_like(ends), order + 1, ends], axis=1)
    return np.asarray(adjacency[np.arange(n)[:, None, None], every[:, :, None], every[:, None, :]])


def _refined_ranks(adjacency: np.ndarray, ops: np.ndarray) -> np.ndarray:
    """(C, V − 2): ranks from 0, equal for vertices that depth, operation and neighbours do not distinguish."""
    n, n_vertices = adjacency.shape[:2]
    depth = np.zeros((n, n_vertices), dtype=np.int64)
    for vertex in range(1, n_vertices):
        depth[:, vertex] = 1 + np.where(adjacency[:, :vertex, vertex], depth[:, :vertex], -1).max(axis=1)
    rank = _dense(depth[:, 1:-1] * len(OPS) + _RANK_OF_OP[ops])
    for _ in range(n_vertices - 3):  # every round but the last distinguishes at least one more vertex
        digits = np.concatenate([np.full((n, 1), 1), rank + 2, np.full((n, 1), n_vertices)], axis=1)
        reads = _digit_lists(digits, adjacency.transpose(0, 2, 1)[:, 1:-1])
        feeds = _digit_lists(digits, adjacency[:, 1:-1])
        rank = _dense((rank << 2 * _DIGIT_BITS * (n_vertices - 1)) | (reads << _DIGIT_BITS * (n_vertices - 1)) | feeds)
    return rank


def _digit_lists(digits: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """(C, V − 2): the ascending digits of each vertex's neighbours as one number, which sorts like the lists."""
    listed = np.where(neighbours, digits[:, None, :], 1 << _DIGIT_BITS)
    listed.sort(axis=2)
    number = np.zeros(listed.shape[:2], dtype=np.int64)
    for digit in range(listed.shape[2] - 1):  # no vertex is its own neighbour
        number = (number << _DIGIT_BITS) | (listed[:, :, digit] & ((1 << _DIGIT_BITS) - 1))
    return number


def _dense(values: np.ndarray) -> np.ndarray:
    """(C, K): for every value, the number of distinct smaller values in its row."""
    order = np.argsort(values, axis=1, kind="stable")
    ascending = np.take_along_axis(values, order, axis=1)
    rank = np.zeros_like(values)
    np.put_along_axis(rank, order[:, 1:], (np.diff(ascending, axis=1) != 0).cumsum(axis=1), axis=1)
    return rank


def _smallest_edges(adjacency: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """(C, V − 2): the order with the smallest sorted edge list among those that keep the ranks ascending."""
    n, n_vertices = adjacency.shape[:2]
    # Of two lists of equal length, the smaller one has the first edge, row by row, that the other lacks.
    weight = 1 << np.arange(n_vertices**2, dtype=np.int64)[::-1].reshape(n_vertices, n_vertices)
    best, best_order = np.full(n, -1), np.zeros_like(rank)
    for order in permutations(range(n_vertices - 2)):
        rows = np.flatnonzero((np.diff(rank[:, order], axis=1) >= 0).all(axis=1))
        every = [0, *(vertex + 1 for vertex in order), n_vertices - 1]
        value = (adjacency[np.ix_(rows, every, every)] * weight).sum(axis=(1, 2))
        better = value > best[rows]
        best[rows[better]], best_order[rows[better]] = value[better], order
    return best_order
