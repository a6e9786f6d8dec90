"""Features of a reduced cell: how often each sequence of operations leads from input to output.

The idea is BANANAS's path encoding (arXiv 1910.11858, section 4), here on the canonical cell and with counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product

import numpy as np

from nassurrogate.architecture import Architecture, CellGraph
from nassurrogate.spaces import Space

_LARGEST_TABLE = 1 << 14
"""Classes of a space up to which the features of all of them are computed once and kept."""
_CHUNK = 2048
"""Graphs whose paths are counted together: bounds the memory."""


def path_names(space: Space) -> list[tuple[str, ...]]:
    """The columns of `path_features` that count paths: every sequence of at most `max_depth` operations."""
    return [path for length in range(space.max_depth + 1) for path in product(space.computing_ops, repeat=length)]


def feature_names(space: Space) -> list[str]:
    """Names of the columns of `path_features`."""
    return [
        *("paths " + (">".join(path) or "direct") for path in path_names(space)),
        *(f"nodes {op}" for op in space.computing_ops),
        "nodes",
        "edges",
        "longest path",
    ]


def path_features(space: Space, archs: Sequence[Architecture]) -> np.ndarray:
    """(B, F) path counts, node counts per operation, number of nodes and edges, longest path (−1: no path).

    Cells of equal canonical key have equal features.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> row = path_features(space, [space.parse(1)])[0]
    >>> {name: int(count) for name, count in zip(feature_names(space), row) if count and ">" in name}
    {'paths nor_conv_3x3>nor_conv_3x3': 1, 'paths nor_conv_3x3>avg_pool_3x3': 1}
    """
    features, place = distinct_path_features(space, archs)
    return np.asarray(features[place])


def distinct_path_features(space: Space, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
    """`path_features` with isomorphic cells once: (D, F) rows, and (B,) the row of each architecture."""
    if space.n_classes <= _LARGEST_TABLE:
        classes = space.class_ids()[[space.index(arch) for arch in archs]]
        known, place = np.unique(classes, return_inverse=True)
        features: np.ndarray = _features_of_all(space)[known]
        return features, place
    rows: dict[CellGraph, int] = {}
    place = np.array([rows.setdefault(space.graph(arch), len(rows)) for arch in archs], dtype=np.intp)
    return _features(space, list(rows)), place


@cache
def _features_of_all(space: Space) -> np.ndarray:
    """(n_classes, F): the features of every class of a small space."""
    _, first = np.unique(space.class_ids(), return_index=True)
    every = space.all()
    features = _features(space, [space.graph(every[index]) for index in first])
    features.flags.writeable = False
    return features


def _features(space: Space, graphs: Sequence[CellGraph]) -> np.ndarray:
    """(B, F) of reduced graphs; those of equal size are counted together."""
    features = np.empty((len(graphs), len(feature_names(space))))
    sizes = np.array([graph.n_nodes for graph in graphs])
    code = {op: number for number, op in enumerate(space.computing_ops)}
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        for part in np.split(rows, range(_CHUNK, len(rows), _CHUNK)):
            ops = np.array([[code[op] for op in graphs[row].ops[1:-1]] for row in part], dtype=np.intp)
            adjacency = np.stack([graphs[row].adjacency for row in part]).astype(np.float64)
            features[part] = _columns(ops, adjacency, len(code), space.max_depth)
    return features


def _columns(ops: np.ndarray, adjacency: np.ndarray, n_ops: int, max_depth: int) -> np.ndarray:
    """Features of B graphs of N nodes from the codes of their inner nodes (B, N − 2) and their adjacency (B, N, N)."""
    counts = _path_counts(ops, adjacency, n_ops, max_depth)
    length_of = np.repeat(np.arange(max_depth + 1), n_ops ** np.arange(max_depth + 1))
    longest = np.where(counts > 0, length_of, -1).max(axis=1)
    of_each = (ops[:, :, None] == np.arange(n_ops)).sum(axis=1)
    return np.column_stack([counts, of_each, of_each.sum(axis=1), adjacency.sum(axis=(1, 2)), longest])


def _path_counts(ops: np.ndarray, adjacency: np.ndarray, n_ops: int, max_depth: int) -> np.ndarray:
    """(B, P): how many ways from input to output spell each sequence of `path_names`.

    The sequences are a complete tree in breadth-first order: sequence i followed by operation o is n_ops·i + 1 + o. So
    to pass a node moves the counts of all prefixes to one child each.
    """
    n_graphs, n_nodes = adjacency.shape[:2]
    inner = sum(n_ops**length for length in range(max_depth))
    leading = np.zeros((n_nodes - 1, n_graphs, inner + n_ops**max_depth))
    leading[0, :, 0] = 1
    graph = np.arange(n_graphs)
    for node in range(1, n_nodes - 1):
        children = leading[node, :, 1:].reshape(n_graphs, inner, n_ops)
        children[graph, :, ops[:, node - 1]] = _arriving(adjacency, leading, node)[:, :inner]
    return _arriving(adjacency, leading, n_nodes - 1)


def _arriving(adjacency: np.ndarray, leading: np.ndarray, node: int) -> np.ndarray:
    return np.asarray(np.einsum("bs,sbp->bp", adjacency[:, :node, node], leading[:node]))
