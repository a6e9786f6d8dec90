"""The candidates whose posterior a search keeps: all of a small space, a growing pool of a large one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.benchmarks import CallableBenchmark
from nassurrogate.constraints import Constraint
from nassurrogate.metric import known_metric
from nassurrogate.search.candidates.feasibility import find_feasible
from nassurrogate.search.candidates.pool import CandidatePool
from nassurrogate.search.surrogates import OracleSurrogate, Posterior
from tests.search.conftest import CLASSES, SPACE, classes_of
from tests.spaces.declared import CANONICAL, HUGE

# The more 3x3 convolutions the better, no two alike.
ACQUISITION = np.array([arch.string.count("3x3") + i / 1e6 for i, arch in enumerate(SPACE.all())])
FEASIBLE = np.arange(SPACE.size) % 3 > 0


class Watched(OracleSurrogate):
    """Expects of a cell its worth, and remembers what was added."""

    def __init__(self):
        self.added: list = []

    def add(self, archs):
        self.added += archs

    def posterior(self):
        return Posterior(ACQUISITION[indices(self.added)], np.ones(len(self.added)))


def indices(archs):
    return SPACE.indices(list(archs))


@pytest.fixture(scope="module")
def feasible(make_feasible):
    return make_feasible(FEASIBLE)


def pool_of(feasible, size, seed=0):
    watched = Watched()
    return CandidatePool(feasible, watched, size, np.random.default_rng(seed)), watched


def expand_best(pool, width):
    """Whether any of the best was not expanded before."""
    return pool.expand(np.argsort(-pool.posterior().mean, kind="stable")[:width])


def test_few_candidates_are_all_there_and_nothing_joins_them(feasible):
    pool, watched = pool_of(feasible, feasible.n_classes)
    assert pool.is_whole
    assert not pool.is_open
    assert sorted(indices(watched.added)) == sorted(indices(feasible.members()))
    pool.add(SPACE.take(np.flatnonzero(FEASIBLE)))
    pool.expand(np.arange(10))
    assert len(watched.added) == len(pool.members) == feasible.n_classes


@settings(max_examples=15)
@given(size=st.integers(1, 400), width=st.integers(1, 8), seed=st.integers(0, 99), joining=st.integers(0, 30))
def test_a_pool_has_bounded_feasible_candidates_one_a_class(feasible, size, width, seed, joining):
    pool, watched = pool_of(feasible, size, seed)
    assert not pool.is_whole
    assert len(pool.members) == max(size // 2, 1)
    pool.add(SPACE.take(np.random.default_rng(seed).choice(np.flatnonzero(FEASIBLE), joining)))
    for _ in range(3):
        before = len(pool.members)
        expand_best(pool, width)
        assert len(pool.members) <= before + width * 24
    assert pool.members == watched.added
    assert pool.keys == CLASSES[indices(pool.members)].tolist()
    assert len(set(pool.keys)) == len(pool.members)
    assert set(pool.members) <= set(feasible.members())
    assert FEASIBLE[indices(pool.members)].all()


@settings(max_examples=15)
@given(size=st.integers(1, 400), cells=st.lists(st.sampled_from(np.flatnonzero(FEASIBLE).tolist()), max_size=30))
def test_a_place_is_where_the_class_of_a_cell_stands(feasible, size, cells):
    pool, _ = pool_of(feasible, size)
    archs, classes = SPACE.take(cells), classes_of(cells)
    standing = {int(number): place for place, number in enumerate(classes_of(indices(pool.members)))}
    assert pool.places(archs).tolist() == [standing.get(int(number), -1) for number in classes]
    pool.add(archs)
    places = pool.places(archs)
    assert (places >= 0).all()
    assert (classes_of(indices(pool.members))[places] == classes).all()
    assert (pool.posterior().mean[places] == ACQUISITION[indices(feasible.representatives(archs))]).all()


def test_an_equal_cell_joins_as_the_representative_of_its_class(feasible):
    pool, watched = pool_of(feasible, 100)
    equal = next(
        arch
        for arch in SPACE.take(np.flatnonzero(FEASIBLE))
        if feasible.representatives([arch]) != [arch] and pool.places([arch])[0] < 0
    )
    pool.add([equal, equal])
    assert watched.added[100 // 2 :] == feasible.representatives([equal])


def test_what_is_expanded_brings_its_feasible_neighbours_once(feasible):
    pool, _ = pool_of(feasible, 20)
    around = indices(neighbour for arch in pool.members[:2] for neighbour in SPACE.neighbours(arch))
    wanted = set(classes_of(around[FEASIBLE[around]])) | set(classes_of(indices(pool.members)))
    assert pool.expand(np.array([0, 1]))
    assert set(classes_of(indices(pool.members))) == wanted
    n_members = len(pool.members)
    assert not pool.expand(np.array([1, 0]))
    assert len(pool.members) == n_members


def test_climbing_finds_what_a_sample_misses(feasible):
    pool, _ = pool_of(feasible, 1000)
    best = ACQUISITION[indices(feasible.members())].max()
    assert pool.posterior().mean.max() < best
    while expand_best(pool, 4):
        pass
    assert pool.posterior().mean.max() == best
    assert len(pool.members) < feasible.n_classes / 2


def test_the_seed_draws_the_sample(feasible):
    drawn = [indices(pool_of(feasible, 200, seed)[0].members).tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


# --- spaces without a table ------------------------------------------------------------------------------------------


def found_of(space, *constraints):
    truth = CallableBenchmark(space, lambda arch: 0.0)
    bounds = [Constraint.parse(text) for text in constraints]
    return find_feasible(truth, known_metric("val_accuracy_pct"), bounds, np.random.default_rng(0))


@pytest.mark.parametrize("constraints", [(), ("params_m<=180",)])
def test_a_pool_of_a_space_that_cannot_be_listed_grows(constraints):
    found = found_of(HUGE, *constraints)
    pool, watched = pool_of(found, 400)
    assert (pool.is_whole, pool.is_open) == (False, True)
    assert len(set(pool.keys)) == len(pool.members) == 200
    assert found.contains(pool.members).all()
    around = HUGE.neighbours(pool.members[0])
    kept = [arch for arch, fits in zip(around, found.contains(around), strict=True) if fits]
    assert pool.expand(np.array([0]))
    assert set(kept) <= set(pool.members)
    assert found.contains(pool.members).all()
    assert pool.keys == [arch.key for arch in pool.members] == [arch.key for arch in watched.added]


def test_a_listed_pool_holds_one_of_equal_keys():
    found = found_of(CANONICAL)
    pool, _ = pool_of(found, 100)
    assert pool.is_whole
    assert len(pool.members) == len({arch.key for arch in CANONICAL.members()}) < CANONICAL.size
    pool.add(list(CANONICAL.members()))
    assert len(pool.members) == len(set(pool.keys))
    assert (pool.places(list(CANONICAL.members())) >= 0).all()
    listed = pool.listed()
    assert listed.members() == pool.members
    assert listed.n_classes == len(pool.members)
