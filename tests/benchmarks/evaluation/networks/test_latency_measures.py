"""Metrics of predicted latencies, and their summaries."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, spearmanr
from sklearn.metrics import mean_absolute_percentage_error

from nassurrogate.benchmarks.evaluation.networks.measures import FamilyResult, PredictorResult, latency_metrics

POSITIVE = st.floats(1e-3, 1e4)


@given(
    st.lists(
        st.tuples(POSITIVE, POSITIVE, POSITIVE), min_size=2, max_size=30, unique_by=(lambda x: x[0], lambda x: x[2])
    )
)
def test_they_agree_with_other_packages(rows: list[tuple[float, float, float]]) -> None:
    mean, std, latency = np.array(rows).T
    found = latency_metrics(mean, std, latency)
    assert found["mape_pct"] == pytest.approx(100 * mean_absolute_percentage_error(latency, mean))
    assert found["spearman"] == pytest.approx(spearmanr(mean, latency).statistic)
    low, high = norm.interval(0.9, mean, std)
    assert found["coverage90"] == np.mean((low <= latency) & (latency <= high))
    assert found["bias_pct"] == pytest.approx(100 * np.mean(mean / latency - 1))


def test_ten_percent_is_within_ten_percent() -> None:
    latency = np.array([0.3, 0.7, 1.1, 7.0])
    for factor in (0.9, 1.1):
        assert latency_metrics(factor * latency, np.ones(4), latency)["within_10_pct"] == 100.0
    assert latency_metrics(1.1001 * latency, np.ones(4), latency)["within_10_pct"] == 0.0


def test_what_is_not_defined_is_nan() -> None:
    found = latency_metrics(np.array([2.0]), np.array([0.0]), np.array([4.0]))
    assert math.isnan(found["spearman"])
    assert math.isnan(found["coverage90"])
    assert found["mape_pct"] == 50.0
    assert found["bias_pct"] == -50.0


RESULT = FamilyResult("p", "a", 0, 90, 10, 2.0, 98.0, 0.9, 1.0, 0.9, 1.5, 0.1)
RESULTS = [
    RESULT,
    replace(RESULT, family="b", mape_pct=9.0, spearman=float("nan"), test=20),
    replace(RESULT, family="c", mape_pct=4.0),
    replace(RESULT, split=1, mape_pct=3.0),
    replace(RESULT, split=1, family="b", mape_pct=11.0, test=20),
    replace(RESULT, split=1, family="c", mape_pct=1.0, fit_s=2.5),
]


def test_families_are_summarised_over_splits_and_then_over_each_other() -> None:
    found = PredictorResult.of("p", "default", RESULTS)
    assert found.worst == "b"
    assert list(found.families) == ["a", "b", "c"]
    assert found.families["b"].mean["mape_pct"] == 10.0
    assert found.families["b"].std["mape_pct"] == pytest.approx(math.sqrt(2))
    assert found.mean.mean["mape_pct"] == 5.0
    assert found.median.mean["mape_pct"] == 3.5, "the medians of the splits are 4 and 3"
    assert found.mean.splits == 2
    assert (found.mean.train, found.mean.test) == (90, 40)
    assert found.fit_s_median == 1.5


def test_undefined_values_stay_undefined() -> None:
    found = PredictorResult.of("p", "default", RESULTS)
    for summary in (found.families["b"], found.mean, found.median):
        assert summary.mean["spearman"] is None
        assert summary.std["spearman"] is None
    assert found.families["a"].mean["spearman"] == 0.9
    single = PredictorResult.of("p", "default", RESULTS[:3])
    assert single.families["a"].std["mape_pct"] is None
    assert single.to_json()["median_over_families"]["mape_pct_mean"] == 4.0
    assert single == PredictorResult.of("p", "default", RESULTS[:3])
