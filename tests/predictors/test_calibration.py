"""Calibrated deviations have the promised coverage for spreads of any kind."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from nassurrogate.errors import InputError
from nassurrogate.predictors.calibration import COVERAGE, FEW, WIDTH, Calibration, HeldOut, out_of_fold, split_folds


def held_out(error, spread, *, labels=None):
    """Predictions that miss made-up labels by these errors."""
    labels = np.zeros(len(error)) if labels is None else labels
    return HeldOut(np.arange(len(error)), labels - error, np.asarray(spread, dtype=float)), labels


def calibrated(error, spread):
    return Calibration.of(*held_out(np.asarray(error, dtype=float), spread))


def test_the_width_is_that_of_a_normal_distribution():
    assert pytest.approx(norm.ppf(0.5 + COVERAGE / 2)) == WIDTH


# --- folds --------------------------------------------------------------------------------------------------------


@given(n=st.integers(0, 700), seed=st.integers(0, 1000), k=st.integers(2, 12))
def test_folds_partition_the_labels(n, seed, k):
    folds = split_folds(n, seed, folds=k, enough=10_000)
    assert len(folds) == (min(n, k) if n > 1 else 0)
    for fold in folds:
        assert sorted([*fold.known, *fold.held]) == list(range(n))
        assert len(fold.known) > 0
    if folds:
        assert sorted(np.concatenate([fold.held for fold in folds])) == list(range(n))
        assert np.ptp([len(fold.held) for fold in folds]) <= 1


@given(n=st.integers(2, 5000), enough=st.integers(1, 2000))
def test_no_more_folds_than_are_needed(n, enough):
    held = [len(fold.held) for fold in split_folds(n, 0, enough=enough)]
    assert sum(held) >= min(n, enough)
    assert sum(held[:-1]) < enough


def test_the_seed_decides_the_folds():
    first, again, other = ([fold.held.tolist() for fold in split_folds(40, seed)] for seed in (1, 1, 2))
    assert first == again != other


def test_no_label_is_predicted_by_a_fit_that_knew_it():
    labels = np.random.default_rng(0).normal(size=37)

    def sums(folds):
        return [(np.full(len(f.held), labels[f.known].sum()), np.full(len(f.held), len(f.known))) for f in folds]

    held = out_of_fold(sums, 37, seed=3)
    assert sorted(held.place) == list(range(37))
    for fold in split_folds(37, 3):
        rows = np.isin(held.place, fold.held)
        np.testing.assert_allclose(held.mean[rows], labels.sum() - labels[fold.held].sum())
        assert (held.spread[rows] == 37 - len(fold.held)).all()


# --- what is covered ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [50, 156, 469])
@pytest.mark.parametrize("tail", ["normal", "heavy"])
@pytest.mark.parametrize("informative", ["spread", "half of it", "nothing", "noise"])
def test_new_errors_are_covered(n, tail, informative):
    """Errors whose size varies a hundredfold, with spreads that are informative about it or not."""
    rng = np.random.default_rng(n)
    shares = []
    for _ in range(60):
        size = np.exp(rng.normal(size=n + 2000))
        error = size * (rng.normal(size=len(size)) if tail == "normal" else rng.standard_t(1.5, size=len(size)))
        spread = {
            "spread": size,
            "half of it": np.sqrt(size),
            "nothing": np.ones(len(size)),
            "noise": np.exp(rng.normal(size=len(size))),
        }[informative]
        std = calibrated(error[:n], spread[:n]).std(spread[n:])
        shares.append((np.abs(error[n:]) <= WIDTH * std).mean())
    assert 0.87 < np.mean(shares) < 0.93


def test_an_informative_spread_gives_narrow_intervals():
    rng = np.random.default_rng(0)
    size = np.exp(rng.normal(size=400))
    error = size * rng.normal(size=400)
    informed, uninformed = calibrated(error, size).std(size), calibrated(error, np.ones(400)).std(np.ones(400))
    assert np.median(informed) < 0.6 * np.median(uninformed)
    assert np.corrcoef(informed, size)[0, 1] > 0.99


def test_members_that_agree_by_chance_are_not_trusted():
    """With a spread of 0, the labels' noise remains."""
    rng = np.random.default_rng(0)
    spread = np.where(rng.random(300) < 0.3, 0.0, 1.0)
    calibration = calibrated(rng.normal(size=300), spread)
    assert calibration.std(np.zeros(1))[0] > 0.8


# --- few labels ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(2, 9))
def test_up_to_eight_errors_are_all_covered(n):
    error, spread = np.arange(1.0, n + 1), np.linspace(1, 2, n)
    assert (error <= WIDTH * calibrated(error, spread).std(spread) * (1 + 1e-9)).all()


def test_without_held_out_labels_or_errors_the_deviation_is_0():
    nothing = HeldOut(np.empty(0, int), np.empty(0), np.empty(0))
    for calibration in (Calibration.of(nothing, np.array([5.0])), calibrated(np.zeros(5), np.ones(5))):
        assert calibration.std(np.array([0.0, 3.0])).tolist() == [0, 0]


def test_spreads_that_are_all_zero():
    assert calibrated([1.0, -2.0], np.zeros(2)).std(np.zeros(1)) == pytest.approx(FEW[1] * 2 / WIDTH)
    assert calibrated(np.arange(1.0, 10.0), np.zeros(9)).std(np.zeros(1)) == pytest.approx(9 / WIDTH)


@pytest.mark.parametrize("n", range(2, 9))
def test_intervals_of_a_few_labels_have_the_coverage(n):
    """Normal labels, each predicted by the mean of the others, the simplest predictor."""
    rng = np.random.default_rng(n)
    covered = []
    for labels in rng.normal(90.0, 3.0, size=(3000, n + 1)):
        known, unseen = labels[:n], labels[n]
        error = (known - known.mean()) * n / (n - 1)
        std = calibrated(error, np.zeros(n)).std(np.zeros(1))[0]
        covered.append(abs(unseen - known.mean()) <= WIDTH * std)
    assert 0.87 < np.mean(covered) < 0.93


ERRORS = st.lists(
    st.tuples(st.floats(-100, 100).map(lambda x: round(x, 3)), st.floats(0, 100).map(lambda x: round(x, 3))),
    min_size=1,
    max_size=60,
)


@given(pairs=ERRORS, unit=st.sampled_from([1e-6, 0.5, 8.0, 1e25]))
def test_the_unit_does_not_matter(pairs, unit):
    """Labels and spreads in another unit: the deviations are in that unit."""
    error, spread = np.array(pairs).T
    std = calibrated(error, spread).std(spread)
    assert np.isfinite(std).all()
    np.testing.assert_allclose(calibrated(error * unit, spread * unit).std(spread * unit), std * unit, rtol=1e-9)


@given(pairs=ERRORS, factor=st.sampled_from([1e-3, 4.0]))
def test_the_unit_of_the_spread_does_not_matter(pairs, factor):
    error, spread = np.array(pairs).T
    if not spread.any():
        return
    std = calibrated(error, spread).std(spread)
    np.testing.assert_allclose(calibrated(error, spread * factor).std(spread * factor), std, rtol=1e-9)


@given(pairs=ERRORS)
def test_the_deviation_increases_with_the_spread(pairs):
    error, spread = np.array(pairs).T
    assert (np.diff(calibrated(error, spread).std(np.linspace(0, 200, 50))) >= 0).all()


@given(pairs=ERRORS, seed=st.integers(0, 99))
def test_the_order_of_the_labels_does_not_matter(pairs, seed):
    held, labels = held_out(*np.array(pairs).T)
    order = np.random.default_rng(seed).permutation(len(labels))
    shuffled = HeldOut(held.place[order], held.mean[order], held.spread[order])
    there, here = Calibration.of(held, labels), Calibration.of(shuffled, labels)
    grid = np.linspace(0, 100, 20)
    np.testing.assert_allclose(there.std(grid), here.std(grid), rtol=1e-9)


# --- files --------------------------------------------------------------------------------------------------------


@given(pairs=ERRORS)
def test_the_dict_restores_it(pairs):
    calibration = calibrated(*np.array(pairs).T)
    assert Calibration.from_dict(json.loads(json.dumps(calibration.as_dict()))) == calibration


@pytest.mark.parametrize(
    "numbers",
    [
        None,
        [],
        [1.0, 2.0],
        {},
        {"scale": 1.0},
        {"scale": 1.0, "floor": 1.0, "more": 1.0},
        {"scale": 1, "floor": 1.0},
        {"scale": True, "floor": 1.0},
        {"scale": "1", "floor": 1.0},
        {"scale": -1.0, "floor": 1.0},
        {"scale": 1.0, "floor": float("nan")},
        {"scale": float("inf"), "floor": 1.0},
        {"scale": 1.0, "floor": 1e300},
        {"scale": [1.0], "floor": 1.0},
    ],
)
def test_an_invalid_calibration_is_refused(numbers):
    with pytest.raises(InputError):
        Calibration.from_dict(numbers)
