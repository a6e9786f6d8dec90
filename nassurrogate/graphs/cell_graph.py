"""A directed acyclic graph with an operation on every node: what an architecture computes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from nassurrogate.errors import InputError, brief

if TYPE_CHECKING:
    import networkx as nx

INPUT, OUTPUT = "input", "output"


class CellGraph:
    """A directed acyclic graph with an operation on every node; a node reads the sum of its predecessors' outputs.

    Args:
        ops: N operation names; the first is `"input"`, the last `"output"`.
        adjacency: (N, N) integers from 0 to 255, strictly upper triangular; entry (x, y) is how many times y adds x.
            Stored as uint8.

    The value is immutable and hashable. Raises `InputError` for a graph that breaks these rules.

    >>> graph = CellGraph(("input", "nor_conv_3x3", "output"), [[0, 1, 1], [0, 0, 1], [0, 0, 0]])
    >>> graph.n_nodes, graph.edges()
    (3, [(0, 1, 1), (0, 2, 1), (1, 2, 1)])
    """

    __slots__ = ("adjacency", "ops")

    def __init__(self, ops: tuple[str, ...] | list[str], adjacency: np.ndarray | list[list[int]]) -> None:
        names = tuple(ops)
        if len(names) < 2 or names[0] != INPUT or names[-1] != OUTPUT or {INPUT, OUTPUT} & set(names[1:-1]):
            raise InputError(f"a cell graph has {INPUT!r} first, {OUTPUT!r} last and neither between, got ops {names}")
        matrix = _multiplicities(adjacency)
        if matrix.shape != (len(names), len(names)):
            raise InputError(f"{len(names)} ops need a {len(names)}x{len(names)} adjacency, got {matrix.shape}")
        if (matrix & _off_limits(len(names))).any():
            raise InputError("the adjacency must be strictly upper triangular: edges lead from lower to higher nodes")
        matrix.flags.writeable = False
        object.__setattr__(self, "ops", names)
        object.__setattr__(self, "adjacency", matrix)

    ops: tuple[str, ...]
    adjacency: np.ndarray

    @classmethod
    def trusted(cls, ops: tuple[str, ...], adjacency: np.ndarray) -> CellGraph:
        """A graph from a read-only uint8 adjacency that is known to be valid: nothing is checked or copied."""
        graph = object.__new__(cls)
        object.__setattr__(graph, "ops", ops)
        object.__setattr__(graph, "adjacency", adjacency)
        return graph

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"CellGraph is immutable; cannot set {name!r}")

    def __reduce__(self) -> tuple[type[CellGraph], tuple[tuple[str, ...], np.ndarray]]:
        # Copies and worker processes rebuild the value: `__setattr__` refuses to set slots one by one.
        return CellGraph, (self.ops, self.adjacency)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, CellGraph)
            and self.ops == other.ops
            and bool(np.array_equal(self.adjacency, other.adjacency))
        )

    def __hash__(self) -> int:
        return hash((self.ops, self.adjacency.tobytes()))

    def __repr__(self) -> str:
        return f"CellGraph(ops={self.ops}, edges={self.edges()})"

    @property
    def n_nodes(self) -> int:
        """Number of nodes, input and output included."""
        return len(self.ops)

    def edges(self) -> list[tuple[int, int, int]]:
        """All edges as (from, to, multiplicity), sorted."""
        rows, columns = np.nonzero(self.adjacency)
        return [(int(x), int(y), int(self.adjacency[x, y])) for x, y in zip(rows, columns, strict=True)]

    def to_networkx(self) -> nx.DiGraph[int]:
        """A `networkx.DiGraph` with attribute `op` on nodes and `multiplicity` on edges."""
        import networkx as nx

        graph: nx.DiGraph[int] = nx.DiGraph()
        graph.add_nodes_from((node, {"op": op}) for node, op in enumerate(self.ops))
        graph.add_edges_from((x, y, {"multiplicity": m}) for x, y, m in self.edges())
        return graph

    @classmethod
    def from_networkx(cls, graph: nx.DiGraph[Any]) -> CellGraph:
        """The inverse of `to_networkx` for any node names; the nodes are put in some topological order."""
        import networkx as nx

        if not graph.is_directed():
            raise InputError("a cell graph must be directed, got an undirected graph")
        without_op = [node for node, op in graph.nodes(data="op") if not isinstance(op, str)]
        if without_op:
            raise InputError(
                f"every node of a cell graph needs an 'op' that is a string; node {brief(without_op[0])} has none"
            )
        ends = {INPUT: 0, OUTPUT: 2}
        try:
            # Nodes of one rank keep the graph's own order: their names need not be comparable.
            order = list(nx.lexicographical_topological_sort(graph, key=lambda n: ends.get(graph.nodes[n]["op"], 1)))
        except nx.NetworkXUnfeasible as error:
            raise InputError("a cell graph must be acyclic, got a graph with a cycle") from error
        place = {node: i for i, node in enumerate(order)}
        adjacency = [[0] * len(order) for _ in order]
        for x, y, multiplicity in graph.edges(data="multiplicity", default=1):
            adjacency[place[x]][place[y]] += multiplicity  # adds up the parallel edges of a multigraph
        return cls([graph.nodes[node]["op"] for node in order], adjacency)


@lru_cache(maxsize=64)
def _off_limits(n_nodes: int) -> np.ndarray:
    """(N, N) uint8: all bits set on and below the diagonal, none above."""
    return np.asarray(np.tri(n_nodes, dtype=np.uint8) * np.uint8(255))


def _multiplicities(adjacency: np.ndarray | list[list[int]]) -> np.ndarray:
    try:
        matrix = np.array(adjacency)
    except ValueError as error:
        raise InputError(f"the adjacency must be a square matrix, got rows of different lengths: {error}") from error
    if matrix.dtype.kind not in "biu":
        raise InputError(f"the adjacency must hold integers, got {matrix.dtype}")
    if matrix.size and not (matrix.min() >= 0 and matrix.max() <= 255):
        raise InputError(f"multiplicities run from 0 to 255, got {matrix.min()} … {matrix.max()}")
    return matrix.astype(np.uint8)
