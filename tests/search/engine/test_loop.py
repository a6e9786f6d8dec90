"""Whole searches: what holds for every searcher and every surrogate."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nassurrogate.benchmarks import LABEL, Column, TabularBenchmark
from nassurrogate.errors import InputError
from nassurrogate.search import Event, SearchSettings, read_ledger, run, searcher_names
from tests.search.conftest import CLASSES, FAST, SPACE

BOUND = "latency_ms<=14.28"
FIELDS = {
    "searcher",
    "n_feasible",
    "space",
    "budget",
    "predictor",
    "regret_points",
    "selected_by",
    "phases",
    "schema_version",
    "seed",
    "queries",
    "n_space",
    "constraints",
    "wall_s",
    "dataset",
    "stop_reason",
    "surrogate_labels",
    "predictor_calls",
    "run_dir",
    "top",
    "best",
    "objective",
    "fidelity",
    "n_failed",
    "is_table",
    "feasible_share",
    "feasible_share_is_estimate",
}
BEST_FIELDS = {
    "index",
    "latency_ms",
    "params_m",
    "feasible",
    "val_accuracy_pct",
    "arch",
    "predicted_accuracy_pct",
    "test_accuracy_pct",
    "flops_m",
    "choices",
    "value",
    "values",
    "mean_value",
    "predicted_value",
}


def search(bench, predictor="proxy-process", **options):
    """`run` with fast defaults."""
    if predictor.startswith("gradient-boosting"):
        options.setdefault("predictor_config", FAST)
    return run(**{"seed": 0, "write": False, "plots": False, **options}, benchmark=bench, predictor=predictor)


def timeless(folder):
    """A ledger without what the clock decides."""
    ledger = read_ledger(folder)
    header = {name: value for name, value in ledger.header.items() if name != "created"}
    return header, [{**vars(query), "elapsed_s": None} for query in ledger.queries]


@pytest.fixture(
    params=[(s, p) for p in ("none", "proxy-process", "gradient-boosting", "oracle") for s in searcher_names()],
    ids="-".join,
)
def pair(request):
    return request.param


def test_every_searcher_evaluates_once_a_class_feasibly_and_within_budget(pair, bench, tmp_path):
    searcher, predictor = pair
    settings = SearchSettings(inner_proposals=30, batch_size=6 if predictor == "gradient-boosting" else None)
    options = {"budget": 24, "searcher": searcher, "constraints": [BOUND], "settings": settings, "write": True}
    result = search(bench, predictor, run_dir=tmp_path / "a", **options)
    header, queries = timeless(tmp_path / "a")
    indices = [query["index"] for query in queries]
    assert len(queries) == result["queries"] == sum(result["phases"].values()) == 24
    assert result["stop_reason"] == "budget"
    assert (bench.column("latency_ms").mean[indices] <= 14.28).all()
    assert len(set(CLASSES[indices].tolist())) == 24
    assert [query["number"] for query in queries] == list(range(1, 25))
    assert [query["label"] for query in queries] == bench.column(LABEL).mean[indices].tolist()
    assert result["best"]["val_accuracy_pct"] == max(query["label"] for query in queries)
    assert result["best"]["feasible"]
    assert (result["predictor_calls"] > 0) == (predictor != "none")
    assert result["oracle"] == header["config"]["oracle"] == (predictor == "oracle")
    assert (result["selected_by"] == "oracle") == (predictor == "oracle")
    search(bench, predictor, run_dir=tmp_path / "b", **options)
    assert timeless(tmp_path / "b") == (header, queries)


def test_the_result_has_the_promised_fields_and_is_json(bench, tmp_path):
    result = search(bench, budget=15, constraints=BOUND, write=True, run_dir=tmp_path / "run")
    assert set(result) >= FIELDS
    assert set(result["best"]) >= BEST_FIELDS
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == result
    assert result["constraints"] == [BOUND]
    assert result["run_dir"] == str(tmp_path / "run")
    best = result["best"]
    assert best["test_accuracy_pct"] is None
    assert best == {**best, **{name: bench.query(best["index"], name).value for name in ("latency_ms", "params_m")}}
    labels = [cell["val_accuracy_pct"] for cell in result["top"]]
    assert labels == sorted(labels, reverse=True)
    assert len(labels) == SearchSettings().top


def test_the_header_tells_what_the_run_was(bench, tmp_path):
    settings = SearchSettings(batch_size=2)
    search(bench, "gradient-boosting", budget=3, seed=11, settings=settings, write=True, run_dir=tmp_path)
    header = read_ledger(tmp_path).header
    assert header["table_sha256"] == bench.sha256
    assert header["config"]["seed"] == 11
    assert header["config"]["predictor_config"]["rounds"] == FAST["rounds"]
    assert header["config"]["settings"]["batch_size"] == 2
    assert {"python", "numpy", "torch", "nassurrogate"} <= set(header["packages"])


def test_regret_is_the_distance_to_the_best_feasible_string(bench):
    result = search(bench, "none", budget=20, constraints=BOUND)
    feasible = bench.column("latency_ms").mean <= 14.28
    best = bench.column(LABEL).mean[feasible].max()
    assert result["regret_points"] == pytest.approx(best - result["best"]["val_accuracy_pct"])
    assert result["optimum"]["val_accuracy_mean_pct"] == best


@pytest.mark.parametrize("constraints", [[], [BOUND]])
def test_the_oracle_finds_the_best_string(bench, constraints):
    result = search(bench, "oracle", budget=3, constraints=constraints)
    assert result["regret_points"] == 0.0


@pytest.mark.parametrize("budget", [1, 2, 5])
@pytest.mark.parametrize("predictor", ["none", "proxy-process", "gradient-boosting", "oracle"])
def test_small_budgets_work(bench, budget, predictor):
    result = search(bench, predictor, budget=budget)
    assert result["queries"] == sum(result["phases"].values()) == budget


@pytest.mark.parametrize("predictor", ["none", "oracle", "proxy-process", "gradient-boosting"])
def test_a_small_feasible_part_is_exhausted(bench, predictor):
    latency = bench.column("latency_ms").mean
    bound = float(np.sort(latency)[12])
    n_classes = len(set(CLASSES[latency <= bound].tolist()))
    result = search(bench, predictor, budget=50, constraints=f"latency_ms<={bound!r}")
    assert (result["queries"], result["stop_reason"]) == (n_classes, "exhausted")
    assert result["n_feasible"] == 13


@pytest.mark.parametrize("searcher", searcher_names())
def test_an_infeasible_member_never_blocks_its_class(searcher, fake_bench):
    """One member of each of three large classes is feasible: all three are evaluated, through it."""
    classes = np.argsort(np.bincount(CLASSES))[-3:]
    members = [int(np.flatnonzero(c == CLASSES)[-1]) for c in classes]
    cost = np.full(SPACE.size, 9.0)
    cost[members] = 1.0
    bench = fake_bench(np.arange(SPACE.size) / 1000, latency_ms=cost)
    evaluated: list[int] = []
    result = search(
        bench,
        "none",
        budget=4,
        searcher=searcher,
        constraints="latency_ms<=1",
        listener=lambda event: evaluated.append(event.query.index) if event.query else None,
    )
    assert sorted(evaluated) == sorted(members)
    assert result["stop_reason"] == "exhausted"


def test_single_labels_are_one_drawn_seed_and_regret_is_against_the_mean(bench, tmp_path):
    result = search(bench, budget=40, labels="single", write=True, run_dir=tmp_path)
    values, mean = bench.column(LABEL).values, bench.column(LABEL).mean
    queries = read_ledger(tmp_path).queries
    assert {query.label_kind for query in queries} == {"single"}
    assert len({query.label_seed for query in queries}) > 1
    assert [query.label for query in queries] == [float(values[query.index, query.label_seed]) for query in queries]
    best = result["best"]["index"]
    assert result["selected_by"] == "shrunk"
    assert result["regret_points"] == pytest.approx(mean.max() - mean[best])
    assert result["best"]["val_accuracy_mean_pct"] == mean[best]


def test_the_mean_of_one_training_is_as_noisy_as_that_training(bench, fake_bench, tmp_path):
    once = fake_bench(bench.column(LABEL).values[:, 0])
    result = search(once, budget=20, write=True, run_dir=tmp_path)
    assert {query.label_kind for query in read_ledger(tmp_path).queries} == {"single"}
    assert (result["labels"], result["selected_by"]) == ("single", "shrunk")
    assert search(once, "none", budget=20)["selected_by"] == "measured"


@pytest.mark.parametrize("searcher", ["exhaustive", "random", "evolution"])
def test_a_space_too_large_to_be_kept_is_searched_through_a_pool(bench, searcher):
    small, large = (SearchSettings(pool_size=size, inner_proposals=100) for size in (400, 32_768))
    pooled = search(bench, budget=60, searcher=searcher, settings=small)
    whole = search(bench, budget=60, searcher=searcher, settings=large)
    assert whole["predictor_calls"] > whole["n_feasible_classes"]
    assert pooled["predictor_calls"] < whole["predictor_calls"] / 2
    assert pooled["regret_points"] < 1.0
    assert pooled["queries"] == 60


@pytest.mark.parametrize("predictor", ["proxy-process", "ridge", "oracle"])
def test_a_pool_of_one_spends_the_budget_all_the_same(bench, predictor):
    result = search(bench, predictor, budget=30, settings=SearchSettings(pool_size=1))
    assert (result["queries"], result["stop_reason"]) == (30, "budget")


def test_single_labels_come_from_seeds_that_exist(fake_bench):
    labels = np.full((SPACE.size, 3), np.nan)
    labels[:, 1] = np.random.default_rng(0).normal(90, 1, SPACE.size)
    seeds: set[int] = set()
    search(
        fake_bench(labels),
        "none",
        budget=20,
        labels="single",
        listener=lambda event: seeds.add(event.query.label_seed) if event.query else None,
    )
    assert seeds == {1}


def test_equal_labels_fall_back_on_random_cells_with_the_reason(fake_bench):
    result = search(fake_bench(np.full(SPACE.size, 90.0)), budget=30)
    assert result["queries"] == 30
    assert any("all labels are equal" in note for note in result["notes"])
    assert result["best"]["predicted_accuracy_pct"] is None
    assert result["regret_points"] == 0.0


def test_cells_without_a_label_are_not_proposed_and_leave_no_regret(fake_bench):
    labels = np.random.default_rng(0).normal(90, 1, SPACE.size)
    labels[::2] = np.nan
    result = search(fake_bench(labels), budget=30)
    assert result["queries"] == 30
    assert all(cell["index"] % 2 for cell in result["top"])
    assert result["regret_points"] is None
    assert result["optimum"] is None
    assert result["label_cost_s"] is None


def test_test_accuracy_is_looked_up_once_for_the_final_cell_and_changes_nothing(bench, tmp_path):
    from nassurrogate.benchmarks import TEST, Column, TabularBenchmark

    asked: list[int] = []

    class Watched(TabularBenchmark):
        def query(self, arch, metric=LABEL, *, seed="mean"):
            if metric == TEST:
                asked.append(SPACE.parse(arch).index)
            return super().query(arch, metric, seed=seed)

        def column(self, metric):
            assert metric != TEST or asked, "test accuracy was read before the end"
            return super().column(metric)

    ledgers = []
    for name, tests in (("up", np.arange(SPACE.size) / 200), ("down", -np.arange(SPACE.size) / 200)):
        columns = {**bench.columns, TEST: Column(tests, "made up")}
        asked.clear()
        watched = Watched(SPACE, "cifar10", columns)
        result = search(watched, budget=30, write=True, run_dir=tmp_path / name)
        assert asked == [result["best"]["index"]]
        assert result["best"]["test_accuracy_pct"] == tests[result["best"]["index"]]
        ledgers.append(timeless(tmp_path / name)[1])
    assert ledgers[0] == ledgers[1]


def test_no_label_but_those_evaluated_is_seen(bench, fake_bench):
    """Labels of classes that were not evaluated may be anything: the same cells are."""
    first: list[int] = []
    search(bench, budget=40, listener=lambda event: first.append(event.query.index) if event.query else None)
    labels = bench.column(LABEL).mean.copy()
    elsewhere = ~np.isin(CLASSES, CLASSES[first])
    labels[elsewhere] = np.random.default_rng(3).permutation(labels[elsewhere])
    again: list[int] = []
    search(
        fake_bench(labels),
        budget=40,
        listener=lambda event: again.append(event.query.index) if event.query else None,
    )
    assert again == first


def test_events_tell_the_start_every_query_and_the_fits(bench):
    events: list[Event] = []
    search(bench, budget=20, constraints=BOUND, listener=events.append)
    assert events[0].kind == "start"
    assert "3,902 of 15,625 architectures" in events[0].message
    assert [event.done for event in events if event.kind == "query"] == list(range(1, 21))
    fits = [event for event in events if event.kind == "fit"]
    assert fits
    assert all(0 < event.done <= event.total for event in fits)


def test_a_seed_is_drawn_where_none_is_given(bench):
    assert len({search(bench, "none", budget=1, seed=None)["seed"] for _ in range(3)}) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 0}, "budget must be a whole number from 1 to 5425"),
        ({"budget": 5_426}, "budget must be a whole number from 1 to 5425"),
        ({"budget": 2.5}, "budget must be"),
        ({"budget": True}, "budget must be"),
        ({"budget": float("nan")}, "budget must be"),
        ({"seed": -1}, "seed must be"),
        ({"seed": 1.5}, "seed must be"),
        ({"searcher": "evolutoin"}, "did you mean 'evolution'"),
        ({"predictor": "gradient-bosting"}, "did you mean 'gradient-boosting'"),
        ({"predictor": "non"}, "did you mean 'none'"),
        ({"predictor": "gradient-boosting:deep"}, "unknown preset 'deep'"),
        ({"predictor": "none", "predictor_config": {"rounds": 3}}, "has no hyper-parameters"),
        ({"labels": "median"}, "unknown kind of labels 'median'"),
        ({"constraints": "latency_ms<=0.1"}, "no nb201 architecture satisfies"),
        ({"constraints": ["val_accuracy_pct>=90"]}, "costs a query"),
        ({"constraints": ["latency<=12"]}, "did you mean 'latency_ms'"),
        ({"constraints": "latency_ms=12"}, "did you mean 'latency_ms<=12'"),
        ({"surrogate": "absent.safetensors"}, "no model file at"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(bench, tmp_path, options, message):
    wanted = {"budget": 3, "write": True, "run_dir": tmp_path / "run", **options}
    with pytest.raises(InputError, match=message) as caught:
        search(bench, **wanted)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_unknown_space_and_data_set_are_refused():
    with pytest.raises(InputError, match=r"unknown space 'nb202'.*did you mean 'nb201'"):
        run(space="nb202", budget=1, write=False)
    with pytest.raises(InputError, match="unknown data set 'cifar'"):
        run(dataset="cifar", budget=1, write=False)


def test_what_is_reported_as_predicted_was_said_before_the_label_was_known(bench, tmp_path):
    result = search(bench, budget=20, run_dir=tmp_path / "run", write=True, plots=False)
    said = {query.index: query.predicted_mean for query in read_ledger(tmp_path / "run").queries}
    assert [cell["predicted_accuracy_pct"] for cell in result["top"]] == [said[cell["index"]] for cell in result["top"]]
    assert any(value is None for value in said.values())
    assert any(value is not None for value in said.values())


def test_the_ledger_says_which_table_and_which_saved_model(tmp_path):
    result = run(budget=2, predictor="none", seed=0, table="embedded", run_dir=tmp_path / "run", plots=False)
    config = read_ledger(tmp_path / "run").header["config"]
    assert (config["table"], config["surrogate"], result["queries"]) == ("embedded", None, 2)


def test_a_label_does_not_cost_what_another_table_trained(bench):
    own = Column(bench.column(LABEL).values, "own")
    mixed = TabularBenchmark(bench.space, bench.dataset, {**bench.columns, LABEL: own})
    assert np.isnan(mixed.query(0).cost_train_time_s)
    assert bench.query(0).cost_train_time_s > 0
