"""Cells of any size as padded arrays, one row a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nassurrogate.architecture import CellGraph


@dataclass(frozen=True)
class GraphBatch:
    """B cells padded to N nodes.

    Args:
        op: (B, N) int64, position of each node's operation in the vocabulary; 0 at padding.
        adjacency: (B, N, N) float32, entry (x, y) says how many times y adds x.
        position: (B, N) int64, what tells nodes apart: their number, or their depth (see `encode`).
        mask: (B, N) bool, true where there is a node.
    """

    op: np.ndarray
    adjacency: np.ndarray
    position: np.ndarray
    mask: np.ndarray

    def __len__(self) -> int:
        return len(self.op)

    def take(self, rows: np.ndarray) -> GraphBatch:
        """The batch of these rows, in this order."""
        return GraphBatch(self.op[rows], self.adjacency[rows], self.position[rows], self.mask[rows])


def encode(graphs: Sequence[CellGraph], vocabulary: Sequence[str], *, depth_as_position: bool) -> GraphBatch:
    """Pad graphs to the largest of them.

    The position of a node is its number, or, with `depth_as_position`, the most operations on a way from the input to
    it: then equal cells in another order of nodes differ in nothing but that order.
    """
    code = {op: i for i, op in enumerate(vocabulary)}
    n_nodes = max(graph.n_nodes for graph in graphs)
    shape = (len(graphs), n_nodes)
    op, position = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    mask, adjacency = np.zeros(shape, bool), np.zeros((*shape, n_nodes), np.float32)
    for row, graph in enumerate(graphs):
        n = graph.n_nodes
        op[row, :n] = [code[name] for name in graph.ops]
        adjacency[row, :n, :n] = graph.adjacency
        mask[row, :n] = True
        position[row, :n] = node_depths(graph) if depth_as_position else np.arange(n)
    return GraphBatch(op, adjacency, position, mask)


def node_depths(graph: CellGraph) -> list[int]:
    """For every node the number of edges on the longest way from the input; 0 where none leads there."""
    depths: list[int] = []
    for node in range(graph.n_nodes):
        sources = np.flatnonzero(graph.adjacency[:, node])
        depths.append(max((depths[source] + 1 for source in sources), default=0))
    return depths


def relabelled(batch: GraphBatch, rng: np.random.Generator) -> GraphBatch:
    """Every cell with its inner nodes in another order that keeps the adjacency upper triangular.

    Positions stay with the place, not with the node: an isomorphic cell, as a reader of the wiring would number it.
    """
    order = np.stack([_random_topological_order(adjacency, rng) for adjacency in batch.adjacency])
    rows = np.arange(len(batch))[:, None]
    return GraphBatch(
        batch.op[rows, order],
        batch.adjacency[rows[:, :, None], order[:, :, None], order[:, None, :]],
        batch.position,
        batch.mask[rows, order],
    )


def _random_topological_order(adjacency: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    waiting = (adjacency != 0).sum(axis=0)
    last = len(adjacency) - 1
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
    return np.array([*order, last])
