"""Cells of any size as padded arrays, one row per cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.graphs.codes import GraphCodes


@dataclass(frozen=True)
class GraphBatch:
    """B cells padded to N nodes.

    Args:
        op: (B, N) int64, position of each node's operation in the vocabulary; 0 at padding.
        adjacency: (B, N, N) float32, entry (x, y) is how many times y adds x.
        position: (B, N) int64, the number of each node, or its depth (see `encode`).
        mask: (B, N) bool, true for nodes, false for padding.
    """

    op: np.ndarray
    adjacency: np.ndarray
    position: np.ndarray
    mask: np.ndarray

    def __len__(self) -> int:
        return len(self.op)


def encode(
    graphs: Sequence[CellGraph], vocabulary: tuple[str, ...], n_nodes: int, *, depth_as_position: bool
) -> GraphBatch:
    """Pad graphs to `n_nodes`.

    The position of a node is its number or, with `depth_as_position`, the most operations on a path from the input to
    it: then isomorphic cells differ only in the order of their nodes.
    """
    batch = GraphBatch(
        np.zeros((len(graphs), n_nodes), np.int64),
        np.zeros((len(graphs), n_nodes, n_nodes), np.float32),
        np.zeros((len(graphs), n_nodes), np.int64),
        np.zeros((len(graphs), n_nodes), bool),
    )
    for row, graph in enumerate(graphs):
        encoded = _encoded(graph, vocabulary, n_nodes, depth_as_position)
        batch.op[row], batch.adjacency[row], batch.position[row], batch.mask[row] = encoded
    return batch


def from_codes(codes: GraphCodes) -> GraphBatch:
    """`encode` of canonical graphs with depths as positions, in the vocabulary of their space."""
    adjacency = codes.adjacency.astype(np.float32)
    depth = np.zeros(codes.ops.shape, np.int64)
    for node in range(1, codes.ops.shape[1]):
        reached = (codes.adjacency[:, :node, node] > 0) * (depth[:, :node] + 1)
        depth[:, node] = reached.max(axis=1)
    mask = np.arange(codes.ops.shape[1]) < codes.n_nodes[:, None]
    return GraphBatch(codes.ops.astype(np.int64), adjacency, depth, mask)


@lru_cache(maxsize=1 << 16)
def _encoded(
    graph: CellGraph, vocabulary: tuple[str, ...], n_nodes: int, depth_as_position: bool
) -> tuple[np.ndarray, ...]:
    n = graph.n_nodes
    op, position, mask = np.zeros(n_nodes, np.int64), np.zeros(n_nodes, np.int64), np.zeros(n_nodes, bool)
    adjacency = np.zeros((n_nodes, n_nodes), np.float32)
    op[:n] = [vocabulary.index(name) for name in graph.ops]
    adjacency[:n, :n] = graph.adjacency
    mask[:n] = True
    position[:n] = node_depths(graph) if depth_as_position else np.arange(n)
    return op, adjacency, position, mask


def node_depths(graph: CellGraph) -> list[int]:
    """The number of edges on the longest path from the input to each node; 0 without a path."""
    depths: list[int] = []
    for node in range(graph.n_nodes):
        sources = np.flatnonzero(graph.adjacency[:, node])
        depths.append(max((depths[source] + 1 for source in sources), default=0))
    return depths


def relabelled(batch: GraphBatch, rng: np.random.Generator, *, depth_as_position: bool) -> GraphBatch:
    """Every cell with its inner nodes in another order that keeps the adjacency upper triangular.

    Positions that are numbers stay in place, as in any raw graph; depths move with their nodes. Padding stays in place.
    """
    sizes = batch.mask.sum(axis=1)
    order = np.stack([_random_topological_order(a, n, rng) for a, n in zip(batch.adjacency, sizes, strict=True)])
    rows = np.arange(len(batch))[:, None]
    return GraphBatch(
        batch.op[rows, order],
        batch.adjacency[rows[:, :, None], order[:, :, None], order[:, None, :]],
        batch.position[rows, order] if depth_as_position else batch.position,
        batch.mask,
    )


def _random_topological_order(adjacency: np.ndarray, n_nodes: int, rng: np.random.Generator) -> np.ndarray:
    waiting = (adjacency != 0).sum(axis=0)
    last = n_nodes - 1
    order: list[int] = []
    ready = [node for node in range(last) if waiting[node] == 0]
    while ready:
        node = 0 if not order else ready[rng.integers(len(ready))]
        ready.remove(node)
        order.append(node)
        for target in np.flatnonzero(adjacency[node]):
            waiting[target] -= 1
            if waiting[target] == 0 and target != last:
                ready.append(int(target))
    return np.array([*order, *range(last, len(adjacency))])
