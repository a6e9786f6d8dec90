"""Acquisitions against Monte Carlo, schedules against their budget."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.errors import InputError
from nassurrogate.search.searchers.acquisition import ACQUISITIONS, acquire, moving_incumbent
from nassurrogate.search.settings.schedule import SearchSettings, plan

shares = st.floats(0, 1)
scores = st.floats(-100, 100)
counts = st.integers(1, 60)
budgets = st.integers(1, 5_425)


def values(name, mean, std, seed=0):
    rng = np.random.default_rng(seed)
    return acquire(name, np.array(mean), np.array(std), incumbent=90.0, beta=2.0, rng=rng)


def test_expected_improvement_is_the_mean_of_what_exceeds_the_incumbent():
    mean, std = [88.0, 90.0, 91.0, 89.0, 92.0], [3.0, 1.0, 0.5, 0.0, 0.0]
    draws = np.random.default_rng(1).normal(mean, std, size=(400_000, 5))
    assert values("ei", mean, std) == pytest.approx(np.maximum(draws - 90.0, 0).mean(axis=0), abs=0.01)


def test_ucb_and_mean():
    assert values("ucb", [88.0, 90.0], [3.0, 1.0]).tolist() == [94.0, 92.0]
    assert values("mean", [88.0, 90.0], [3.0, 1.0]).tolist() == [88.0, 90.0]


def test_thompson_draws_from_the_prediction():
    drawn = values("thompson", np.full(100_000, 88.0), np.full(100_000, 3.0))
    assert (drawn.mean(), drawn.std()) == pytest.approx((88.0, 3.0), abs=0.05)


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_a_certain_prediction_ranks_by_its_mean(name):
    assert values(name, [91.0, 95.0, 93.0], [0.0, 0.0, 0.0]).argsort().tolist() == [0, 2, 1]


def test_an_unknown_acquisition_is_refused():
    with pytest.raises(InputError, match=r"unknown acquisition 'ucbb'.*did you mean 'ucb'"):
        SearchSettings(acquisition="ucbb")


# --- where an improvement begins -------------------------------------------------------------------------------------


@given(scores, scores, shares, shares)
def test_the_incumbent_falls_from_the_best_label_to_what_is_expected(best, expected, one, other):
    early, late = (moving_incumbent(best, expected, left) for left in (max(one, other), min(one, other)))
    lowest, highest = sorted((best, expected))
    assert lowest - 1e-9 <= min(early, late)
    assert max(early, late) <= highest + 1e-9
    assert (early - late) * (best - expected) >= -1e-9
    assert moving_incumbent(best, expected, 1.0) == pytest.approx(best)
    assert moving_incumbent(best, expected, 0.0) == expected


@given(scores, shares)
def test_without_a_label_in_its_scale_the_incumbent_is_what_is_expected(expected, left):
    assert moving_incumbent(None, expected, left) == expected


# --- how a budget is split -------------------------------------------------------------------------------------------


@given(budgets, st.none() | counts, st.integers(0, 60), st.none() | counts, st.integers(0, 12))
def test_a_plan_spends_the_budget_exactly(budget, n_init, n_confirm, batch, initial_labels):
    settings = SearchSettings(n_init=n_init, n_confirm=n_confirm, batch_size=batch)
    split = plan(budget, settings, initial_labels=initial_labels)
    assert split.n_init + split.n_search + split.n_confirm == budget
    assert min(split.n_init, split.n_search, split.n_confirm) >= 0
    assert (split.n_init > 0) == ((initial_labels if n_init is None else n_init) > 0)
    assert split.n_init <= min(initial_labels if n_init is None else n_init, math.ceil(budget / 2))
    assert split.n_confirm == min(n_confirm, budget - split.n_init)


@given(budgets, st.none() | counts, st.booleans())
def test_a_slow_predictor_is_fitted_some_twenty_times(budget, batch, refits_at_once):
    split = plan(budget, SearchSettings(batch_size=batch), initial_labels=10)
    evaluated, sizes = split.n_init, []
    while evaluated < budget - split.n_confirm:
        sizes.append(split.batch_size(evaluated, refits_at_once=refits_at_once))
        evaluated += sizes[-1]
    assert all(size >= 1 for size in sizes)
    if batch is not None:
        assert set(sizes) <= {batch}
    elif refits_at_once:
        assert all(size == 1 for size in sizes[:100])
    else:
        assert len(sizes) <= 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_init": -1},
        {"n_init": 2.5},
        {"n_confirm": -1},
        {"n_confirm": 1.5},
        {"batch_size": 0},
        {"batch_size": True},
        {"pool_size": 0},
        {"pool_size": None},
        {"inner_proposals": -1},
        {"beta": float("inf")},
        {"beta": -1.0},
        {"beta": 10**400},
        {"label_noise_pct": "0.2"},
        {"top": 0},
    ],
)
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        SearchSettings(**wrong)
