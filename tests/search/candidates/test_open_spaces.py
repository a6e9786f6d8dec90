"""Searches of spaces that nobody tabulated, by a training of one's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate import Surrogate, get_space
from nassurrogate.benchmarks import Benchmark, CallableBenchmark, Evaluation
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric, known_metric
from nassurrogate.search import SearchSettings, read_ledger, run, searcher_names
from nassurrogate.search.candidates.feasibility import find_feasible
from nassurrogate.search.candidates.feasible_set import ListedSet
from nassurrogate.search.candidates.open_set import OpenSet
from nassurrogate.search.record.report import describe_result
from nassurrogate.spaces import CategoricalSpace
from tests.search.conftest import Scripted, watched
from tests.spaces.declared import CANONICAL, CONDITIONAL, HUGE, LISTED, MIXED, PLAIN, SINGLE

MINE = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
WIDE = CategoricalSpace(
    "wide",
    {f"layer{place}": [1, 2, 4, 8, 16] for place in range(30)},
    costs=lambda arch: {"params_m": float(sum(arch.choices.values())), "latency_ms": float(len(arch.string))},
)
USEFULNESS = Metric("usefulness", direction="maximize")
SMALL = SearchSettings(pool_size=200, inner_proposals=60)


def accuracy(arch) -> float:
    """The larger the numbers chosen the better, with a bonus for one slot; between 50 and 95."""
    numbers = [float(value) for value in arch.choices.values() if isinstance(value, int | float)]
    return 50 + 40 * float(np.mean(np.log2(1 + np.array(numbers)))) / 7 + (numbers[0] == max(numbers))


def searched(space, evaluate=accuracy, budget=20, **options):
    """The result, and the queries in the order in which they were made."""
    return watched(space=space, evaluate=evaluate, budget=budget, settings=options.pop("settings", SMALL), **options)


def archs_of(queries):
    return [query.arch for query in queries]


# --- the example of the issue ----------------------------------------------------------------------------------------


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


# --- 5³⁰ members -----------------------------------------------------------------------------------------------------


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


# --- equal functions -------------------------------------------------------------------------------------------------


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


# --- constraints -----------------------------------------------------------------------------------------------------


def test_the_feasible_share_is_an_estimate_and_called_one():
    result, queries = searched(WIDE, constraints="params_m<=186", predictor="none", searcher="random")
    assert result["n_feasible"] is None
    assert result["feasible_share_is_estimate"] is True
    share = np.mean(WIDE.costs(WIDE.sample(4000, np.random.default_rng(7)))["params_m"] <= 186)
    assert result["feasible_share"] == pytest.approx(share, abs=0.06)
    assert all(WIDE.costs([WIDE.parse(query.arch)])["params_m"][0] <= 186 for query in queries)
    text = describe_result(result)
    assert re.search(r"feasible +an estimated \d+\.\d% of 931,322,574,615,478,515,625 architectures satisfy", text)
    assert re.search(r"regret +unknown \(the optimum is not known\)", text)
    assert "None" not in text


def test_without_a_constraint_nothing_is_estimated():
    events = []
    result = run(space=WIDE, evaluate=accuracy, budget=2, seed=0, predictor="none", write=False, listener=events.append)
    assert (result["n_feasible"], result["feasible_share"]) == (5**30, 1.0)
    assert not result["feasible_share_is_estimate"]
    assert "estimate" not in describe_result(result) + events[0].message


def test_of_a_small_space_the_share_is_counted():
    result, queries = searched(LISTED, constraints="params_m<=20", predictor="none")
    feasible = [arch for arch in LISTED.members() if LISTED.costs([arch])["params_m"][0] <= 20]
    assert result["n_feasible"] == len(feasible)
    assert result["feasible_share"] == len(feasible) / LISTED.size
    assert not result["feasible_share_is_estimate"]
    assert len({query.key for query in queries}) == len({arch.key for arch in feasible})


@pytest.mark.parametrize(("space", "text"), [(WIDE, "params_m<=29"), (WIDE, "latency_ms<1"), (HUGE, "params_m>=481.5")])
def test_an_impossible_bound_gives_the_nearest(space, text):
    with pytest.raises(InputError, match=rf"random architectures satisfies {re.escape(text)}") as caught:
        searched(space, constraints=text)
    assert "1,000 random" in str(caught.value)
    nearest = str(caught.value).split("'")[1]
    assert searched(space, constraints=nearest, budget=1)[0]["queries"] == 1


def test_an_impossible_bound_of_a_small_space_gives_the_nearest_of_all():
    with pytest.raises(
        InputError, match=r"no listed architecture satisfies.*the smallest params_m in the space is 19.5"
    ):
        searched(LISTED, constraints="params_m<=1")


def test_bounds_that_exclude_each_other_are_counted_apart():
    with pytest.raises(InputError, match=r"satisfies all constraints together.*params_m>180: \d"):
        searched(WIDE, constraints=["params_m>180", "params_m<=180"])


@pytest.mark.parametrize("predictor", ["none", "space-process"])
def test_a_rare_feasible_part_is_found_by_drawing_on(predictor):
    """One in a thousand: what the sample for the share hardly meets."""
    bound = float(np.quantile(WIDE.costs(WIDE.sample(5000, np.random.default_rng(1)))["params_m"], 0.001))
    result, queries = searched(WIDE, constraints=f"params_m<={bound!r}", predictor=predictor, budget=4)
    assert len(queries) == 4
    assert all(WIDE.costs([WIDE.parse(query.arch)])["params_m"][0] <= bound for query in queries)
    assert result["feasible_share_is_estimate"]


def test_what_a_sample_missed_is_not_called_impossible():
    """31 architectures have at most 31: nobody meets one by chance, but nobody may say that there is none."""
    told = ""
    try:
        result, _ = searched(WIDE, constraints="params_m<=31", budget=3)
    except InputError as error:
        told = str(error)
    if told:
        assert not told.startswith("no wide architecture satisfies")
        assert "random" in told
    else:
        assert result["best"]["params_m"] <= 31


def cost_of_order(arch):
    """Swapped layers compute the same, and cost something else."""
    return {"latency_ms": 10.0 * arch.choices["first"] + arch.choices["second"]}


@pytest.mark.parametrize("n_others", [1, 12], ids=["listed", "open"])
@pytest.mark.parametrize("searcher", searcher_names())
@pytest.mark.parametrize("predictor", ["none", "space-process"])
def test_an_infeasible_member_never_stands_for_its_function(n_others, searcher, predictor):
    others = {f"other{place}": [1, 2, 3] for place in range(n_others)}
    space = CategoricalSpace(
        "ordered",
        {"first": [1, 2, 3], "second": [1, 2, 3], **others},
        canonical=lambda arch: {
            **arch.choices,
            "first": min(arch.choices["first"], arch.choices["second"]),
            "second": max(arch.choices["first"], arch.choices["second"]),
        },
        costs=cost_of_order,
    )
    chosen = SearchSettings(pool_size=60, inner_proposals=15)
    result, queries = searched(
        space, lambda arch: 90.0 + arch.choices["first"], 16, constraints="latency_ms>=21", searcher=searcher,
        predictor=predictor, settings=chosen,
    )  # fmt: skip
    assert len(queries) == (15 if n_others == 1 else 16)  # (2 1) (3 1) (2 2) (3 2)=(2 3) (3 3), three others each
    assert all(space.costs([space.parse(query.arch)])["latency_ms"][0] >= 21 for query in queries)
    assert len({query.key for query in queries}) == len(queries)
    assert result["best"]["latency_ms"] >= 21


def test_a_constraint_on_what_is_trained_or_unknown_is_refused():
    with pytest.raises(InputError, match=r"cannot constrain 'val_accuracy_pct'.*costs a query.*params_m"):
        searched(WIDE, constraints="val_accuracy_pct>=90")
    with pytest.raises(InputError, match=r"unknown metric 'param_m'.*did you mean 'params_m'"):
        searched(WIDE, constraints="param_m<=90")
    with pytest.raises(InputError, match=r"unknown metric 'params_m'"):
        searched(MINE, constraints="params_m<=90")


@settings(max_examples=12)
@given(bound=st.integers(40, 480), above=st.booleans(), seed=st.integers(0, 99), n=st.integers(1, 40))
def test_what_an_open_set_draws_is_feasible_fresh_and_different(bound, above, seed, n):
    truth = CallableBenchmark(WIDE, accuracy)
    bounds = [Constraint("params_m", ">=" if above else "<=", bound)]
    rng = np.random.default_rng(seed)
    try:
        found = find_feasible(truth, truth.objective, bounds, rng)
    except InputError:
        return
    assert isinstance(found, OpenSet)
    drawn = found.draw(n, rng)
    again = found.draw(n, rng, set(found.keys(drawn)))
    both = [*drawn, *again]
    assert len(set(found.keys(both))) == len(both)
    assert found.contains(both).all()
    assert all((values <= 0).all() for values in found.violations(both).values())
    broken = [arch for arch in WIDE.sample(50, rng) if not bounds[0].check(WIDE.costs([arch])["params_m"])[0]]
    assert not found.contains(broken).any()
    assert all((values > 0).all() for values in found.violations(broken).values())


# --- objectives, dicts, seeds, fidelity ------------------------------------------------------------------------------


@pytest.mark.parametrize("searcher", ["exhaustive", "evolution"])
@pytest.mark.parametrize("predictor", ["none", "space-process"])
def test_a_minimised_objective_finds_the_smallest(searcher, predictor):
    options = {"objective": "val_loss", "searcher": searcher, "predictor": predictor}
    result, queries = searched(CONDITIONAL, lambda arch: 100 - accuracy(arch), 40, **options)
    labels = [query.label for query in queries]
    assert result["objective"]["direction"] == "minimize"
    assert result["best"]["value"] == min(labels)
    assert [cell["value"] for cell in result["top"]] == sorted(labels)[:10]
    assert result["best"]["val_accuracy_pct"] is None
    assert result["best"]["predicted_accuracy_pct"] is None
    if predictor != "none":
        n_init = result["phases"]["init"]
        assert np.mean(labels[n_init:]) < np.mean(labels[:n_init])
    assert re.search(rf"val_loss +{min(labels):.5g}", describe_result(result))


def test_the_metric_may_be_an_object_or_stay_a_name_of_known_direction():
    result, _ = searched(MINE, lambda arch: arch.choices["width"] / 7, objective=USEFULNESS)
    assert (result["objective"], result["best"]["choices"]["width"]) == (USEFULNESS.as_dict(), 64)
    turned = Metric("usefulness", direction="minimize")
    assert searched(MINE, lambda arch: arch.choices["width"], objective=turned)[0]["best"]["choices"]["width"] == 16
    with pytest.raises(InputError, match=r"not known whether a larger or a smaller 'usefulness' is better.*Metric"):
        searched(MINE, lambda arch: 1.0, objective="usefulness")


def test_a_dict_holds_the_objective_and_whatever_else_was_measured(tmp_path):
    def train(arch):
        return {"val_accuracy_pct": accuracy(arch), "epochs_run": 3, "val_loss": float("nan")}

    result, queries = searched(MINE, train, 5, write=True, run_dir=tmp_path / "run", plots=False)
    assert all(query.values == {"val_accuracy_pct": query.label, "epochs_run": 3.0} for query in queries)
    assert read_ledger(tmp_path / "run").queries == tuple(queries)
    assert result["best"]["values"] == {"val_accuracy_pct": result["best"]["value"], "epochs_run": 3.0}


def test_the_objective_may_be_any_of_several_metrics():
    truth = CallableBenchmark(
        MINE,
        lambda arch: {"val_accuracy_pct": accuracy(arch), "val_loss": arch.choices["width"]},
        ["val_accuracy_pct", "val_loss"],
    )
    by_loss, _ = watched(benchmark=truth, budget=6, objective="val_loss")
    assert (by_loss["best"]["value"], by_loss["best"]["choices"]["width"]) == (16.0, 16)
    by_accuracy, _ = watched(benchmark=truth, budget=6)
    assert by_accuracy["objective"]["name"] == "val_accuracy_pct"
    assert by_accuracy["best"]["choices"]["width"] == 64
    with pytest.raises(InputError, match=r"unknown objective 'val_los' of mine/own.*did you mean 'val_loss'"):
        watched(benchmark=truth, budget=6, objective="val_los")


def test_a_single_label_with_seeds_is_trained_again():
    calls = []

    def train(arch, seed, fidelity):
        calls.append((arch.string, seed, fidelity))
        return accuracy(arch) + np.random.default_rng([seed, len(arch.string)]).normal(0, 0.3)

    result, queries = searched(CONDITIONAL, train, 40, labels="single", fidelity=12)
    again = [query for query in queries if query.proposed_by == "again"]
    assert again
    assert {query.phase for query in again} == {"confirm"}
    assert len({(arch, seed) for arch, seed, _ in calls}) == len(calls) == 40
    assert {fidelity for *_, fidelity in calls} == {12}
    assert {query.fidelity for query in queries} == {12}
    assert all(query.label_kind == "single" for query in queries)
    assert result["fidelity"] == 12
    assert result["labels"] == "single"
    best = [query.label for query in queries if query.key == result["best"]["key"]]
    assert result["best"]["queries"] == len(best) > 1
    assert result["best"]["value"] == pytest.approx(np.mean(best))


def test_a_function_without_seed_trains_nothing_twice():
    _, queries = searched(CONDITIONAL, accuracy, 30, labels="single")
    assert len({query.key for query in queries}) == 30
    assert "again" not in {query.proposed_by for query in queries}


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        (lambda arch: 90.0, {}),
        (lambda arch, seed: 90.0 + seed, {"seed"}),
        (lambda arch, fidelity: 90.0 + (fidelity or 0), {"fidelity"}),
        (lambda arch, *, fidelity=3, seed=1: 90.0 + seed, {"seed", "fidelity"}),
        (lambda arch, **named: 90.0 + len(named), {"seed", "fidelity"}),
        (lambda arch, lr=0.1: 90.0, {}),
    ],
)
def test_every_signature_is_called_with_what_it_takes(train, expected):
    result, _ = searched(MINE, train, 4)
    assert result["queries"] == 4
    if "fidelity" in expected:
        assert searched(MINE, train, 4, fidelity=7)[0]["fidelity"] == 7
    else:
        with pytest.raises(InputError, match="fidelity is 7, but evaluate has no such argument"):
            searched(MINE, train, 4, fidelity=7)


@pytest.mark.parametrize("wrong", [lambda: 90.0, lambda arch, epochs: 90.0, 3])
def test_a_function_that_cannot_be_called_is_refused_at_once(wrong):
    with pytest.raises(InputError, match="evaluate must"):
        searched(MINE, wrong)


@pytest.mark.parametrize("number", [np.float32(91.5), np.array(91.5), np.array([91.5]), 91, np.int64(91)])
def test_a_number_is_a_number_of_any_kind(number):
    result, _ = searched(MINE, lambda arch: number, 3)
    assert result["best"]["value"] == float(np.ravel(number)[0])


def test_a_tensor_is_a_number():
    import torch

    assert searched(MINE, lambda arch: torch.tensor(91.5), 3)[0]["best"]["value"] == 91.5


# --- benchmarks handed in --------------------------------------------------------------------------------------------


def test_a_callable_benchmark_gives_what_its_function_gives():
    truth = CallableBenchmark(CONDITIONAL, accuracy)
    by_benchmark, first = watched(benchmark=truth, budget=25)
    by_function, second = watched(space=CONDITIONAL, evaluate=accuracy, budget=25)
    assert archs_of(first) == archs_of(second)
    assert by_benchmark["best"] == by_function["best"]


class Counting(Benchmark):
    """A benchmark of one's own: knows an energy for nothing, and three training seeds each."""

    space, dataset = WIDE, "counting"

    def __init__(self):
        self.metrics = {"val_accuracy_pct": known_metric("val_accuracy_pct"), "energy_mj": known_metric("energy_mj")}

    def evaluate(self, archs, metrics=None, *, seed=None, fidelity=None):
        n_seeds = 3 if seed is None else 1
        return [
            Evaluation(arch, {"val_accuracy_pct": accuracy(arch)}, {"val_accuracy_pct": n_seeds}, 60.0, seed=seed)
            for arch in archs
        ]

    def lookup(self, archs, metric):
        assert metric == "energy_mj"
        return np.array([arch.choices["layer0"] for arch in archs], dtype=float)

    def seeds(self, arch, metric):
        return (4, 5, 6)


def test_a_benchmark_of_ones_own_is_searched():
    result, queries = watched(benchmark=Counting(), budget=20, constraints="energy_mj<=2", settings=SMALL)
    assert all("layer0=1 " in query.arch or "layer0=2 " in query.arch for query in queries)
    assert {(query.label_kind, query.n_seeds, query.label_seed) for query in queries} == {("mean", 3, None)}
    assert (result["labels"], result["label_cost_s"]) == ("mean", 20 * 60.0)
    assert result["best"]["energy_mj"] in (1.0, 2.0)
    assert result["feasible_share"] == pytest.approx(0.4, abs=0.08)
    _, singles = watched(benchmark=Counting(), budget=20, labels="single", settings=SMALL)
    assert {query.label_seed for query in singles} == {4, 5, 6}
    assert "again" in {query.proposed_by for query in singles}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"evaluate": accuracy}, "evaluate needs the space whose architectures it trains"),
        ({"space": MINE}, "space 'mine' is not registered, so it has no table.*evaluate"),
        (
            {"space": MINE, "evaluate": accuracy, "benchmark": CallableBenchmark(MINE, accuracy)},
            "evaluate is the ground truth; leave benchmark and table out",
        ),
        ({"space": MINE, "evaluate": accuracy, "table": "mine"}, "leave benchmark and table out"),
        ({"space": MINE, "evaluate": accuracy, "predictor": "oracle"}, "'oracle' needs a table"),
        ({"space": MINE, "evaluate": accuracy, "predictor": "proxy-process"}, "reads cells|needs|space"),
        ({"space": MINE, "evaluate": accuracy, "budget": 0}, "budget must be a whole number from 1, got 0"),
        ({"space": MINE, "evaluate": accuracy, "budget": 2.5}, "budget must be a whole number from 1, got 2.5"),
        ({"space": MINE, "evaluate": accuracy, "fidelity": 0}, "fidelity must be a whole number from 1"),
        ({"space": MINE, "evaluate": accuracy, "labels": "median"}, "unknown kind of labels 'median'"),
    ],
)
def test_contradictions_are_refused_before_anything_is_trained_or_written(tmp_path, options, message):
    options = {"budget": 3, **options}
    with pytest.raises(InputError, match=message) as caught:
        run(**options, seed=0, run_dir=tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


# --- the same again --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("searcher", searcher_names())
@pytest.mark.parametrize("predictor", ["none", "space-process"])
@pytest.mark.parametrize("space", [CONDITIONAL, WIDE], ids=["conditional", "wide"])
def test_a_seed_repeats_a_search_and_another_does_not(space, searcher, predictor):
    options = {
        "budget": 8, "searcher": searcher, "predictor": predictor, "constraints": "params_m<=200",
        "settings": SearchSettings(pool_size=60, inner_proposals=8),
    }  # fmt: skip
    first, again, other = (archs_of(searched(space, **{**options, "seed": seed})[1]) for seed in (4, 4, 5))
    assert first == again
    assert first != other


IN_ANOTHER_PROCESS = """
from nassurrogate.search import SearchSettings, run
from declared_spaces import CANONICAL, CONDITIONAL, HUGE

def train(arch):
    if arch.string.endswith("linear"):
        raise RuntimeError("diverged")
    return float(len(arch.string))

for space in (CANONICAL, CONDITIONAL, HUGE):
    for searcher in ("exhaustive", "evolution"):
        run(space=space, evaluate=train, budget=8, seed=0, searcher=searcher, predictor="space-process", write=False,
            settings=SearchSettings(pool_size=60, inner_proposals=10),
            listener=lambda event: print(event.query.arch) if event.query else None)
"""


def test_another_process_repeats_a_search(tmp_path):
    """The order of sets of texts is another one in every process."""
    # Another process finds no module of these tests where a wheel is tested.
    shutil.copy(Path(__file__).parents[2] / "spaces" / "declared.py", tmp_path / "declared_spaces.py")
    said = [
        subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert len(said[0].splitlines()) == 48


def test_a_built_in_space_is_searched_by_a_training_of_ones_own():
    """Its costs are those of the data set that is named."""
    result, queries = watched(
        space="nb201", dataset="cifar10", evaluate=lambda cell: 80.0 + cell.string.count("3x3"), budget=12,
        constraints="params_m<=0.8",
    )  # fmt: skip
    assert len({query.key for query in queries}) == 12
    assert result["best"]["params_m"] <= 0.8
    assert result["best"]["index"] == get_space("nb201").parse(result["best"]["arch"]).index
    assert (result["regret_points"], result["best"]["test_accuracy_pct"], result["best"]["choices"]) == (None,) * 3


def test_what_was_not_trained_is_not_seen():
    """Another function that agrees where the first was asked gives the same queries."""
    known = {}

    def train(arch):
        known[arch.key] = accuracy(arch)
        return known[arch.key]

    _, first = searched(CONDITIONAL, train, 25)
    _, again = searched(CONDITIONAL, lambda arch: known.get(arch.key, 99.0), 25)
    assert archs_of(first) == archs_of(again)


# --- what is left on disk --------------------------------------------------------------------------------------------


def test_the_ledger_is_written_and_read_back(tmp_path):
    result, queries = searched(
        WIDE, budget=12, constraints="params_m<=200", write=True, run_dir=tmp_path / "run", plots=False
    )
    ledger = read_ledger(tmp_path / "run")
    assert ledger.queries == tuple(queries)
    assert all(query.index is None for query in queries)
    assert ledger.header["table_sha256"] is None
    assert ledger.header["config"]["objective"]["name"] == "val_accuracy_pct"
    assert ledger.header["config"]["n_space"] == 5**30
    assert ledger.header["table_sources"] == ["function accuracy"]
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == result


@pytest.mark.parametrize(
    ("objective", "constraints"),
    [(None, ()), ("val_loss", ("params_m<=200",)), (USEFULNESS, ("params_m<=200", "latency_ms>=200"))],
    ids=["accuracy", "loss", "usefulness"],
)
def test_plots_are_drawn_for_a_run_without_a_table(tmp_path, constraints, objective):
    searched(
        WIDE, budget=8, constraints=constraints, objective=objective, predictor=Scripted, write=True,
        run_dir=tmp_path / "run",
    )  # fmt: skip
    drawn = {path.name for path in (tmp_path / "run" / "plots").iterdir()}
    bounded = {"latency_ms"} if not constraints else {Constraint.parse(text).metric for text in constraints}
    assert drawn == {"best_so_far.png", "predicted_vs_true.png"} | {f"accuracy_vs_{name}.png" for name in bounded}


def test_plots_are_drawn_where_nothing_costs_anything(tmp_path):
    searched(MINE, budget=3, predictor="none", write=True, run_dir=tmp_path / "run")
    assert {path.name for path in (tmp_path / "run" / "plots").iterdir()} == {"best_so_far.png"}


def test_a_small_space_is_listed_and_a_large_one_is_not():
    for space, kind in ((MINE, ListedSet), (CONDITIONAL, ListedSet), (WIDE, OpenSet)):
        truth = CallableBenchmark(space, accuracy)
        assert type(find_feasible(truth, truth.objective, [], np.random.default_rng(0))) is kind
