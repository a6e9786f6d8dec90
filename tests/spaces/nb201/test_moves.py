"""Sampling, mutation and neighbours of nb201 cells."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.spaces.nb201.space import NB201

SPACE = NB201()
cells = st.integers(0, SPACE.size - 1).map(SPACE.parse)
seeds = st.integers(0, 2**32 - 1)


def _edits(one: Architecture, other: Architecture) -> int:
    return sum(a != b for a, b in zip(SPACE.to_ops(one), SPACE.to_ops(other), strict=True))


@given(st.integers(0, 300), seeds)
def test_samples_do_not_repeat_and_follow_the_seed(n: int, seed: int) -> None:
    sample = SPACE.sample(n, np.random.default_rng(seed))
    assert len(set(sample)) == len(sample) == n
    assert sample == SPACE.sample(n, np.random.default_rng(seed))


def test_the_largest_sample_is_the_space() -> None:
    assert set(SPACE.sample(SPACE.size, np.random.default_rng(0))) == set(SPACE.all())


def test_sampling_is_uniform_over_strings() -> None:
    rng = np.random.default_rng(0)
    counts = np.zeros((6, 5))
    indices = np.zeros(25)
    for _ in range(40):
        for arch in SPACE.sample(500, rng):
            codes = SPACE.op_codes[arch.index]
            counts[np.arange(6), codes] += 1
            indices[arch.index // 625] += 1
    assert min(chisquare(row).pvalue for row in (*counts, indices)) > 1e-4


@pytest.mark.parametrize("n", [-1, 15_626, 1.0, True, None, float("nan"), "5"])
def test_samples_that_cannot_be(n: object) -> None:
    with pytest.raises(InputError, match=r"cannot sample .* expected a number from 0 to 15625"):
        SPACE.sample(n, np.random.default_rng(0))  # type: ignore[arg-type]


@given(cells)
def test_neighbours_are_the_24_cells_one_edit_away(arch: Architecture) -> None:
    neighbours = SPACE.neighbours(arch)
    assert len(set(neighbours)) == len(neighbours) == 24
    assert all(_edits(arch, neighbour) == 1 for neighbour in neighbours)
    assert all(arch in SPACE.neighbours(neighbour) for neighbour in neighbours)
    assert neighbours == SPACE.neighbours(arch)


@given(cells, seeds)
def test_a_mutant_is_a_neighbour(arch: Architecture, seed: int) -> None:
    mutant = SPACE.mutate(arch, np.random.default_rng(seed))
    assert mutant in SPACE.neighbours(arch)
    assert mutant == SPACE.mutate(arch, np.random.default_rng(seed))


def test_mutation_is_uniform_over_neighbours() -> None:
    rng = np.random.default_rng(1)
    arch = SPACE.parse(1462)
    drawn = Counter(SPACE.mutate(arch, rng) for _ in range(4_800))
    assert chisquare([drawn[neighbour] for neighbour in SPACE.neighbours(arch)]).pvalue > 1e-4


def test_enumeration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        SPACE.op_codes[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        SPACE.class_ids()[0] = 1
    assert isinstance(SPACE.all(), tuple)
