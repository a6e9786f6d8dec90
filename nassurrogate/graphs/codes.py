"""Canonical graphs of many cells as arrays, for code that reads thousands of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nassurrogate.graphs.cell_graph import INPUT, OUTPUT, CellGraph


@dataclass(frozen=True)
class GraphCodes:
    """C cells padded to N nodes.

    Args:
        n_nodes: (C,) uint8, the number of nodes of each.
        ops: (C, N) uint8, positions in `op_vocabulary`; 0 at padding.
        adjacency: (C, N, N) uint8, entry (x, y) is how many times y adds x.
    """

    n_nodes: np.ndarray
    ops: np.ndarray
    adjacency: np.ndarray

    def __len__(self) -> int:
        return len(self.n_nodes)

    def take(self, rows: np.ndarray) -> GraphCodes:
        """The cells in these rows."""
        return GraphCodes(self.n_nodes[rows], self.ops[rows], self.adjacency[rows])

    @classmethod
    def of(cls, graphs: Sequence[CellGraph], computing_ops: tuple[str, ...], n_nodes: int) -> GraphCodes:
        """Encode canonical graphs of at most `n_nodes` nodes.

        >>> graph = CellGraph(("input", "nor_conv_3x3", "output"), [[0, 1, 2], [0, 0, 1], [0, 0, 0]])
        >>> codes = GraphCodes.of([graph], ("nor_conv_1x1", "nor_conv_3x3"), 4)
        >>> codes.ops.tolist(), codes.adjacency[0, 0].tolist()
        ([[0, 2, 3, 0]], [0, 1, 2, 0])
        """
        code = {op: number for number, op in enumerate(op_vocabulary(computing_ops))}
        sizes = np.array([graph.n_nodes for graph in graphs], dtype=np.uint8)
        ops = np.zeros((len(graphs), n_nodes), dtype=np.uint8)
        adjacency = np.zeros((len(graphs), n_nodes, n_nodes), dtype=np.uint8)
        for row, graph in enumerate(graphs):
            ops[row, : graph.n_nodes] = [code[op] for op in graph.ops]
            adjacency[row, : graph.n_nodes, : graph.n_nodes] = graph.adjacency
        return cls(sizes, ops, adjacency)


def op_vocabulary(computing_ops: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the operations of canonical graphs, in the order of their numbers."""
    return (INPUT, *computing_ops, OUTPUT)
