"""What predictors read of cells: every different one once, with all that belongs to it in one row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.architecture import CellGraph
from nassurrogate.predictors.cell_reading import is_tabulated, read, vocabulary
from nassurrogate.predictors.path_features import path_features
from nassurrogate.predictors.probe_table import probe_features
from nassurrogate.spaces import get_space


def graph_in_row(space, cells, row):
    """The cell of a row, as it was before it was padded."""
    n = int(cells.graph.mask[row].sum())
    assert cells.graph.mask[row, :n].all()
    ops = [vocabulary(space)[code] for code in cells.graph.op[row, :n]]
    assert not cells.graph.adjacency[row, n:].any()
    assert not cells.graph.adjacency[row, :, n:].any()
    return CellGraph(ops, cells.graph.adjacency[row, :n, :n].astype(np.uint8))


@pytest.mark.parametrize(("name", "tabulated"), [("nb201", True), ("nb101", False)])
@settings(max_examples=10)
@given(data=st.data())
def test_every_cell_finds_its_row(name, tabulated, data):
    space = get_space(name)
    assert is_tabulated(space) is tabulated
    picked = data.draw(st.lists(st.integers(0, space.size - 1), min_size=1, max_size=12), "cells")
    archs = space.parse_many([*picked, picked[0]])
    cells, place = read(space, archs)
    assert place.shape == (len(archs),)
    assert len({len(cells), *(len(part) for part in vars(cells.graph).values())}) == 1
    for arch, row in zip(archs, place, strict=True):
        assert graph_in_row(space, cells, row) == space.graph(space.parse(_first(space, arch)))
    assert (cells.paths[place] == path_features(space, archs)).all()
    keys = [space.canonical_key(arch) for arch in archs]
    assert [keys.index(key) for key in keys] == [place.tolist().index(row) for row in place]


def _first(space, arch):
    """The index of the first member of its class."""
    classes = space.class_ids()
    return int(np.flatnonzero(classes == classes[space.index(arch)])[0])


def test_of_a_small_space_all_classes_are_read_in_their_order(space):
    cells, place = read(space, space.parse_many([5, 9]))
    assert len(cells) == space.n_classes
    assert (place == space.class_ids()[[5, 9]]).all()
    assert (cells.probes == probe_features(space)).all()
    again, everywhere = read(space, space.all())
    assert again is cells  # read once
    assert (everywhere == space.class_ids()).all()


def test_of_a_large_space_no_cell_stands_there_twice():
    space = get_space("nb101")
    cells, place = read(space, space.parse_many([8, 3, 8, 400_000]))
    assert len(cells) == 3
    assert len(set(place.tolist())) == 3
    assert place[0] == place[2]
    assert cells.probes is None


def test_some_of_them(space):
    cells, _ = read(space, [space.parse(0)])
    rows = np.array([7, 7, 2])
    some = cells.take(rows)
    assert len(some) == 3
    for part, whole in zip(vars(some.graph).values(), vars(cells.graph).values(), strict=True):
        assert (part == whole[rows]).all()
    assert (some.paths == cells.paths[rows]).all()
    assert (some.probes == cells.probes[rows]).all()
