"""Cells are encoded once, and scored in chunks that do not affect the scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.predictors.inputs.cell_cache import CellTable, cell_table
from nassurrogate.predictors.inputs.graph_batch import encode
from nassurrogate.predictors.training.chunk_scoring import ChunkScorer

OPS = ("input", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "none", "output")


@settings(max_examples=20, deadline=None)
@given(batches=st.lists(st.lists(st.integers(0, 15_624), max_size=40), min_size=1, max_size=6), canonical=st.booleans())
def test_a_row_is_the_encoded_cell(space, batches, canonical):
    table = CellTable(lambda arch: space.graph(arch, canonical=canonical), OPS, 3, depth_as_position=canonical)
    first_rows = {}
    for batch in batches:
        cells = space.parse_many(batch)
        rows = table.rows(cells)
        for cell, row in zip(cells, rows.tolist(), strict=True):
            assert first_rows.setdefault(space.graph(cell, canonical=canonical), row) == row
        taken = table.take(rows)
        expected = encode(
            [space.graph(cell, canonical=canonical) for cell in cells],
            OPS,
            taken.mask.shape[1],
            depth_as_position=canonical,
        )
        for name, array in vars(expected).items():
            assert (getattr(taken, name) == array).all()
            assert getattr(taken, name).dtype == array.dtype
    assert len(set(first_rows.values())) == len(first_rows)


def test_a_table_outgrows_its_first_size(space):
    cells = space.all()[:3000]
    table = CellTable(lambda arch: space.graph(arch, canonical=False), OPS, 8, depth_as_position=False)
    assert table.rows(cells).tolist() == list(range(3000))
    again = table.take(table.rows(cells[::-1]))
    expected = encode([space.graph(c, canonical=False) for c in cells[::-1]], OPS, 8, depth_as_position=False)
    assert (again.op == expected.op).all()


def test_predictors_share_a_table(space):
    assert cell_table(space, OPS, canonical=True) is cell_table(space, OPS, canonical=True)
    assert cell_table(space, OPS, canonical=True) is not cell_table(space, OPS, canonical=False)


@pytest.mark.parametrize("n", [1, 3, 4, 5, 8, 11])
def test_chunks_have_one_size_and_do_not_affect_scores(n):
    sizes = []

    def function(x, y):
        sizes.append(len(x))
        return torch.stack([x.sum(1), y])

    x, y = np.random.default_rng(0).normal(size=(n, 2)), np.arange(float(n))
    given = ChunkScorer(function, 4, torch.device("cpu"))(x, y)
    np.testing.assert_array_equal(given, [x.sum(1), y])
    assert set(sizes) == {4}
