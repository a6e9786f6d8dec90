"""Which cells the protocols train and test on, and the metrics of rankings."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.benchmarks import LABEL, TEST, Column, TabularBenchmark, load_benchmark
from nassurrogate.benchmarks.evaluation.protocols import (
    PROTOCOLS,
    development_split,
    get_protocol,
    random_split,
    split_cells,
    split_seeds,
)
from nassurrogate.errors import InputError
from nassurrogate.prediction_quality import (
    interval_coverage,
    interval_half_width,
    kendall_tau,
    mean_absolute_percentage_error,
    spearman_rho,
    top_k_rank_percentile,
    top_k_regret,
)
from nassurrogate.spaces import get_space


@pytest.fixture(scope="module")
def cifar10():
    return load_benchmark("nb201", "cifar10")


@pytest.fixture(scope="module")
def partial():
    """A table that knows 40 cells only."""
    values = np.full((15_625, 1), np.nan)
    values[100:140, 0] = np.linspace(60, 90, 40)
    return TabularBenchmark(get_space("nb201"), "made-up", {LABEL: Column(values, "made up")})


def test_a_split_parts_the_cells_and_is_nested(cifar10):
    small, rest = split_cells(cifar10, 50, 3)
    large, _ = split_cells(cifar10, 156, 3)
    assert sorted([*small, *rest]) == list(range(15_625))
    assert (large[:50] == small).all()
    assert (small == np.random.default_rng(3).permutation(15_625)[:50]).all()
    assert (small == split_cells(cifar10, 50, 1, seed=2)[0]).all()
    assert (small != split_cells(cifar10, 50, 4)[0]).any()


def test_only_labelled_cells_are_split(partial):
    train, test = split_cells(partial, 10, 0)
    assert sorted([*train, *test]) == list(range(100, 140))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"labels": 0}, "labels must be a whole number from 1, got 0"),
        ({"labels": 40}, "labels must be from 1 to 39, got 40"),
        ({"labels": 5.5}, "labels must be a whole number"),
        ({"labels": True}, "labels must be a whole number"),
        ({"split": -1}, "split must be a whole number from 0, got -1"),
        ({"split": "0"}, "split must be a whole number"),
        ({"seed": -1}, "seed must be a whole number from 0, got -1"),
    ],
)
def test_bad_splits(partial, numbers, message):
    with pytest.raises(InputError, match=message):
        split_cells(partial, **{"labels": 5, "split": 0, **numbers})


def test_cells_without_the_target_are_not_tested_and_those_without_a_label_are():
    label, target = np.full(15_625, np.nan), np.full(15_625, np.nan)
    label[100:140], target[120:160] = 1.0, 2.0
    table = TabularBenchmark(
        get_space("nb201"), "made-up", {LABEL: Column(label, "made up"), TEST: Column(target, "made up")}
    )
    train, test = split_cells(table, 10, 0, target=TEST)
    assert (train == 100 + np.random.default_rng(0).permutation(40)[:10]).all()
    assert sorted(test) == [cell for cell in range(120, 160) if cell not in train]


def test_a_protocol_splits_by_its_columns():
    rng = np.random.default_rng(0)
    label, target = rng.uniform(50, 90, (15_625, 2)), rng.uniform(50, 90, 15_625)
    table = TabularBenchmark(
        get_space("nb201"), "cifar10", {LABEL: Column(label, "made up"), TEST: Column(target, "made up")}
    )
    for name in ("A1", "A3", "A4"):
        split = get_protocol(name).split(table, 50, 2, seed=1)
        assert (split.train == np.random.default_rng(3).permutation(15_625)[:50]).all()
        assert sorted([*split.train, *split.test]) == list(range(15_625))
        assert split.selection is None
        assert (get_protocol(name).labels(table) == label.mean(axis=1)).all()
    leaky = get_protocol("published")
    split = leaky.split(table, 78, 4)
    assert (split.train == np.arange(78)).all()
    assert (split.selection == np.arange(78, 278)).all()
    assert (split.test == np.arange(15_625)).all()
    assert (leaky.labels(table) == label[:, 0]).all()
    with pytest.warns(DeprecationWarning, match=r"Protocol\.draw is now Protocol\.split"):
        assert (leaky.draw(table, 78, 4).test == split.test).all()


def test_a_random_split_is_nested_ranks_at_most_ten_thousand_and_the_same_ones():
    known = np.arange(100, 15_100)
    splits = [random_split(known, labels, 3, seed=5) for labels in (20, 30, 4_000, 6_000)]
    order = known[np.random.default_rng(np.random.SeedSequence([5, 3])).permutation(15_000)]
    for split, labels in zip(splits, (20, 30, 4_000, 6_000), strict=True):
        assert (split.train == order[:labels]).all()
        assert (split.test == order[-min(10_000, 15_000 - labels) :]).all()
    assert len(splits[-1].test) == 9_000
    few = random_split(known, 20, 3, seed=5, most=50)
    assert (few.test == order[-50:]).all()
    with pytest.raises(InputError, match="labels must be from 1 to 14999, got 15000"):
        random_split(known, 15_000, 0)


def test_two_seeds_of_random_splits_share_nothing():
    first, second = ({split_seeds(seed, split)[1] for split in range(50)} for seed in (0, 1))
    assert len(first) == len(second) == 50
    assert not first & second
    known = np.arange(15_625)
    trained = [tuple(random_split(known, 20, split, seed=seed).train) for seed in (0, 1) for split in range(20)]
    assert len(set(trained)) == 40
    assert trained[0] == tuple(random_split(known, 20, 0, seed=0).train)
    assert split_seeds(0, 1)[1] == split_seeds(0, 1)[1] < 2**31


def test_protocols_are_those_of_the_literature_and_ours():
    assert list(PROTOCOLS) == ["A1", "A2", "A3", "A4", "A5", "A6", "published", "G"]
    assert {p.id for p in PROTOCOLS.values() if p.intervals} == {"A4", "A6", "G"}
    assert {p.id for p in PROTOCOLS.values() if p.label == p.target} == {"A4", "A6", "G"}
    assert {p.id for p in PROTOCOLS.values() if p.leaky} == {"published"}
    assert {p.id for p in PROTOCOLS.values() if p.splits_overlap} == {"A1", "A2", "A3", "A4", "A5", "A6"}
    assert PROTOCOLS["G"].sizes == (20, 30, 50, 100)
    with pytest.raises(InputError, match="unknown protocol 'A7'; known: A1"):
        get_protocol("A7")
    with pytest.raises(InputError, match="unknown data set 'cifar100' of protocol A1; known: cifar10"):
        get_protocol("A1").check_dataset("cifar100")


def test_the_development_split_is_a_third_of_the_classes_and_none_in_part():
    space = get_space("nb201")
    inside = np.zeros(space.size, dtype=bool)
    inside[development_split(space)] = True
    classes = set(space.class_ids()[inside])
    assert len(classes) == space.n_classes // 3
    assert not classes & set(space.class_ids()[~inside])


numbers = st.lists(st.integers(0, 6), min_size=2, max_size=12)


@given(numbers, st.data())
def test_spearman_is_scipys(predicted, data):
    from scipy.stats import ConstantInputWarning, spearmanr

    true = data.draw(st.lists(st.integers(0, 6), min_size=len(predicted), max_size=len(predicted)))
    with pytest.warns(ConstantInputWarning) if 1 in (len(set(predicted)), len(set(true))) else nullcontext():
        wanted = spearmanr(predicted, true).statistic
    assert spearman_rho(np.array(predicted, float), np.array(true, float)) == pytest.approx(wanted, nan_ok=True)


def test_spearman_of_nan_is_nan():
    assert np.isnan(spearman_rho(np.array([1.0, np.nan, 3.0]), np.arange(3.0)))


@given(st.permutations(range(15)), st.integers(1, 15))
def test_rank_percentile_counts_the_better_ones(order, k):
    predicted, true = np.arange(15.0), np.array(order, float)
    best = max(true[-k:])
    assert top_k_rank_percentile(predicted, true, k) == pytest.approx(100 * sum(t > best for t in true) / 15)


def test_percentage_errors_leave_out_zeros():
    predicted, true = np.array([11.0, 5.0, 7.0, -3.0]), np.array([10.0, 0.0, 14.0, -2.0])
    assert mean_absolute_percentage_error(predicted, true) == pytest.approx((10 + 50 + 50) / 3)
    assert np.isnan(mean_absolute_percentage_error(predicted, np.zeros(4)))


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_intervals_are_the_normal_ones(level):
    from scipy.stats import norm

    rng = np.random.default_rng(0)
    mean, std = rng.normal(80, 5, 20_000), rng.uniform(0.1, 3, 20_000)
    low, high = norm.interval(level, loc=mean, scale=std)
    assert interval_half_width(std, level) == pytest.approx((high - low) / 2)
    true = rng.normal(mean, std)
    assert interval_coverage(mean, std, true, level) == np.mean((low <= true) & (true <= high))
    assert interval_coverage(mean, std, true, level) == pytest.approx(level, abs=0.02)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=8), st.data())
def test_tau_counts_pairs(predicted, data):
    true = data.draw(st.lists(st.integers(0, 5), min_size=len(predicted), max_size=len(predicted)))
    a, b = np.array(predicted, float), np.array(true, float)
    signs = np.sign(a[:, None] - a), np.sign(b[:, None] - b)
    ties = np.sqrt((signs[0] != 0).sum() * (signs[1] != 0).sum())
    given_tau = kendall_tau(a, b)
    if ties == 0:
        assert np.isnan(given_tau)
    else:
        assert given_tau == pytest.approx((signs[0] * signs[1]).sum() / ties)


@pytest.mark.parametrize("k", [1, 2, 5, 50])
def test_regret_falls_with_k(k):
    rng = np.random.default_rng(0)
    predicted, true = rng.permutation(20).astype(float), rng.uniform(80, 90, 20)
    order = sorted(range(20), key=lambda i: -predicted[i])
    assert top_k_regret(predicted, true, k) == true.max() - max(true[i] for i in order[:k])


@pytest.mark.parametrize(("k", "n"), [(0, 3), (-1, 3), (1, 0)])
def test_regret_needs_something_to_choose(k, n):
    with pytest.raises(InputError, match="not defined"):
        top_k_regret(np.ones(n), np.ones(n), k)
