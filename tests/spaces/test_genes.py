"""Cells as genes: a fixed number of slots, there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate import InputError, get_space
from nassurrogate.spaces.nb101.space import EDGE_GENES, NB101
from nassurrogate.spaces.nb201.space import NB201


def test_nb201_has_an_operation_an_edge() -> None:
    space = NB201()
    assert [gene.name for gene in space.genes] == [f"op{edge}" for edge in range(6)]
    assert all(gene.choices == space.ops and gene.levels is None for gene in space.genes)
    codes = space.gene_codes(list(space.all()))
    assert (codes == space.op_codes).all()
    assert [space.from_gene_codes(own) for own in codes[:100]] == space.take(range(100))
    assert space.to_ops(space.from_gene_codes([0, 1, 2, 3, 4, 0])) == (*space.ops, space.ops[0])


def test_nb101_has_edges_and_operations_of_seven_vertices() -> None:
    space = NB101()
    assert len(space.genes) == 21 + 5
    assert all(gene.choices == (0, 1) for gene in space.genes[:21])
    assert all(gene.choices == space.ops for gene in space.genes[21:])
    # Two vertices: input to output, whatever the operations.
    (edge,) = space.gene_codes([space.from_spec([[0, 1], [0, 0]], ["input", "output"])])
    assert np.flatnonzero(edge[:21]).tolist() == [EDGE_GENES.index((0, 6))]


@given(index=st.integers(0, 423_623))
def test_nb101_genes_are_the_cell(index: int) -> None:
    space = NB101()
    cell = space.parse(index)
    (codes,) = space.gene_codes([cell])
    assert codes[:21].sum() == space.to_spec(cell).n_edges()
    assert space.from_gene_codes(codes) == cell


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([], "output"),
        ([(0, 1), (1, 2)], "output"),
        ([(0, y) for y in range(1, 7)] + [(x, 6) for x in range(1, 6)], "at most 9"),
    ],
)
def test_nb101_graphs_that_are_no_cell(edges: list[tuple[int, int]], message: str) -> None:
    codes = [int(edge in edges) for edge in EDGE_GENES] + [0] * 5
    with pytest.raises(InputError) as caught:
        NB101().from_gene_codes(codes)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["nb201", "nb101", "macro"])
@pytest.mark.parametrize("first", [-1, 99, 0.5, "0", None, True])
def test_codes_that_are_no_choices(name: str, first: Any) -> None:
    space = get_space(name)
    with pytest.raises(InputError, match=rf"the code of '\w+' of {name} must be a whole number from -?\d to \d"):
        space.from_gene_codes([first] + [0] * (len(space.genes) - 1))
    with pytest.raises(InputError, match=rf"expected {len(space.genes)} codes, one per gene of {name}"):
        space.from_gene_codes([0, 1])
