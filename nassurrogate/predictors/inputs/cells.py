"""The inputs of predictors of cells: graphs, path features and probes, by class number.

Shapes: D cells of different classes, N nodes, F path features, P probes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nassurrogate.predictors.inputs.graph_batch import GraphBatch, from_codes
from nassurrogate.predictors.inputs.path_features import class_path_features
from nassurrogate.proxies.normal_scores import normal_scores
from nassurrogate.proxies.table import has_probes, probe_features
from nassurrogate.spaces import CellSpace

LARGEST_TABLE = 1 << 14
"""In a space of at most this many classes, all of them are read, and scored, at once."""
CHUNK = 256
"""Cells that are scored together: the intermediate results fit in a core's cache."""


@dataclass(frozen=True)
class ReadCells:
    """D different cells.

    Args:
        graph: the canonical graphs, with depths as positions.
        paths: (D, F), see `path_features`.
        probes: (D, P) float32 normal scores of probes and of costs (see `class_scores`), or None without any.
    """

    graph: GraphBatch
    paths: np.ndarray
    probes: np.ndarray | None

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: np.ndarray) -> ReadCells:
        """The cells in these rows."""
        graph = GraphBatch(*(part[rows] for part in vars(self.graph).values()))
        return ReadCells(graph, self.paths[rows], None if self.probes is None else self.probes[rows])


def is_tabulated(space: CellSpace) -> bool:
    """Whether the space is small enough to read all its classes once and for all."""
    return space.n_classes <= LARGEST_TABLE


@lru_cache(maxsize=4)
def class_scores(space: CellSpace) -> np.ndarray:
    """(n_classes, P) float32, read-only: normal scores of what is known of a class besides its graph.

    These are the probes, if a table of them ships, and the costs of its networks, if all of a class cost the same.
    """
    probes = probe_features(space) if has_probes(space) else np.empty((space.n_classes, 0), np.float32)
    scores = np.hstack([probes, normal_scores([space.class_costs]).astype(np.float32)])
    scores.flags.writeable = False
    return scores


def read_parts(space: CellSpace, *, probes: bool) -> list[str]:
    """A description of what is read of a space; without `probes`, only the graph is."""
    parts = ["canonical graph", "path counts"]
    if probes and has_probes(space):
        parts.append("zero-cost proxies")
    if probes and space.class_costs.shape[1]:
        parts.append("exact costs")
    return parts


def read(space: CellSpace, classes: np.ndarray) -> ReadCells:
    """The cells of D class numbers."""
    return _read_all(space).take(classes) if is_tabulated(space) else _read(space, classes)


@lru_cache(maxsize=4)
def _read_all(space: CellSpace) -> ReadCells:
    return _read(space, np.arange(space.n_classes))


def _read(space: CellSpace, classes: np.ndarray) -> ReadCells:
    graph = from_codes(space.class_graphs.take(classes))
    scores = class_scores(space)
    return ReadCells(graph, class_path_features(space, classes), scores[classes] if scores.shape[1] else None)


def chunks(sizes: np.ndarray, length: int = CHUNK) -> Iterator[np.ndarray]:
    """(`length`,) rows of cells of one size to score together; the last chunk of a size is padded.

    Chunks have a fixed size because the last digits of a score depend on how many cells are scored, not on which.

    Args:
        sizes: (D,) number of nodes of each cell.
        length: of a chunk.
    """
    for size in np.unique(sizes):
        alike = np.flatnonzero(sizes == size)
        for start in range(0, len(alike), length):
            rows = np.full(length, alike[start])
            part = alike[start : start + length]
            rows[: len(part)] = part
            yield rows
