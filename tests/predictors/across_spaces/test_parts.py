"""Ranks, subsets, proxies that transfer, and the process on log-ranks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, spearmanr

from nassurrogate.predictors.across_spaces.domains import leaning_subsets
from nassurrogate.predictors.across_spaces.process import LogRankMean, MeanProcess
from nassurrogate.predictors.across_spaces.ranks import Ranks, own_scores
from nassurrogate.predictors.across_spaces.transfer import transferable
from nassurrogate.proxies.normal_scores import mean_ranks

RNG = np.random.default_rng


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30))
def test_scores_among_themselves_are_normal_quantiles_of_mean_ranks(values: list[int]) -> None:
    column = np.array(values, dtype=float)
    expected = norm.ppf((mean_ranks(column) - 0.5) / len(column))
    assert own_scores(column[:, None])[:, 0] == pytest.approx(expected)


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=20), st.lists(st.integers(-9, 9), min_size=2, max_size=9))
def test_ranks_keep_the_order_and_are_finite(reference: list[int], asked: list[int]) -> None:
    found = Ranks(np.array(reference, dtype=float)[:, None])(np.sort(np.array(asked, dtype=float))[:, None])
    assert np.isfinite(found).all()
    assert (np.diff(found[:, 0]) >= 0).all()


def test_subsets_lean_and_do_not_repeat() -> None:
    structure = own_scores(RNG(0).standard_normal((400, 5)))
    every, *subsets = leaning_subsets(structure, 8, RNG(1))
    assert every.tolist() == list(range(400))
    assert len(subsets) == 8
    for rows in subsets:
        assert len(set(rows.tolist())) == len(rows) == 140
    assert max(np.abs(structure[rows].mean(axis=0)).max() for rows in subsets) > 0.3
    assert len(leaning_subsets(structure[:10], 8, RNG(1))) == 1


def test_constant_columns_do_no_harm() -> None:
    subsets = leaning_subsets(np.zeros((50, 3)), 2, RNG(0))
    assert [len(rows) for rows in subsets] == [50, 17, 17]
    process = MeanProcess(np.zeros((5, 3)), np.arange(5.0), noise=0.5)
    assert np.isfinite(process.mean(np.zeros((2, 3)))).all()


def test_a_proxy_transfers_if_the_structure_says_the_same_of_it() -> None:
    rng = RNG(0)
    samples = []
    for sign in (1.0, -1.0):
        structure = own_scores(rng.standard_normal((300, 3)))
        alike, turned = structure[:, 0] + 0.1 * rng.standard_normal(300), sign * structure[:, 1]
        samples.append((structure, own_scores(np.column_stack([alike, turned, rng.standard_normal(300)]))))
    assert transferable(*samples).tolist() == [True, False, False]
    few = [(structure[:10], proxies[:10]) for structure, proxies in samples]
    assert not transferable(few[0], few[1]).any()


def test_the_mean_counts_from_the_worst_and_in_the_direction_of_the_labels() -> None:
    rng = RNG(0)
    rows = own_scores(rng.standard_normal((500, 3)))
    targets = norm.logcdf(rows[:, 0]) + norm.logcdf(-rows[:, 1])
    mean = LogRankMean(rows, targets - targets.mean())
    low = np.zeros((4, 3))
    low[1, 0], low[2, 1], low[3, 2] = -2.0, 2.0, -2.0
    found = mean(low)
    assert found[1] < found[0] - 1
    assert found[2] < found[0] - 1
    assert found[3] == pytest.approx(found[0], abs=0.1)


def test_the_process_learns_what_the_mean_cannot_and_falls_back_on_it_far_away() -> None:
    rng = RNG(0)
    rows = own_scores(rng.standard_normal((400, 2)))
    targets = rows[:, 0] * rows[:, 1]
    process = MeanProcess(rows[:300], targets[:300], noise=0.01)
    assert spearmanr(process.mean(rows[300:]), targets[300:]).statistic > 0.95
    far = np.full((1, 2), 60.0)
    assert process.deviation(far)[0] == pytest.approx(1.0)
    assert process.deviation(rows[:1])[0] < 0.2
    assert process.mean(far)[0] == pytest.approx(process._level + process._mean(far)[0])


def test_batches_do_not_matter() -> None:
    rng = RNG(0)
    process = MeanProcess(rng.standard_normal((40, 4)), rng.standard_normal(40), noise=0.5)
    rows = rng.standard_normal((700, 4))
    one_by_one = np.array([process.mean(row[None])[0] for row in rows[::100]])
    assert process.mean(rows)[::100] == pytest.approx(one_by_one, abs=1e-9)
    assert process.mean(rows[:0]).shape == process.deviation(rows[:0]).shape == (0,)
