"""The candidates whose posterior a search keeps: all of a small space, a growing pool of a large one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.search.pool import CandidatePool
from nassurrogate.search.surrogates import OracleSurrogate, Posterior
from tests.search.conftest import SPACE

CLASSES = SPACE.class_ids()
# The more 3x3 convolutions the better, no two alike.
WORTH = np.array([SPACE.parse(i).string.count("3x3") + i / 1e6 for i in range(SPACE.size)])
FEASIBLE = np.arange(SPACE.size) % 3 > 0


class Watched(OracleSurrogate):
    """Expects of a cell its worth, and remembers what was added."""

    def __init__(self):
        self.added: list[int] = []

    def add(self, indices):
        self.added += indices.tolist()

    def posterior(self):
        return Posterior(WORTH[self.added], np.ones(len(self.added)))


@pytest.fixture(scope="module")
def domain(make_domain):
    return make_domain(FEASIBLE)


def pool_of(domain, size, seed=0):
    watched = Watched()
    return CandidatePool(domain, watched, size, np.random.default_rng(seed)), watched


def expand_best(pool, width):
    """Whether any of the best was not expanded before."""
    return pool.expand(np.argsort(-pool.posterior().mean, kind="stable")[:width])


def neighbours(index):
    return SPACE.indices(SPACE.neighbours(SPACE.parse(int(index))))


def test_few_candidates_are_all_there_and_nothing_joins_them(domain):
    pool, watched = pool_of(domain, len(domain.representatives))
    assert pool.is_whole
    assert sorted(watched.added) == sorted(domain.representatives)
    pool.add(np.flatnonzero(FEASIBLE))
    pool.expand(np.arange(10))
    assert len(watched.added) == len(pool.members) == len(domain.representatives)


@settings(max_examples=15)
@given(size=st.integers(1, 400), width=st.integers(1, 8), seed=st.integers(0, 99), joining=st.integers(0, 30))
def test_a_pool_has_bounded_feasible_candidates_one_a_class(domain, size, width, seed, joining):
    pool, watched = pool_of(domain, size, seed)
    assert not pool.is_whole
    assert len(pool.members) == max(size // 2, 1)
    pool.add(np.random.default_rng(seed).choice(np.flatnonzero(FEASIBLE), joining))
    for _ in range(3):
        before = len(pool.members)
        expand_best(pool, width)
        assert len(pool.members) <= before + width * 24
    assert pool.members.tolist() == watched.added
    assert len(set(CLASSES[pool.members])) == len(pool.members)
    assert set(pool.members.tolist()) <= set(domain.representatives.tolist())
    assert FEASIBLE[pool.members].all()


@settings(max_examples=15)
@given(size=st.integers(1, 400), cells=st.lists(st.sampled_from(np.flatnonzero(FEASIBLE).tolist()), max_size=30))
def test_a_place_is_where_the_class_of_a_cell_stands(domain, size, cells):
    pool, _ = pool_of(domain, size)
    standing = {int(number): place for place, number in enumerate(CLASSES[pool.members])}
    assert pool.places(cells).tolist() == [standing.get(int(CLASSES[cell]), -1) for cell in cells]
    pool.add(cells)
    places = pool.places(cells)
    assert (places >= 0).all()
    assert (CLASSES[pool.members[places]] == CLASSES[np.array(cells, dtype=int)]).all()
    assert (pool.posterior().mean[places] == WORTH[domain.representative_of[CLASSES[np.array(cells, dtype=int)]]]).all()


def test_a_twin_joins_as_the_representative_of_its_class(domain):
    pool, watched = pool_of(domain, 100)
    twin = next(
        i for i in np.flatnonzero(FEASIBLE) if domain.representative_of[CLASSES[i]] != i and pool.places([i])[0] < 0
    )
    pool.add([twin, twin])
    assert watched.added[100 // 2 :] == [domain.representative_of[CLASSES[twin]]]


def test_what_is_expanded_brings_its_feasible_neighbours_once(domain):
    pool, _ = pool_of(domain, 20)
    first = pool.members[:2].copy()
    around = {int(i) for index in first for i in neighbours(index) if FEASIBLE[i]}
    wanted = {int(number) for number in CLASSES[list(around)]} | {int(number) for number in CLASSES[pool.members]}
    assert pool.expand(np.array([0, 1]))
    assert {int(number) for number in CLASSES[pool.members]} == wanted
    n_members = len(pool.members)
    assert not pool.expand(np.array([1, 0]))
    assert len(pool.members) == n_members


def test_climbing_finds_what_a_sample_misses(domain):
    pool, _ = pool_of(domain, 1000)
    best = WORTH[domain.representatives].max()
    assert pool.posterior().mean.max() < best
    while expand_best(pool, 4):
        pass
    assert pool.posterior().mean.max() == best
    assert len(pool.members) < len(domain.representatives) / 2


def test_the_seed_draws_the_sample(domain):
    drawn = [pool_of(domain, 200, seed)[0].members.tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
