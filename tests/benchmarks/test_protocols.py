"""Protocol A4 and the metrics of rankings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.benchmarks import LABEL, Benchmark, Column, load_benchmark
from nassurrogate.benchmarks.protocols import evaluate_a4, split_cells
from nassurrogate.errors import InputError
from nassurrogate.metrics import kendall_tau, top_k_regret
from nassurrogate.spaces import get_space


@pytest.fixture(scope="module")
def cifar10():
    return load_benchmark("nb201", "cifar10")


@pytest.fixture(scope="module")
def partial():
    """A table that knows 40 cells only."""
    values = np.full((15_625, 1), np.nan)
    values[100:140, 0] = np.linspace(60, 90, 40)
    return Benchmark(get_space("nb201"), "made-up", {LABEL: Column(values, "made up")})


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
    ("numbers", "told"),
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
def test_bad_splits(partial, numbers, told):
    with pytest.raises(InputError, match=told):
        split_cells(partial, **{"labels": 5, "split": 0, **numbers})


def test_a_fit_sees_its_labels_only(cifar10, monkeypatch):
    """What the table says of any other cell, and any other column of it, has no influence on the scores."""
    from nassurrogate.surrogate import Surrogate

    scored = []
    real = Surrogate.score
    monkeypatch.setattr(Surrogate, "score", lambda self, archs: scored.append(real(self, archs)) or scored[-1])
    train, _ = split_cells(cifar10, 60, 0)
    values = np.random.default_rng(0).uniform(10, 95, (15_625, 1))
    values[train, 0] = cifar10.column(LABEL).mean[train]
    other = Benchmark(cifar10.space, "made-up", {LABEL: Column(values, "made up")})
    for table in (cifar10, other):
        evaluate_a4(table, "gradient-boosting", 60, 0)
    assert (scored[0] == scored[1]).all()


def test_the_result_is_what_the_scores_say(cifar10):
    from scipy.stats import kendalltau

    from nassurrogate import Surrogate

    result = evaluate_a4(cifar10, "gradient-boosting", 60, 1, seed=4)
    train, test = split_cells(cifar10, 60, 1, seed=4)
    truth = cifar10.column(LABEL).mean
    scores = Surrogate(predictor="gradient-boosting", seed=5).fit(train, truth[train]).score(range(15_625))
    assert result.kendall_tau == kendalltau(scores[test], truth[test]).statistic
    keys = {cell.key for cell in cifar10.space.parse_many(train)}
    new = [i for i in test if cifar10.space.parse(i).key not in keys]
    assert len(new) < len(test)
    assert result.kendall_tau_new_classes == kendalltau(scores[new], truth[new]).statistic
    best = max(truth[i] for i in sorted(test, key=lambda i: -scores[i])[:10])
    assert result.top10_regret_points == pytest.approx(truth[test].max() - best, abs=0.2)  # twins tie
    assert result.fit_s > 0
    assert (result.predictor, result.labels, result.split) == ("gradient-boosting", 60, 1)


def test_cells_without_a_label_are_neither_learned_nor_tested(partial):
    result = evaluate_a4(partial, "gradient-boosting", 20, 0)
    assert np.isfinite(result.kendall_tau)
    assert result.top10_regret_points >= 0


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
