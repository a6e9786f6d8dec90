"""Paths counted for many graphs at once are those of each graph."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

from nassurrogate.predictors.inputs import path_features as module
from nassurrogate.predictors.inputs.path_features import (
    distinct_path_features,
    feature_names,
    path_features,
    path_names,
)
from nassurrogate.spaces import CellSpace, get_space, space_names

CELL_SPACES = [name for name in space_names() if isinstance(get_space(name), CellSpace)]


def walked(space, cell):
    """The features of a cell by networkx: every simple path, times the multiplicities of its edges."""
    graph = cell.graph().to_networkx()
    ops = nx.get_node_attributes(graph, "op")
    counts = Counter()
    for path in nx.all_simple_paths(graph, 0, len(ops) - 1):
        times = [graph.edges[edge]["multiplicity"] for edge in pairwise(path)]
        counts[tuple(ops[node] for node in path[1:-1])] += int(np.prod(times))
    inner = [ops[node] for node in sorted(ops)][1:-1]
    edges = sum(times for _, _, times in graph.edges(data="multiplicity"))
    return [
        *(counts[path] for path in path_names(space)),
        *(inner.count(op) for op in space.computing_ops),
        len(inner),
        edges,
        max(map(len, counts), default=-1),
    ]


@pytest.mark.parametrize("name", CELL_SPACES)
def test_they_are_the_paths_of_the_graph(name):
    space = get_space(name)
    cells = space.sample(150, np.random.default_rng(0))
    expected = [walked(space, cell) for cell in cells]
    assert path_features(space, cells).tolist() == expected
    assert len(feature_names(space)) == len(set(feature_names(space))) == len(expected[0])


def test_a_cell_without_a_path(space):
    dead = space.from_ops(["none"] * 6)
    row = dict(zip(feature_names(space), path_features(space, [dead])[0], strict=True))
    assert row.pop("longest path") == -1
    assert set(row.values()) == {0}


def test_isomorphic_cells_share_a_row(space):
    cells = space.all()
    features, place = distinct_path_features(space, cells)
    assert len(features) == space.n_classes
    assert (place[:, None] == place[np.random.default_rng(0).permutation(100)]).sum() >= 100
    assert len(np.unique(np.column_stack([place, space.class_ids()]), axis=0)) == space.n_classes


def test_a_space_too_large_for_a_table_gives_the_same(space, monkeypatch):
    """Only the given cells are counted, in chunks."""
    cells = space.sample(500, np.random.default_rng(1)) * 2
    expected = path_features(space, cells)
    monkeypatch.setattr(module, "_LARGEST_TABLE", 0)
    monkeypatch.setattr(module, "_CHUNK", 7)
    features, place = distinct_path_features(space, cells)
    assert (features[place] == expected).all()
    assert len(features) == len(set(space.class_ids()[[space.index(cell) for cell in cells]]))


def test_callers_may_change_the_result(space):
    first = path_features(space, space.parse_many(range(5)))
    first[:] = -7
    assert (path_features(space, space.parse_many(range(5))) >= -1).all()
