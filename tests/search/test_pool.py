"""What a round knows of the candidates: all of a small space, a bounded pool of a large one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.search.guide import Forecast
from nassurrogate.search.outlook import Outlook
from tests.search.conftest import SPACE

CLASSES = SPACE.class_ids()
# The more 3x3 convolutions the better, no two alike.
WORTH = np.array([SPACE.parse(i).string.count("3x3") + i / 1e6 for i in range(SPACE.size)])


class Watched:
    """A forecast by worth that remembers what it was asked."""

    def __init__(self):
        self.asked: list[int] = []

    def __call__(self, indices):
        self.asked += indices.tolist()
        return Forecast(WORTH[indices], np.ones(len(indices)))


@pytest.fixture
def domain(make_domain):
    return make_domain(np.arange(SPACE.size) % 3 > 0)


def look(domain, pool_size, known=(), seed=0):
    watched = Watched()
    return Outlook(watched, domain, known, pool_size, np.random.default_rng(seed)), watched


def test_few_candidates_are_all_forecast_once(domain):
    outlook, watched = look(domain, len(domain.representatives), known=domain.representatives[:5])
    outlook.climb(10**6, 5)
    assert outlook.is_whole
    assert sorted(watched.asked) == sorted(domain.representatives)
    assert (outlook.pool() == domain.representatives).all()
    assert (outlook.of(domain.representatives).mean == WORTH[domain.representatives]).all()
    assert len(watched.asked) == len(domain.representatives)


@settings(max_examples=15)
@given(pool_size=st.integers(2, 400), width=st.integers(1, 8), seed=st.integers(0, 99))
def test_a_pool_is_bounded_feasible_and_forecast_once(make_domain, pool_size, width, seed):
    domain = make_domain(np.arange(SPACE.size) % 3 > 0)
    known = domain.representatives[::1000].tolist()
    outlook, watched = look(domain, pool_size, known, seed)
    assert len(outlook.sample) == pool_size // 2
    outlook.climb(pool_size, width)
    assert len(set(watched.asked)) == len(watched.asked)
    assert domain.feasible[watched.asked].all()
    assert set(known) <= set(watched.asked)
    assert len(watched.asked) <= max(pool_size, pool_size // 2 + len(known)) + width * 24
    assert sorted(watched.asked) == sorted(outlook.pool())


def test_climbing_finds_what_a_sample_misses(domain):
    outlook, _ = look(domain, 1000)
    before = outlook.of(outlook.pool()).mean.max()
    outlook.climb(1000, 4)
    best = WORTH[domain.representatives].max()
    assert before < best
    assert outlook.of(outlook.pool()).mean.max() == best


def test_a_twin_is_forecast_through_the_representative_of_its_class(domain):
    outlook, watched = look(domain, 100)
    twin = next(i for i in np.flatnonzero(domain.feasible) if domain.representative_of[CLASSES[i]] != i)
    assert outlook.of([twin]).mean[0] == WORTH[domain.representative_of[CLASSES[twin]]]
    assert twin not in watched.asked


def test_what_is_no_number_is_told(domain):
    broken = int(domain.representatives[7])

    def predict(indices):
        return Forecast(np.where(indices == broken, np.nan, 1.0), np.ones(len(indices)))

    def looked(candidates):
        return Outlook(predict, replace(domain, representatives=candidates), (), 10**6, np.random.default_rng(0))

    assert not looked(domain.representatives).is_finite
    assert looked(domain.representatives[8:]).is_finite
