"""Features of a reduced cell: how often each sequence of operations leads from input to output.

The idea is BANANAS's path encoding (arXiv 1910.11858, section 4), here on the canonical cell and with counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import product

import numpy as np

from nassurrogate.architecture import Architecture, CellGraph
from nassurrogate.spaces import Space


def path_counts(graph: CellGraph) -> Counter[tuple[str, ...]]:
    """Every input→output path of a reduced graph as its sequence of operations, with how many there are.

    >>> from nassurrogate.spaces.canonical import parse_key
    >>> path_counts(parse_key("nor_conv_3x3(0) output(2*0+1)"))
    Counter({(): 2, ('nor_conv_3x3',): 1})
    """
    leading: list[Counter[tuple[str, ...]]] = [Counter({(): 1})]
    for node in range(1, graph.n_nodes):
        arriving: Counter[tuple[str, ...]] = Counter()
        for source in np.flatnonzero(graph.adjacency[:, node]):
            for path, count in leading[source].items():
                step = path if node == graph.n_nodes - 1 else (*path, graph.ops[node])
                arriving[step] += count * int(graph.adjacency[source, node])
        leading.append(arriving)
    return leading[-1]


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


@cache
def _features_of(space: Space, graph: CellGraph) -> np.ndarray:
    counts = path_counts(graph)
    inner = graph.ops[1:-1]
    return np.array(
        [
            *(counts[path] for path in path_names(space)),
            *(inner.count(op) for op in space.computing_ops),
            len(inner),
            int(graph.adjacency.sum()),
            max((len(path) for path in counts), default=-1),
        ],
        dtype=np.float64,
    )


def path_features(space: Space, archs: Sequence[Architecture]) -> np.ndarray:
    """(B, F) path counts, node counts per operation, number of nodes and edges, longest path (−1: no path).

    Cells of equal canonical key have equal features.
    """
    return np.stack([_features_of(space, space.graph(arch)) for arch in archs])
