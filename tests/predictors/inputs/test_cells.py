"""Inputs of predictors of cells: one row per class, and the rows that are scored together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.graphs.codes import op_vocabulary
from nassurrogate.predictors.inputs.cells import CHUNK, chunks, class_scores, is_tabulated, read
from nassurrogate.predictors.inputs.graph_batch import node_depths
from nassurrogate.predictors.inputs.path_features import class_numbers, path_features
from nassurrogate.proxies.table import probe_features
from nassurrogate.spaces import CellSpace, get_space, space_names

CELL_SPACES = [name for name in space_names() if isinstance(get_space(name), CellSpace)]


def graph_in_row(space, cells, row):
    """The graph of a row, without padding."""
    n = int(cells.graph.mask[row].sum())
    assert cells.graph.mask[row, :n].all()
    ops = [op_vocabulary(space.computing_ops)[code] for code in cells.graph.op[row, :n]]
    assert not cells.graph.adjacency[row, n:].any()
    assert not cells.graph.adjacency[row, :, n:].any()
    return CellGraph(ops, cells.graph.adjacency[row, :n, :n].astype(np.uint8))


@pytest.mark.parametrize("name", CELL_SPACES)
@settings(max_examples=10)
@given(data=st.data())
def test_a_row_describes_its_class(name, data):
    space = get_space(name)
    picked = data.draw(st.lists(st.integers(0, space.size - 1), min_size=1, max_size=12), "cells")
    archs = space.parse_many([*picked, picked[0]])
    classes = class_numbers(space, archs)
    assert classes.tolist() == [space.class_ids()[arch.index] for arch in archs]
    cells = read(space, classes)
    assert {len(archs)} == {len(cells), len(cells.probes), *(len(part) for part in vars(cells.graph).values())}
    for row, arch in enumerate(archs):
        graph = space.graph(arch)
        assert graph_in_row(space, cells, row) == graph
        assert cells.graph.position[row, : graph.n_nodes].tolist() == node_depths(graph)
    assert (cells.paths == path_features(space, archs)).all()
    assert (cells.probes == class_scores(space)[classes]).all()


@pytest.mark.parametrize(("name", "n_costs"), [("nb201", 0), ("nb101", 2)])
def test_costs_are_read_if_a_class_shares_them(name, n_costs):
    """Some of nb201's cells of one class cost more than others: costs are not read."""
    space = get_space(name)
    scores, probes = class_scores(space), probe_features(space)
    assert not scores.flags.writeable
    assert scores.shape == (space.n_classes, probes.shape[1] + n_costs)
    assert (scores[:, : probes.shape[1]] == probes).all()
    if n_costs:
        for column, costs in zip(scores[:, probes.shape[1] :].T, space.free_metrics("cifar10").values(), strict=True):
            order = np.argsort(costs, kind="stable")
            assert (np.diff(column[order]) >= 0).all()
            assert column.std() == pytest.approx(1, abs=0.01)


def test_which_spaces_are_read_at_once():
    assert {name: is_tabulated(get_space(name)) for name in CELL_SPACES} == {"nb201": True, "nb101": False}


@settings(max_examples=30)
@given(st.lists(st.integers(2, 5), max_size=3 * CHUNK))
def test_chunks_have_one_length_and_one_size(sizes):
    sizes = np.array(sizes, dtype=np.uint8)
    found = list(chunks(sizes))
    assert {len(rows) for rows in found} <= {CHUNK}
    assert all(len(set(sizes[rows])) == 1 for rows in found)
    assert sorted({row for rows in found for row in rows.tolist()}) == list(range(len(sizes)))


def test_taking_rows(space):
    cells = read(space, np.arange(10))
    rows = np.array([7, 7, 2])
    some = cells.take(rows)
    assert len(some) == 3
    for part, whole in zip(vars(some.graph).values(), vars(cells.graph).values(), strict=True):
        assert (part == whole[rows]).all()
    assert (some.paths == cells.paths[rows]).all()
    assert (some.probes == cells.probes[rows]).all()
