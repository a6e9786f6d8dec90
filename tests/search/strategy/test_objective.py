"""What a search improves, after how many epochs, and what that costs."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate.benchmarks import LABEL, TEST, Column, TabularBenchmark
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric, known_metric
from nassurrogate.search import SearchSettings, read_ledger, run, searcher_names
from nassurrogate.search.record.report import anytime, describe_result
from tests.search.conftest import SPACE, Untabled, watched

SHORT, SHORT_TIME, TIME = "val_accuracy_12ep_pct", "train_time_12ep_s", "train_time_s"
EVERY = np.arange(SPACE.size, dtype=float)


def table(source_of_time="made up", **columns):
    """A table of made-up columns."""
    named = {
        name: Column(values, source_of_time if name.startswith("train_time") else "made up")
        for name, values in columns.items()
    }
    return TabularBenchmark(SPACE, "made-up", named)


@pytest.fixture(scope="module")
def two_fidelities():
    """Labels after 200 and after 12 epochs of three and of one seed, each with its own time."""
    rng = np.random.default_rng(0)
    full, short = rng.normal(90, 1, (SPACE.size, 3)), rng.normal(60, 5, SPACE.size)
    return table(
        **{LABEL: full, TIME: np.full((SPACE.size, 3), 1000.0), SHORT: short, SHORT_TIME: np.full(SPACE.size, 60.0)}
    )


# --- which metric ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("searcher", searcher_names())
@pytest.mark.parametrize("predictor", ["none", "ridge"])
def test_latency_is_minimised(bench, tmp_path, searcher, predictor):
    latency = bench.column("latency_ms").mean
    result, queries = watched(
        benchmark=bench, objective="latency_ms", budget=14, constraints="params_m>=0.5", searcher=searcher,
        predictor=predictor, write=True, run_dir=tmp_path / "run", plots=searcher == "exhaustive",
        settings=SearchSettings(inner_proposals=20),
    )  # fmt: skip
    assert [query.label for query in queries] == latency[[query.index for query in queries]].tolist()
    assert result["objective"] == known_metric("latency_ms").as_dict()
    best = result["best"]
    assert best["value"] == best["latency_ms"] == best["mean_value"] == min(query.label for query in queries)
    assert [cell["value"] for cell in result["top"]] == sorted(query.label for query in queries)[:10]
    least = latency[bench.column("params_m").mean >= 0.5].min()
    assert result["optimum"]["value"] == least
    assert result["regret_points"] == pytest.approx(best["value"] - least)
    assert result["regret_points"] >= 0
    assert (best["val_accuracy_pct"], best["predicted_accuracy_pct"], best["val_accuracy_mean_pct"]) == (None,) * 3
    assert result["optimum"]["val_accuracy_mean_pct"] is None
    curve = anytime(read_ledger(tmp_path / "run").queries, sign=-1)
    assert (np.diff(curve) <= 0).all()
    assert curve[-1] == best["value"]
    text = describe_result(result)
    assert "latency_ms" in text
    assert "validation accuracy" not in text
    assert "None" not in text
    if searcher == "exhaustive":
        assert {path.name for path in (tmp_path / "run" / "plots").iterdir()} == {
            "accuracy_vs_params_m.png", "best_so_far.png", *["predicted_vs_true.png"] * (predictor != "none")
        }  # fmt: skip


def test_learning_finds_a_faster_cell_than_chance(bench):
    options = {"benchmark": bench, "objective": "latency_ms", "budget": 30, "constraints": "params_m>=0.8"}
    guided, blind = (
        np.mean([watched(**options, predictor=predictor, seed=seed)[0]["regret_points"] for seed in range(3)])
        for predictor in (None, "none")
    )
    assert guided < blind


def test_what_needs_no_training_costs_none(bench):
    result, queries = watched(benchmark=bench, objective="params_m", budget=5, predictor="none")
    assert {query.cost_train_time_s for query in queries} == {0.0}
    assert result["label_cost_s"] == 0.0


def test_the_oracle_of_a_minimised_objective_finds_the_least(bench):
    result, _ = watched(benchmark=bench, objective="latency_ms", budget=2, predictor="oracle")
    assert result["best"]["value"] == bench.column("latency_ms").mean.min()
    assert result["regret_points"] == 0.0


def test_the_default_is_the_label_by_name_or_not(bench):
    results = [
        watched(benchmark=bench, budget=4, predictor="none", objective=given)[0]
        for given in (None, LABEL, known_metric(LABEL))
    ]
    assert results[0]["best"] == results[1]["best"] == results[2]["best"]
    assert results[0]["objective"]["name"] == LABEL


@pytest.mark.parametrize("predictor", ["none", "ridge", "oracle"])
def test_a_search_never_sees_test_accuracy_where_there_is_another(bench, tmp_path, predictor):
    with_test = TabularBenchmark(SPACE, "cifar10", {**bench.columns, TEST: Column(EVERY / 200, "made up")})
    for truth in (with_test, Untabled(with_test)):
        if predictor == "oracle" and truth is not with_test:
            continue
        with pytest.raises(InputError, match=f"a search never sees {TEST}: it is looked up once.*{LABEL}"):
            watched(benchmark=truth, objective=TEST, budget=3, predictor=predictor, run_dir=tmp_path / "r", write=True)
    with pytest.raises(InputError, match=f"a search never sees {TEST}|unknown objective '{TEST}'"):
        watched(benchmark=bench, objective=TEST, budget=3, predictor=predictor)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["test_top1_pct", "test_error_pct", "test_loss_nats", "testTop5_pct"])
def test_no_other_metric_of_the_test_set_is_seen_either(bench, tmp_path, name):
    """Whatever it is called: an error gives the accuracy away."""
    with_test = TabularBenchmark(SPACE, "cifar10", {**bench.columns, name: Column(EVERY / 200, "made up")})
    for truth in (with_test, Untabled(with_test)):
        with pytest.raises(InputError, match=f"a search never sees {name}.*{LABEL}"):
            watched(benchmark=truth, objective=name, budget=3, run_dir=tmp_path / "r", write=True)
        with pytest.raises(InputError, match=name):
            watched(benchmark=truth, constraints=f"{name}<=3", budget=3, run_dir=tmp_path / "r", write=True)
    assert not list(tmp_path.iterdir())
    only = TabularBenchmark(SPACE, "cifar10", {name: Column(EVERY / 200, "made up")}, own_objective=name)
    result, _ = watched(benchmark=only, budget=3, predictor="none")
    assert any(name in note and "the search sees test accuracy" in note for note in result["notes"])


@pytest.mark.parametrize(
    "given", [Metric(TEST, direction="minimize"), Metric(TEST, needs_training=False), Metric(TEST, unit="fraction")]
)
def test_no_metric_of_that_name_slips_through(bench, given):
    with_test = TabularBenchmark(SPACE, "cifar10", {**bench.columns, TEST: Column(EVERY / 200, "made up")})
    with pytest.raises(InputError, match=f"a search never sees {TEST}|contradicts"):
        watched(benchmark=with_test, objective=given, budget=3, predictor="none")


def test_an_unknown_direction_is_refused_with_the_remedy_and_the_remedy_works():
    own = table(usefulness=EVERY)
    with pytest.raises(
        InputError, match=r"not known whether a larger or a smaller 'usefulness' is better.*--larger-is-better"
    ):
        watched(benchmark=own, objective="usefulness", budget=3, predictor="none")
    with pytest.raises(InputError, match="usefulness"):
        watched(benchmark=own, budget=3, predictor="none")
    for direction, better in (("maximize", max), ("minimize", min)):
        given = Metric("usefulness", direction=direction)
        result, queries = watched(benchmark=own, objective=given, budget=6, predictor="ridge")
        assert result["best"]["value"] == better(query.label for query in queries)
        assert result["objective"]["direction"] == direction
    kept = TabularBenchmark(SPACE, "made-up", {"usefulness": Column(EVERY, "made up", direction="minimize")})
    assert watched(benchmark=kept, budget=6, predictor="none")[0]["objective"]["direction"] == "minimize"


def test_a_direction_that_contradicts_the_table_is_refused():
    kept = TabularBenchmark(SPACE, "made-up", {"usefulness": Column(EVERY, "made up", direction="minimize")})
    with pytest.raises(InputError, match="'usefulness' is known to be better when smaller"):
        watched(benchmark=kept, objective=Metric("usefulness", direction="maximize"), budget=3, predictor="none")


def test_an_unknown_objective_names_the_nearest(bench):
    with pytest.raises(InputError, match=r"unknown objective 'latency' of nb201/cifar10.*did you mean 'latency_ms'"):
        watched(benchmark=bench, objective="latency", budget=3)


def test_a_metric_that_a_problem_file_does_not_declare_says_how(tmp_path):
    source = (
        "from nassurrogate.spaces import CategoricalSpace\n"
        "space = CategoricalSpace('mine', {'width': [16, 32, 64]})\n"
        "def evaluate(arch):\n    return {'val_accuracy_pct': 90.0, 'val_loss': 1 / arch.choices['width']}\n"
    )
    problem = tmp_path / "problem.py"
    problem.write_text(source)
    wanted = {"problem": problem, "objective": "val_loss", "budget": 3, "seed": 0, "write": False}
    with pytest.raises(InputError, match=r"unknown objective 'val_loss'.*add metrics = \['val_loss'\] to the problem"):
        run(**wanted)
    problem.write_text(source + "metrics = ['val_loss']\n")
    assert run(**wanted)["best"]["choices"]["width"] == 64


@pytest.mark.parametrize("junk", [3, "", object(), [LABEL], b"x"])
def test_an_objective_of_a_wrong_type_is_refused(bench, junk):
    with pytest.raises(InputError) as caught:
        watched(benchmark=bench, objective=junk, budget=3)
    assert "\n" not in str(caught.value)


def test_labels_of_the_objective_that_are_missing_are_never_proposed(bench):
    other = np.where(EVERY % 2, EVERY, np.nan)
    truth = TabularBenchmark(SPACE, "cifar10", {**bench.columns, "raspi4.latency_ms": Column(other, "made up")})
    result, queries = watched(benchmark=truth, objective="raspi4.latency_ms", budget=20, predictor="ridge")
    assert all(query.index % 2 for query in queries)
    assert result["regret_points"] is None


# --- after how many epochs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("predictor", ["none", "ridge"])
def test_a_short_training_gives_its_own_label_and_costs_its_own_time(two_fidelities, predictor):
    result, queries = watched(benchmark=two_fidelities, fidelity=12, budget=12, predictor=predictor)
    short = two_fidelities.column(SHORT).mean
    assert [query.label for query in queries] == short[[query.index for query in queries]].tolist()
    assert {query.cost_train_time_s for query in queries} == {60.0}
    assert {query.fidelity for query in queries} == {12}
    assert (result["fidelity"], result["label_cost_s"]) == (12, 720.0)
    assert result["best"]["value"] == max(query.label for query in queries) or result["selected_by"] == "shrunk"


def test_a_full_training_costs_all_of_its_seeds(two_fidelities):
    result, queries = watched(benchmark=two_fidelities, budget=4, predictor="none")
    assert {(query.cost_train_time_s, query.fidelity) for query in queries} == {(3000.0, None)}
    assert result["label_cost_s"] == 12_000.0
    _, singles = watched(benchmark=two_fidelities, budget=4, predictor="none", labels="single")
    assert {query.cost_train_time_s for query in singles} == {1000.0}


def test_single_short_trainings_are_of_seeds_that_there_are(two_fidelities):
    """There are three full trainings of every cell, and one short one."""
    result, queries = watched(benchmark=two_fidelities, fidelity=12, budget=20, predictor="ridge", labels="single")
    assert result["n_failed"] == 0
    assert {query.label_seed for query in queries} == {0}
    assert len({query.key for query in queries}) == 20


def test_a_short_training_named_as_the_objective_costs_the_same(two_fidelities):
    result, queries = watched(benchmark=two_fidelities, objective=SHORT, budget=4, predictor="none")
    assert {query.cost_train_time_s for query in queries} == {60.0}
    assert result["objective"]["name"] == SHORT


@pytest.mark.parametrize("drop", [SHORT_TIME, "source"])
def test_without_a_time_of_its_own_the_cost_is_unknown(two_fidelities, drop):
    columns = dict(two_fidelities.columns)
    if drop == "source":
        columns[SHORT_TIME] = Column(columns[SHORT_TIME].values, "another table")
    else:
        del columns[drop]
    truth = TabularBenchmark(SPACE, "made-up", columns)
    for options in ({"fidelity": 12}, {"objective": SHORT}):
        result, queries = watched(benchmark=truth, budget=4, predictor="none", **options)
        assert {query.cost_train_time_s for query in queries} == {None}
        assert result["label_cost_s"] is None
        assert "simulated training" not in describe_result(result)


def test_regret_of_short_trainings_is_against_what_they_can_find(two_fidelities):
    """A regret that compares a 200-epoch optimum is of the true mean, not of the 12-epoch label."""
    result, _ = watched(benchmark=two_fidelities, fidelity=12, budget=6, predictor="none")
    full = two_fidelities.column(LABEL).mean
    assert result["best"]["val_accuracy_mean_pct"] == full[result["best"]["index"]]
    assert result["regret_points"] == pytest.approx(full.max() - full[result["best"]["index"]])


def test_an_unknown_fidelity_is_refused_before_anything_is_written(two_fidelities, tmp_path):
    with pytest.raises(InputError, match=rf"unknown fidelity.* of {LABEL} \(epochs\).*12"):
        watched(benchmark=two_fidelities, fidelity=50, budget=4, predictor="none", write=True, run_dir=tmp_path / "r")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [0, -3, 2.5, True, "12", float("nan")])
def test_a_fidelity_is_a_whole_number_from_1(two_fidelities, wrong):
    with pytest.raises(InputError, match="fidelity must be a whole number from 1"):
        watched(benchmark=two_fidelities, fidelity=wrong, budget=4, predictor="none")


def test_cells_without_a_short_training_are_not_proposed(two_fidelities):
    """As those without a label are not."""
    short = two_fidelities.column(SHORT).values.copy()
    short[::2] = np.nan
    truth = TabularBenchmark(SPACE, "made-up", {**two_fidelities.columns, SHORT: Column(short, "made up")})
    result, queries = watched(benchmark=truth, fidelity=12, budget=20, predictor="none")
    assert result["n_failed"] == 0
    assert all(query.index % 2 for query in queries)


# --- real tables -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("predictor", [None, "none"])
def test_macro_is_searched_for_its_only_accuracy_and_says_so(shared_data, tmp_path, monkeypatch, predictor):
    from nassurrogate.benchmarks import load_benchmark

    monkeypatch.setenv("NASSURROGATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    from nassurrogate.cli import main

    files = sorted(str(path) for path in (shared_data / "macro").iterdir() if path.suffix in (".json", ".csv", ".npz"))
    assert main(["-q", "data", "import", "macro", files[0]]) == 0
    truth = load_benchmark("macro")
    result, queries = watched(benchmark=truth, budget=16, predictor=predictor)
    assert result["objective"]["name"] == TEST
    assert any("the search sees test accuracy" in note for note in result["notes"])
    assert "test accuracy (the objective)" in describe_result(result)
    assert all(len(query.arch) == 8 and set(query.arch) <= set("012") for query in queries)
    assert result["best"]["test_accuracy_pct"] == result["best"]["value"]
    assert result["regret_points"] >= 0
