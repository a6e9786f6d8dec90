"""A cache of encoded cells, found by their string."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from threading import Lock

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.predictors.inputs.graph_batch import GraphBatch, encode
from nassurrogate.spaces import CellSpace

_SMALLEST = 1024
_string = attrgetter("string")


class CellTable:
    """The cells seen so far as a `GraphBatch` that grows, with a row for every different graph.

    Args:
        graph: the graph to read of an architecture; equal graphs share a row.
        vocabulary: names of the operations.
        n_nodes: N, of the largest cell expected; a larger one widens the table.
        depth_as_position: see `encode`.
    """

    def __init__(
        self,
        graph: Callable[[Architecture], CellGraph],
        vocabulary: tuple[str, ...],
        n_nodes: int,
        *,
        depth_as_position: bool,
    ) -> None:
        self._graph = graph
        self._vocabulary = vocabulary
        self._by_depth = depth_as_position
        self._n_nodes = n_nodes
        self._row_of_string: dict[str, int] = {}
        self._row_of_graph: dict[CellGraph, int] = {}
        self._arrays = encode([], vocabulary, n_nodes, depth_as_position=depth_as_position)
        self._adding = Lock()

    def rows(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(n,) int64: the row of every architecture."""
        strings = list(map(_string, archs))
        try:
            return self._known_rows(strings)
        except KeyError:
            with self._adding:
                self._add([arch for arch in archs if arch.string not in self._row_of_string])
            return self._known_rows(strings)

    def take(self, rows: np.ndarray) -> GraphBatch:
        """The cells in these rows."""
        kept = self._arrays
        return GraphBatch(kept.op[rows], kept.adjacency[rows], kept.position[rows], kept.mask[rows])

    def _known_rows(self, strings: list[str]) -> np.ndarray:
        return np.fromiter(map(self._row_of_string.__getitem__, strings), np.int64, len(strings))

    def _add(self, archs: Sequence[Architecture]) -> None:
        graphs = [self._graph(arch) for arch in archs]
        first_new = len(self._row_of_graph)
        fresh = [graph for graph in dict.fromkeys(graphs) if graph not in self._row_of_graph]
        self._n_nodes = max([self._n_nodes, *(graph.n_nodes for graph in fresh)])
        self._write(encode(fresh, self._vocabulary, self._n_nodes, depth_as_position=self._by_depth), first_new)
        # Rows are listed only once they are written: other threads may be reading.
        for row, graph in enumerate(fresh, start=first_new):
            self._row_of_graph[graph] = row
        for arch, graph in zip(archs, graphs, strict=True):
            self._row_of_string[arch.string] = self._row_of_graph[graph]

    def _write(self, batch: GraphBatch, start: int) -> None:
        end = start + len(batch)
        arrays = {}
        for name, added in vars(batch).items():
            old = getattr(self._arrays, name)
            if end > len(old) or added.shape[1:] != old.shape[1:]:
                larger = np.zeros((max(_SMALLEST, 2 * len(old), end), *added.shape[1:]), added.dtype)
                larger[tuple(slice(length) for length in old.shape)] = old
                old = larger
            old[start:end] = added
            arrays[name] = old
        self._arrays = GraphBatch(**arrays)


@lru_cache(maxsize=8)
def cell_table(space: CellSpace, vocabulary: tuple[str, ...], *, canonical: bool) -> CellTable:
    """The table that all predictors of a space share; of canonical graphs (with depths as positions) or raw ones."""
    return CellTable(
        lambda arch: space.graph(arch, canonical=canonical), vocabulary, space.max_nodes, depth_as_position=canonical
    )
