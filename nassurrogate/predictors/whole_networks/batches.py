"""Encoded graphs on a device, and batches of them.

A batch concatenates the nodes of its graphs; edges are lists (see `edge_sums`). Nothing is padded, so that a batch of
20 and 2,000 nodes costs what its nodes cost, a graph's result does not depend on its neighbours in the batch, and no
buckets of similar length are needed.

Shapes: G graphs, T nodes and E edges in all, U different operators with F features each, S static features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
from nassurrogate.predictors.whole_networks.edge_sums import Edges
from nassurrogate.predictors.whole_networks.operator_numbers import described

NodeFeatures: TypeAlias = Callable[[Sequence[Operator]], np.ndarray]
"""U operators → (U, F) float32."""
StaticFeatures: TypeAlias = Callable[[Sequence[OperatorGraph]], np.ndarray]
"""G graphs → (G, S) float32."""


class GraphBatch(NamedTuple):
    """The input of a network: the nodes of G graphs, concatenated.

    Attributes:
        x: (N, F) features of the nodes.
        degree: (N, 1) number of neighbours.
        edges: of all graphs.
        first: (G + 1,) int64, the first node of each graph, and N.
        graph: (N,) int64, the graph of each node.
        static: (G, S) static features.
    """

    x: Tensor
    degree: Tensor
    edges: Edges
    first: Tensor
    graph: Tensor
    static: Tensor


class Concatenated(NamedTuple):
    """Some graphs, one after the other; nodes and edges are numbered from the first graph on.

    Attributes:
        row: (T,) int64, rows of the table of operators.
        degree: (T,) int64.
        edges: of all graphs.
        first: (G + 1,) int64, the first node of each graph, and T.
        first_edge: (G + 1,) int64, the first edge of each graph, and E.
        graph: (T,) int64, the graph of each node.
        static: (G, S).
    """

    row: Tensor
    degree: Tensor
    edges: Edges
    first: Tensor
    first_edge: Tensor
    graph: Tensor
    static: Tensor


@dataclass(frozen=True)
class GraphSet:
    """G encoded graphs. Equal operators share a row of the table, as most networks are made of few different ones.

    Attributes:
        node_counts, edge_counts: (G,) int64 in NumPy, on the CPU.
        table: (U, F) float32, features of the different operators.
        row: (T,) int64, the row of each node.
        degree: (T,) int64.
        source, target, reverse: (E,) int64, as in `Edges`, but numbered within each graph.
        first_node, first_edge: (G + 1,) int64.
        static: (G, S) float32.
    """

    node_counts: np.ndarray
    edge_counts: np.ndarray
    table: Tensor
    row: Tensor
    degree: Tensor
    source: Tensor
    target: Tensor
    reverse: Tensor
    first_node: Tensor
    first_edge: Tensor
    static: Tensor

    def __len__(self) -> int:
        return len(self.node_counts)

    @classmethod
    def of(
        cls,
        graphs: Sequence[OperatorGraph],
        node_features: NodeFeatures,
        static_features: StaticFeatures,
        device: torch.device,
    ) -> GraphSet:
        """Encode at least one graph. Edges lose their direction, and several between two operators count as one."""
        rows: dict[tuple[object, ...], int] = {}
        different: list[Operator] = []
        row: list[int] = []
        for graph in graphs:
            for operator in graph.operators:
                number = rows.setdefault(described(operator), len(rows))
                if number == len(different):
                    different.append(operator)
                row.append(number)
        listed = [_edges(graph) for graph in graphs]
        source, target, reverse = (np.concatenate(each) for each in zip(*listed, strict=True))
        nodes = np.array([len(graph) for graph in graphs], dtype=np.int64)
        edges = np.array([len(each[0]) for each in listed], dtype=np.int64)
        degree = np.bincount(target + np.repeat(np.cumsum(nodes) - nodes, edges), minlength=nodes.sum())
        arrays = (
            node_features(different),
            *(np.array(row, dtype=np.int64), degree, source, target, reverse),
            *(_firsts(nodes), _firsts(edges), static_features(graphs)),
        )
        return cls(nodes, edges, *(torch.from_numpy(array).to(device) for array in arrays))

    @classmethod
    def joined(cls, sets: Sequence[GraphSet], device: torch.device) -> GraphSet:
        """The graphs of several sets, which may have been encoded in other processes, in their order."""
        nodes = np.concatenate([each.node_counts for each in sets])
        edges = np.concatenate([each.edge_counts for each in sets])
        before = np.cumsum([0, *(len(each.table) for each in sets[:-1])]).tolist()
        tensors = (
            torch.cat([each.table for each in sets]),
            torch.cat([each.row + shift for each, shift in zip(sets, before, strict=True)]),
            *(torch.cat([getattr(each, name) for each in sets]) for name in ("degree", "source", "target", "reverse")),
            *(torch.from_numpy(_firsts(counts)) for counts in (nodes, edges)),
            torch.cat([each.static for each in sets]),
        )
        return cls(nodes, edges, *(tensor.to(device) for tensor in tensors))

    def concatenated(self, order: Tensor) -> Concatenated:
        """The graphs at these (G,) positions, one after the other."""
        nodes, first = _pick(self.first_node, order)
        edges, first_edge = _pick(self.first_edge, order)
        graph = _numbers(first, len(nodes))
        graph_of_edge = _numbers(first_edge, len(edges))
        node_shift, edge_shift = first[graph_of_edge], first_edge[graph_of_edge]
        degree = self.degree[nodes]
        listed = Edges(
            self.source[edges] + node_shift,
            self.target[edges] + node_shift,
            torch.cat([degree.new_zeros(1), degree.cumsum(0)]),
            self.reverse[edges] + edge_shift,
        )
        return Concatenated(self.row[nodes], degree, listed, first, first_edge, graph, self.static[order])

    def batch(self, order: Iterable[int] | np.ndarray, dtype: torch.dtype = torch.float32) -> GraphBatch:
        """The graphs at these positions as an input of a network, in some precision."""
        joined = self.concatenated(torch.as_tensor(np.asarray(order, dtype=np.int64), device=self.row.device))
        return GraphBatch(
            self.table[joined.row].to(dtype),
            joined.degree.unsqueeze(-1).to(dtype),
            joined.edges,
            joined.first,
            joined.graph,
            joined.static.to(dtype),
        )


def _firsts(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _pick(first: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
    """Members of the picked groups, and where each group then begins; `first` is where they begin and end now."""
    begin, counts = first[order], (first[1:] - first[:-1])[order]
    ends = counts.cumsum(0)
    shift = torch.repeat_interleave(begin - (ends - counts), counts)
    members = torch.arange(len(shift), device=first.device) + shift
    return members, torch.cat([ends.new_zeros(1), ends])


def _numbers(first: Tensor, n: int) -> Tensor:
    """The number of the group of each of n members."""
    groups = torch.arange(len(first) - 1, device=first.device)
    return torch.repeat_interleave(groups, first[1:] - first[:-1], output_size=n)


def _edges(graph: OperatorGraph) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(E,) sources, targets and reverse edges of the undirected graph, sorted by target, then source."""
    n = len(graph)
    pairs = np.array(graph.edges(), dtype=np.int64).reshape(-1, 2)
    both = np.unique(np.concatenate([pairs[:, 1] * n + pairs[:, 0], pairs[:, 0] * n + pairs[:, 1]]))
    target, source = np.divmod(both, n)
    return source, target, np.searchsorted(both, source * n + target)
