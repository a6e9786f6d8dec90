"""What searches find in the real table, on average over five seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nassurrogate.benchmarks import Benchmark, load_benchmark
from nassurrogate.search import SearchSettings, run


def mean_regret(bench: Benchmark, budget: int, **options: Any) -> float:
    """In points of accuracy."""
    found = [run(budget=budget, seed=seed, benchmark=bench, write=False, **options) for seed in range(5)]
    return float(np.mean([result["regret_points"] for result in found]))


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100"])
def test_thirty_queries_find_the_best_or_nearly(dataset):
    assert mean_regret(load_benchmark("nb201", dataset), 30) <= 0.05


def test_a_small_pool_finds_what_the_whole_finds(bench):
    small, whole = (mean_regret(bench, 40, settings=SearchSettings(pool_size=size)) for size in (1, 32_768))
    assert small <= whole + 0.1


def test_a_predictor_that_is_fitted_now_and_then_finds_more_than_chance(bench):
    guided = mean_regret(bench, 40, predictor="ridge")
    assert guided < mean_regret(bench, 40, predictor="none", searcher="random") / 2


@pytest.mark.parametrize("choose", [{"acquisition": "ucb"}, {"acquisition": "thompson"}, {"batch_size": 5}], ids=str)
def test_other_settings_find_more_than_chance(bench, choose: dict[str, Any]):
    guided = mean_regret(bench, 40, settings=SearchSettings(**choose))
    assert guided < mean_regret(bench, 40, predictor="none", searcher="random") / 2
