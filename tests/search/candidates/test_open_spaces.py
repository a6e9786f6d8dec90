"""Searches of spaces without a table, by a user's own training."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nassurrogate import Surrogate, get_space
from nassurrogate.benchmarks import CallableBenchmark
from nassurrogate.constraints import Constraint
from nassurrogate.search import SearchSettings, run, searcher_names
from nassurrogate.search.candidates.feasibility import find_feasible
from nassurrogate.search.candidates.listed_set import ListedSet
from nassurrogate.search.candidates.open_set import OpenSet
from nassurrogate.spaces import CategoricalSpace
from tests.search.candidates.open_spaces import MINE, WIDE, accuracy, searched
from tests.search.conftest import Scripted, watched
from tests.spaces.declared import CANONICAL, CONDITIONAL, LISTED, MIXED, PLAIN, SINGLE


def test_a_space_of_ones_own_is_declared_learned_and_searched():
    space = CategoricalSpace(
        "mine", {"kernel": [3, 5], "width": [16, 32, 64]}, canonical=None, costs=None, build=None, input_shape=None
    )
    arch = space.from_choices({"kernel": 3, "width": 32})
    assert arch.choices == {"kernel": 3, "width": 32}
    others = [space.from_choices({"kernel": 5, "width": 64}), arch]
    assert np.isfinite(Surrogate(space, seed=0).fit(others, [91.2, 90.0]).score(arch))
    result = run(space=space, evaluate=lambda arch: 91.2, budget=30, seed=0, write=False)
    assert result["best"]["choices"] in [member.choices for member in space.members()]
    assert result["best"]["choices"] == space.parse(result["best"]["arch"]).choices
    assert list(result["best"]["choices"]) == ["kernel", "width"]
    assert result["regret_points"] is None
    assert result["optimum"] is None
    assert (result["queries"], result["budget"], result["stop_reason"]) == (6, 30, "exhausted")
    assert result["best"]["value"] == result["best"]["val_accuracy_pct"] == 91.2
    assert result["best"]["index"] is None
    assert result["best"]["test_accuracy_pct"] is None
    assert (result["space"], result["dataset"], result["is_table"]) == ("mine", "own", False)
    assert json.loads(json.dumps(result, allow_nan=False)) == result


@pytest.mark.parametrize("predictor", [None, "none", Scripted], ids=["default", "none", "scripted"])
@pytest.mark.parametrize("searcher", searcher_names())
@pytest.mark.parametrize(
    "space", [MINE, PLAIN, CANONICAL, CONDITIONAL, MIXED, WIDE, LISTED], ids=lambda space: space.name
)
def test_every_space_is_searched_by_everything(space, searcher, predictor):
    chosen = SearchSettings(pool_size=100, inner_proposals=8)
    result, queries = searched(
        space, lambda arch: 90 + len(arch.string) / 9, 9, searcher=searcher, predictor=predictor, settings=chosen
    )
    n_different = 9 if space.size is None or space.size > 4096 else len({arch.key for arch in space.members()})
    assert result["queries"] == len(queries) == min(9, n_different)
    assert len({query.key for query in queries}) == len(queries)
    assert [space.parse(query.arch).key for query in queries] == [query.key for query in queries]
    assert result["best"]["value"] <= max(query.label for query in queries)
    assert result["best"]["value"] == max(query.label for query in queries) or result["selected_by"] == "shrunk"
    assert result["best"]["choices"] == space.parse(result["best"]["arch"]).choices
    assert result["regret_points"] is None
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_a_space_of_one_is_searched():
    result, queries = searched(SINGLE, lambda arch: 90.0)
    assert (len(queries), result["stop_reason"]) == (1, "exhausted")
    assert result["best"]["choices"] == {"only": "one"}


@pytest.mark.parametrize("searcher", searcher_names())
def test_nb101_is_searched_by_a_training(searcher):
    """Optuna too, through genes of which not all combinations are cells."""
    space = get_space("nb101")
    result, queries = watched(
        space=space, evaluate=lambda cell: 80 + cell.string.count("conv3x3"), budget=8, searcher=searcher,
        settings=SearchSettings(pool_size=100, inner_proposals=20), predictor="space-process",
    )  # fmt: skip
    assert len({query.key for query in queries}) == 8
    assert result["best"]["choices"] is None


@pytest.mark.parametrize("constraints", [(), ("params_m<=150", "latency_ms>100")])
def test_five_to_the_thirty_is_searched(constraints):
    result, queries = searched(WIDE, budget=24, constraints=constraints, settings=None)
    assert result["n_space"] == 5**30
    assert len({query.key for query in queries}) == 24
    bounds = [Constraint.parse(text) for text in constraints]
    for query in queries:
        costs = WIDE.costs([WIDE.parse(query.arch)])
        assert all(bound.check(costs[bound.metric])[0] for bound in bounds)
    n_init = result["phases"]["init"]
    assert {query.proposed_by for query in queries[n_init:]} == {"exhaustive"}
    assert all(query.predicted_mean is not None for query in queries[n_init:])
    assert max(query.label for query in queries[n_init:]) > max(query.label for query in queries[:n_init])
    assert result["stop_reason"] == "budget"


def test_learning_finds_more_than_chance_in_five_to_the_thirty():
    guided = [searched(WIDE, budget=30, seed=seed, settings=None)[0]["best"]["value"] for seed in range(2)]
    blind = [searched(WIDE, budget=30, seed=seed, predictor="none")[0]["best"]["value"] for seed in range(2)]
    assert min(guided) > max(blind) + 1


@pytest.mark.parametrize("searcher", searcher_names())
@pytest.mark.parametrize("predictor", ["none", "space-process"])
def test_equal_keys_are_trained_once(searcher, predictor):
    trained = []

    def train(arch):
        trained.append(arch.key)
        return 90.0 + arch.choices["first"] * arch.choices["second"]

    result, queries = searched(CANONICAL, train, 50, searcher=searcher, predictor=predictor)
    assert sorted(trained) == sorted({arch.key for arch in CANONICAL.members()})
    assert len(queries) == 12 < CANONICAL.size
    assert result["best"]["value"] == 99.0


def test_inactive_slots_tell_nothing_apart():
    trained = []
    searched(CONDITIONAL, lambda arch: trained.append(arch.choices) or float(len(arch.choices)), 40)
    assert len({tuple(choices.items()) for choices in trained}) == 40
    for choices in trained:
        assert ("hidden" in choices) == (choices["head"] == "mlp")
        assert all((f"kernel{layer}" in choices) == (layer <= choices["depth"]) for layer in range(1, 5))


def test_a_small_space_is_listed_and_a_large_one_is_not():
    for space, kind in ((MINE, ListedSet), (CONDITIONAL, ListedSet), (WIDE, OpenSet)):
        truth = CallableBenchmark(space, accuracy)
        assert type(find_feasible(truth, truth.objective, [], np.random.default_rng(0))) is kind
