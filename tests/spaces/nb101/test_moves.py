"""Sampling, neighbours and mutation of nb101 cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.spaces import get_space
from nassurrogate.spaces.nb101.space import NB101, OPS

indices = st.integers(0, 423_623)
seeds = st.integers(0, 2**32 - 1)
SKIP = {"matrix": [[0, 1], [0, 0]], "ops": ["input", "output"]}


@pytest.fixture(scope="module")
def space() -> NB101:
    found = get_space("nb101")
    assert isinstance(found, NB101)
    return found


def _size(space: NB101, arch: Architecture) -> tuple[int, int]:
    graph = space.graph(arch)
    return graph.n_nodes, int(graph.adjacency.sum())


def test_samples_are_different_reproducible_and_uniform(space: NB101) -> None:
    drawn = space.sample(5_000, np.random.default_rng(3))
    assert drawn == space.sample(5_000, np.random.default_rng(3))
    assert len(set(drawn)) == 5_000
    places = np.sort([space.index(arch) for arch in drawn]) / space.size
    assert np.abs(places - np.arange(5_000) / 5_000).max() < 0.03  # Kolmogorov-Smirnov at one in 10,000
    assert space.sample(0, np.random.default_rng(0)) == []
    for wrong in (-1, space.size + 1, True, 1.0, "1", None):
        with pytest.raises(InputError, match="from 0 to 423624"):
            space.sample(wrong, np.random.default_rng(0))  # type: ignore[arg-type]


@settings(max_examples=30)
@given(index=indices)
def test_neighbours_are_other_cells_one_edit_away(space: NB101, index: int) -> None:
    arch = space.parse(index)
    around = space.neighbours(arch)
    assert arch not in around
    assert len(set(around)) == len(around) > 1
    assert [space.index(cell) for cell in around] == sorted(space.index(cell) for cell in around)
    vertices, edges = _size(space, arch)
    for cell in around:
        assert _size(space, cell)[0] <= vertices + 1
        assert _size(space, cell)[1] <= edges + 2
        if _size(space, cell)[0] >= vertices:  # nothing was pruned, so there is a way back
            assert arch in space.neighbours(cell)


def test_neighbours_of_a_small_cell_by_hand(space: NB101) -> None:
    chain = space.from_spec([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["input", OPS[0], "output"])
    expected = {space.from_spec([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["input", op, "output"]) for op in OPS[1:]}
    expected.add(space.from_spec([[0, 1, 1], [0, 0, 1], [0, 0, 0]], ["input", OPS[0], "output"]))
    before = [[0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    beside = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    behind = [[0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    for new in OPS:
        expected.add(space.from_spec(before, ["input", new, OPS[0], "output"]))
        expected |= {space.from_spec(matrix, ["input", OPS[0], new, "output"]) for matrix in (beside, behind)}
    assert set(space.neighbours(chain)) == expected


@settings(max_examples=50)
@given(index=indices, seed=seeds)
def test_a_mutation_is_a_neighbour(space: NB101, index: int, seed: int) -> None:
    arch = space.parse(index)
    assert space.mutate(arch, np.random.default_rng(seed)) in space.neighbours(arch)
    assert space.mutate(arch, np.random.default_rng(seed)) == space.mutate(arch, np.random.default_rng(seed))


def test_every_neighbour_can_come_of_a_mutation(space: NB101) -> None:
    rng = np.random.default_rng(0)
    arch = space.from_spec(*SKIP.values())
    assert {space.mutate(arch, rng) for _ in range(200)} == set(space.neighbours(arch))


def test_a_walk_of_mutations_goes_everywhere(space: NB101) -> None:
    rng = np.random.default_rng(1)
    arch = space.from_spec(*SKIP.values())
    sizes = set()
    for _ in range(300):
        arch = space.mutate(arch, rng)
        sizes.add(_size(space, arch)[0])
    assert sizes >= {4, 5, 6, 7}
