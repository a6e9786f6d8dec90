"""Objectives that belong to the architecture, or need no training: what counts as the same, what is noisy, regret."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.search import SearchSettings, searcher_names
from nassurrogate.search.record.report import describe_result
from nassurrogate.spaces import CategoricalSpace
from tests.search.conftest import SPACE, Scripted, classes_of, watched
from tests.spaces.declared import CANONICAL

LARGE = "params_m>=1.2"
SMALL = SearchSettings(pool_size=60, inner_proposals=30)


@pytest.mark.parametrize("searcher", searcher_names())
@pytest.mark.parametrize("predictor", ["none", None], ids=["none", "default"])
def test_equal_functions_that_cost_differently_are_all_evaluated(bench, searcher, predictor):
    """If one represented all, the fastest cell could not be found."""
    feasible = np.flatnonzero(bench.column("params_m").mean >= 1.2)
    result, queries = watched(
        benchmark=bench, objective="latency_ms", constraints=LARGE, budget=SPACE.size, searcher=searcher,
        predictor=predictor, settings=SMALL,
    )  # fmt: skip
    assert sorted(query.index for query in queries) == feasible.tolist()
    assert len(set(classes_of(feasible))) < len(feasible) == result["n_feasible"] == result["n_feasible_classes"]
    assert result["stop_reason"] == "exhausted"
    assert result["best"]["value"] == result["optimum"]["value"] == bench.column("latency_ms").mean[feasible].min()
    assert str(result["regret_points"]) == "0.0", "not -0.0"
    assert len({cell["arch"] for cell in result["top"]}) == 10
    assert "-0" not in describe_result(result).split("regret")[1].split()[0]


def test_an_accuracy_is_still_evaluated_once_for_equal_functions(bench):
    feasible = np.flatnonzero(bench.column("params_m").mean >= 1.2)
    _, queries = watched(benchmark=bench, constraints=LARGE, budget=50, predictor="none")
    assert sorted(classes_of([query.index for query in queries])) == sorted(set(classes_of(feasible)))


def test_the_budget_ends_with_the_architectures_not_with_the_functions(bench):
    for objective, most in (("latency_ms", SPACE.size), (None, SPACE.n_classes)):
        with pytest.raises(InputError, match=f"budget must be a whole number from 1 to {most} "):
            watched(benchmark=bench, objective=objective, budget=most + 1, predictor="none")


def slower_first(arch) -> float:
    """Swapped layers compute the same, and take another time."""
    return 10.0 * arch.choices["first"] + arch.choices["second"] + 0.5 * arch.choices["flag"]


@pytest.mark.parametrize("searcher", ["exhaustive", "evolution", "optuna-tpe"])
@pytest.mark.parametrize("predictor", ["none", "space-process", Scripted], ids=["none", "default", "scripted"])
def test_so_it_is_in_a_space_of_ones_own(searcher, predictor):
    result, queries = watched(
        space=CANONICAL, evaluate=slower_first, objective="latency_ms", budget=50, searcher=searcher,
        predictor=predictor, settings=SMALL,
    )  # fmt: skip
    assert sorted(query.label for query in queries) == sorted(map(slower_first, CANONICAL.members()))
    assert result["n_feasible_classes"] == CANONICAL.size == 18
    assert result["best"]["choices"] == {"first": 1, "second": 1, "flag": False}
    _, of_function = watched(space=CANONICAL, evaluate=slower_first, budget=50, searcher=searcher, predictor="none")
    assert len(of_function) == 12


def test_a_large_space_tells_them_apart_too():
    """To an accuracy all of it is one function."""
    space = CategoricalSpace("alike", {f"slot{place}": [1, 2] for place in range(20)}, canonical=lambda arch: "alike")
    _, queries = watched(
        space=space, evaluate=lambda arch: 50.0 + arch.choices["slot0"], objective="latency_ms", budget=6,
        predictor="none",
    )  # fmt: skip
    assert (len({query.arch for query in queries}), {query.key for query in queries}) == (6, {"alike"})


# --- noise ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", ["mean", "single"])
@pytest.mark.parametrize("predictor", ["none", "space-process"])
def test_what_needs_no_training_has_no_seeds(bench, labels, predictor):
    result, queries = watched(benchmark=bench, objective="params_m", budget=8, labels=labels, predictor=predictor)
    assert {(query.label_kind, query.n_seeds, query.label_seed) for query in queries} == {("mean", 0, None)}
    assert len({query.index for query in queries}) == 8, "nothing is trained again"
    assert result["selected_by"] == "measured"
    assert labels != "mean" or result["labels"] == "mean"


@pytest.mark.parametrize(
    ("objective", "rule"),
    [
        (None, "shrunk"),
        (Metric("usefulness", direction="maximize"), "measured"),
        (Metric("accuracy", unit="fraction", direction="maximize"), "measured"),
    ],
    ids=["percent", "usefulness", "fraction"],
)
def test_the_noise_of_percentages_is_no_noise_of_other_labels(objective, rule):
    """A noise of 0.2 would drown an accuracy between 0 and 1."""

    def train(arch, seed):
        return 50.0 + arch.choices["first"] - 0.1 * seed

    space = CategoricalSpace("plain", {"first": [1, 2, 4, 8], "second": [1, 2, 4, 8], "third": [1, 2, 4]})
    result, queries = watched(
        space=space, evaluate=train, objective=objective, budget=20, labels="single", predictor="space-process"
    )
    assert result["selected_by"] == rule
    assert result["labels"] == "single"
    assert "again" in {query.proposed_by for query in queries}
