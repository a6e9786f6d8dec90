"""Acquisitions against Monte Carlo, schedules against their budget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.errors import InputError
from nassurrogate.search.acquisition import acquire, acquisition_names
from nassurrogate.search.schedule import SearchSettings, plan

shares = st.floats(0, 1)
counts = st.integers(1, 60)


def values(name, mean, std, seed=0):
    rng = np.random.default_rng(seed)
    return acquire(name, np.array(mean), np.array(std), best=90.0, beta=2.0, rng=rng)


def test_expected_improvement_is_the_mean_of_what_exceeds_the_best():
    mean, std = [88.0, 90.0, 91.0, 89.0, 92.0], [3.0, 1.0, 0.5, 0.0, 0.0]
    draws = np.random.default_rng(1).normal(mean, std, size=(400_000, 5))
    assert values("ei", mean, std) == pytest.approx(np.maximum(draws - 90.0, 0).mean(axis=0), abs=0.01)


def test_ucb_and_mean():
    assert values("ucb", [88.0, 90.0], [3.0, 1.0]).tolist() == [94.0, 92.0]
    assert values("mean", [88.0, 90.0], [3.0, 1.0]).tolist() == [88.0, 90.0]


def test_thompson_draws_from_the_prediction():
    drawn = values("thompson", np.full(100_000, 88.0), np.full(100_000, 3.0))
    assert (drawn.mean(), drawn.std()) == pytest.approx((88.0, 3.0), abs=0.05)


@pytest.mark.parametrize("name", acquisition_names())
def test_a_certain_prediction_ranks_by_its_mean(name):
    assert values(name, [91.0, 95.0, 93.0], [0.0, 0.0, 0.0]).argsort().tolist() == [0, 2, 1]


def test_an_unknown_acquisition_is_refused():
    with pytest.raises(InputError, match=r"unknown acquisition 'ucbb'.*did you mean 'ucb'"):
        SearchSettings(acquisition="ucbb")


@given(st.integers(1, 5_425), shares, counts, counts, counts, shares, st.booleans())
def test_a_plan_spends_the_budget_exactly(budget, init, least, batch, refits, confirm, needs_init):
    settings = SearchSettings(
        init_fraction=init, init_min=least, batch_size=batch, max_refits=refits, confirm_fraction=confirm
    )
    split = plan(budget, settings, needs_init=needs_init)
    assert split.total == budget
    assert min(split.n_init, split.n_confirm, *split.batches, 0) == 0
    assert all(split.batches)
    assert len(split.batches) <= refits
    assert (split.n_init > 0) == (needs_init)


@pytest.mark.parametrize(
    "wrong",
    [
        {"init_fraction": 1.5},
        {"confirm_fraction": float("nan")},
        {"batch_size": 0},
        {"init_min": 2.5},
        {"max_refits": True},
        {"inner_proposals": -1},
        {"beta": float("inf")},
        {"beta": -1.0},
        {"label_noise_pct": "0.2"},
        {"top": 0},
    ],
)
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        SearchSettings(**wrong)
