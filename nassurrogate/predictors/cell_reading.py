"""What a predictor reads of the cells of a space: graphs, path features and probes, each different cell once.

Shapes: B cells, D different ones among them, N nodes, F path features, P probes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nassurrogate.architecture import INPUT, OUTPUT, Architecture
from nassurrogate.predictors.cell_table import cell_table
from nassurrogate.predictors.graph_batch import GraphBatch
from nassurrogate.predictors.path_features import distinct_path_features, path_features
from nassurrogate.predictors.probe_table import has_probes, probe_features
from nassurrogate.predictors.random_networks import PROBE_NAMES
from nassurrogate.spaces import Space

LARGEST_TABLE = 1 << 14
"""Classes of a space up to which all of them are read, and scored, at once."""
CHUNK = 512
"""Cells that are scored together."""


@dataclass(frozen=True)
class ReadCells:
    """D different cells.

    Args:
        graph: of the reduced cells, with depths as positions.
        paths: (D, F), see `path_features`.
        probes: (D, P) normal scores, or None for a space without a table of them.
    """

    graph: GraphBatch
    paths: np.ndarray
    probes: np.ndarray | None

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: np.ndarray) -> ReadCells:
        """Some of them."""
        graph = GraphBatch(*(part[rows] for part in vars(self.graph).values()))
        return ReadCells(graph, self.paths[rows], None if self.probes is None else self.probes[rows])


def vocabulary(space: Space) -> tuple[str, ...]:
    """Names of the operations of reduced graphs, in the order of their numbers."""
    return (INPUT, *space.computing_ops, OUTPUT)


def is_tabulated(space: Space) -> bool:
    """Whether the space is so small that its classes are read once and for all."""
    return space.n_classes <= LARGEST_TABLE


def probe_count(space: Space) -> int:
    """P: how many probes are told of a cell; 0 where there is no table of them."""
    return len(PROBE_NAMES) if is_tabulated(space) and has_probes(space) else 0


def read(space: Space, archs: Sequence[Architecture]) -> tuple[ReadCells, np.ndarray]:
    """The different cells among B architectures, and (B,) which of them each one is.

    In a small space these are all its classes, by their numbers.
    """
    if is_tabulated(space):
        return _read_classes(space), space.class_ids()[[space.index(arch) for arch in archs]]
    table = cell_table(space, vocabulary(space), reduced=True)
    rows, first, place = np.unique(table.rows(archs), return_index=True, return_inverse=True)
    cells = [archs[index] for index in first]
    return ReadCells(table.take(rows), path_features(space, cells), None), place


@lru_cache(maxsize=4)
def _read_classes(space: Space) -> ReadCells:
    _, first = np.unique(space.class_ids(), return_index=True)
    every = space.all()
    cells = [every[index] for index in first]
    table = cell_table(space, vocabulary(space), reduced=True)
    paths, place = distinct_path_features(space, cells)
    probes = probe_features(space) if probe_count(space) else None
    return ReadCells(table.take(table.rows(cells)), paths[place], probes)


def chunks(space: Space, mask: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Rows of (D, N) that are scored together, and how many nodes they are padded to.

    Of a small space all classes are scored, those of a size together. Of a large one so many rows of full size,
    whatever is asked for, as the last digits depend on that.
    """
    sizes = mask.sum(axis=1)
    if is_tabulated(space):
        order = np.argsort(sizes, kind="stable")
        for start in range(0, len(order), CHUNK):
            rows = order[start : start + CHUNK]
            yield rows, int(sizes[rows].max())
        return
    for start in range(0, len(mask), CHUNK):
        rows = np.arange(start, start + CHUNK)
        rows[rows >= len(mask)] = 0
        yield rows, mask.shape[1]
