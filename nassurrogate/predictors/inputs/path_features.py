"""Path features of a canonical cell: how many paths from input to output have each sequence of operations.

This is BANANAS's path encoding (arXiv 1910.11858, section 4), but of the canonical cell and with counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.spaces import CellSpace

_LARGEST_TABLE = 1 << 14
"""In a space of at most this many classes, the features of all of them are computed once and kept."""
_CHUNK = 512
"""Graphs whose paths are counted together, to bound the memory."""


def path_names(space: CellSpace) -> list[tuple[str, ...]]:
    """The columns of `path_features` that count paths: every sequence of at most `max_depth` operations."""
    return [path for length in range(space.max_depth + 1) for path in product(space.computing_ops, repeat=length)]


def feature_names(space: CellSpace) -> list[str]:
    """Names of the columns of `path_features`."""
    return [
        *("paths " + (">".join(path) or "direct") for path in path_names(space)),
        *(f"nodes {op}" for op in space.computing_ops),
        "nodes",
        "edges",
        "longest path",
    ]


def path_features(space: CellSpace, archs: Sequence[Architecture]) -> np.ndarray:
    """(B, F) path counts, node counts per operation, numbers of nodes and edges, longest path (−1: no path).

    Cells of equal canonical key have equal features.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> row = path_features(space, [space.parse(1)])[0]
    >>> {name: int(count) for name, count in zip(feature_names(space), row) if count and ">" in name}
    {'paths nor_conv_3x3>nor_conv_3x3': 1, 'paths nor_conv_3x3>avg_pool_3x3': 1}
    """
    features, place = distinct_path_features(space, archs)
    return np.asarray(features[place])


def distinct_path_features(space: CellSpace, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
    """`path_features` without repetitions: (D, F) rows, and (B,) the row number of each architecture."""
    classes, place = np.unique(class_numbers(space, archs), return_inverse=True)
    return class_path_features(space, classes), place


def class_numbers(space: CellSpace, archs: Sequence[Architecture]) -> np.ndarray:
    """(B,) the class number of every architecture."""
    numbers: np.ndarray = space.class_ids()[space.indices(archs)]
    return numbers


def class_path_features(space: CellSpace, classes: np.ndarray) -> np.ndarray:
    """(D, F) `path_features` of these class numbers."""
    if space.n_classes <= _LARGEST_TABLE:
        features: np.ndarray = _features_of_all(space)[classes]
        return features
    return _features(space, classes)


@cache
def _features_of_all(space: CellSpace) -> np.ndarray:
    """(n_classes, F), read-only: the features of all classes of a small space."""
    features = _features(space, np.arange(space.n_classes))
    features.flags.writeable = False
    return features


def _features(space: CellSpace, classes: np.ndarray) -> np.ndarray:
    """(D, F), in chunks of classes of equal size."""
    features = np.empty((len(classes), len(feature_names(space))))
    sizes = space.class_graphs.n_nodes[classes]
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        for part in np.split(rows, range(_CHUNK, len(rows), _CHUNK)):
            codes = space.class_graphs.take(classes[part])
            ops, adjacency = codes.ops[:, 1 : size - 1].astype(np.intp) - 1, codes.adjacency[:, :size, :size]
            features[part] = _columns(ops, adjacency.astype(np.float32), len(space.computing_ops), space.max_depth)
    return features


def _columns(ops: np.ndarray, adjacency: np.ndarray, n_ops: int, max_depth: int) -> np.ndarray:
    """Features of B graphs of N nodes from the codes of their inner nodes (B, N − 2) and their adjacency (B, N, N)."""
    does = (ops[:, :, None] == np.arange(n_ops)).astype(np.float32)
    counts = _path_counts(does, adjacency, max_depth)
    length_of = np.repeat(np.arange(max_depth + 1), n_ops ** np.arange(max_depth + 1))
    longest = ((counts > 0) * (length_of + 1)).max(axis=1) - 1
    of_each = does.sum(axis=1)
    return np.column_stack([counts, of_each, of_each.sum(axis=1), adjacency.sum(axis=(1, 2)), longest])


def _path_counts(does: np.ndarray, adjacency: np.ndarray, max_depth: int) -> np.ndarray:
    """(B, P): how many paths from input to output have each sequence of `path_names`.

    The sequences are a complete tree in breadth-first order: sequence i followed by operation o is n_ops·i + 1 + o. So
    passing a node moves the count of each prefix to one of its children. A path to a node has at most as many
    operations as there are nodes before it, so longer sequences are not counted.

    Args:
        does: (B, N − 2, n_ops) float32, 1 for the operation of each inner node.
        adjacency: (B, N, N) float32.
        max_depth: most operations of a sequence.
    """
    n_graphs, n_nodes = adjacency.shape[:2]
    n_ops = does.shape[2]
    up_to = np.cumsum(n_ops ** np.arange(max_depth + 1))  # the number of sequences of at most this many operations
    leading = [np.ones((n_graphs, 1), np.float32)]

    def arriving(node: int, length: int) -> np.ndarray:
        total = np.zeros((n_graphs, up_to[min(length, max_depth)]), np.float32)
        for source, counts in enumerate(leading):
            width = min(counts.shape[1], total.shape[1])
            total[:, :width] += adjacency[:, source, node, None] * counts[:, :width]
        return total

    for node in range(1, n_nodes - 1):
        prefixes = arriving(node, min(node, max_depth) - 1)
        children = (prefixes[:, :, None] * does[:, node - 1, None]).reshape(n_graphs, -1)
        leading.append(np.hstack([np.zeros((n_graphs, 1), np.float32), children]))
    return arriving(n_nodes - 1, max_depth)
