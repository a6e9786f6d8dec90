"""`nassurrogate search` with results: JSON, text, run folder."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from nassurrogate import spaces
from nassurrogate.benchmarks import load_benchmark
from nassurrogate.commands.search import SETTINGS
from nassurrogate.search import SearchSettings, read_ledger

BOOSTING = ("--predictor", "gradient-boosting", "--config", "members=2", "--config", "rounds=20", "--no-plots")
PROMISED = {
    "schema_version", "space", "dataset", "searcher", "predictor", "budget", "seed", "constraints", "n_space",
    "n_feasible", "queries", "phases", "predictor_calls", "surrogate_labels", "stop_reason", "selected_by", "best",
    "regret_points", "top", "wall_s", "run_dir",
}  # fmt: skip
PROMISED_OF_BEST = {
    "arch", "index", "val_accuracy_pct", "predicted_accuracy_pct", "test_accuracy_pct", "latency_ms", "params_m",
    "flops_m", "feasible",
}  # fmt: skip


def test_json_has_the_promised_fields_and_agrees_with_the_ledger(cli: Callable[..., Any]) -> None:
    found = cli("search", "--budget", 12, "--seed", 3, "--constraint", "latency_ms<=14.28", "--json", *BOOSTING).json
    assert set(found) >= PROMISED
    assert set(found["best"]) >= PROMISED_OF_BEST
    assert (found["budget"], found["queries"], found["seed"], found["stop_reason"]) == (12, 12, 3, "budget")
    assert found["constraints"] == ["latency_ms<=14.28"]
    truth = load_benchmark("nb201", "cifar10")
    best = found["best"]
    assert best["feasible"]
    assert best["latency_ms"] == truth.query(best["index"], "latency_ms").value <= 14.28
    assert best["val_accuracy_pct"] == truth.query(best["index"]).value
    assert best["test_accuracy_pct"] is None
    ledger = read_ledger(found["run_dir"])
    assert len(ledger.queries) == 12
    assert sum(found["phases"].values()) == 12
    assert best["index"] in {query.index for query in ledger.queries}


def test_equal_seeds_give_equal_results(cli: Callable[..., Any]) -> None:
    first, second = (cli("search", "--budget", 11, "--seed", 5, "--json", *BOOSTING).json for _ in range(2))
    for found in (first, second):
        del found["wall_s"], found["run_dir"]
    assert first == second


@pytest.mark.parametrize("budget", [1, 2, 5])
@pytest.mark.parametrize("predictor", ["gradient-boosting", "none", "oracle"])
def test_small_budgets_work(cli: Callable[..., Any], budget: int, predictor: str) -> None:
    done = cli("search", "--budget", budget, "--predictor", predictor, "--no-plots", "--json")
    assert done.json["queries"] == budget


def test_text_names_the_best_and_the_run_folder(cli: Callable[..., Any], folder: Path) -> None:
    done = cli("search", "--budget", 2, "--seed", 1, "--predictor", "none", "--searcher", "random", "--run-dir", "run")
    assert done.code == 0
    found = read_ledger("run")
    best = max(found.queries, key=lambda query: query.label)
    assert best.arch in done.out
    assert "run folder" in done.out
    assert (folder / "run" / "plots" / "best_so_far.png").is_file()
    assert "15,625 of 15,625 architectures satisfy the constraints" in done.err
    assert "seed 1" in done.err


def test_a_drawn_seed_is_printed_and_repeats_the_run(cli: Callable[..., Any]) -> None:
    options = ("--budget", 3, "--predictor", "none", "--searcher", "random", "--no-plots", "--json")
    first = cli("search", *options)
    assert f"seed {first.json['seed']}" in first.err
    again = cli("search", *options, "--seed", first.json["seed"])
    assert again.json["best"] == first.json["best"]


def test_the_oracle_is_marked(cli: Callable[..., Any]) -> None:
    assert "ORACLE" in cli("search", "--budget", 2, "--predictor", "oracle", "--no-plots").out
    assert cli("search", "--budget", 2, "--predictor", "oracle", "--no-plots", "--json").json["oracle"] is True


def test_a_saved_surrogate_guides_and_its_labels_are_told_apart(cli: Callable[..., Any], model: Path) -> None:
    found = cli("search", "--budget", 3, "--surrogate", model, "--no-plots", "--json").json
    assert (found["surrogate_labels"], found["queries"], found["phases"]["init"]) == (5, 3, 0)


def test_test_accuracy_comes_from_an_imported_table_and_latency_from_the_chosen_one(
    cli: Callable[..., Any], folder: Path
) -> None:
    with (folder / "mine.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "cifar10_test_accuracy_pct", "cifar10_latency_ms"])
        writer.writerows([index, 50 + index / 1000, 7.5] for index in range(15_625))
    assert cli("data", "import", "nb201", "mine.csv").code == 0
    options = ("--budget", 2, "--predictor", "none", "--seed", 0, "--no-plots", "--json")
    best = cli("search", *options).json["best"]
    assert best["test_accuracy_pct"] == 50 + best["index"] / 1000
    assert best["latency_ms"] != 7.5
    assert cli("search", *options, "--table", "mine").json["best"]["latency_ms"] == 7.5
    assert cli("search", *options, "--table", "embedded").json["best"]["test_accuracy_pct"] is None


def test_quiet_leaves_stderr_empty_and_verbose_does_not_touch_stdout(cli: Callable[..., Any]) -> None:
    options = ("search", "--budget", 2, "--predictor", "none", "--no-plots", "--json")
    assert cli("-q", *options).err == ""
    assert cli(*options, "-v").json["queries"] == 2


def test_settings_reach_the_strategy(cli: Callable[..., Any]) -> None:
    assert {field.name for field in fields(SearchSettings)} == set(SETTINGS)
    found = cli("search", "--budget", 12, "--set", "n_init=5", "--set", "n_confirm=3", "--set", "top=2", "--json",
                *BOOSTING).json  # fmt: skip
    assert found["phases"] == {"init": 5, "search": 4, "confirm": 3}
    assert len(found["top"]) == 2


# --- objectives, fidelities, spaces of one's own ---------------------------------------------------------------------

QUICK = ("--predictor", "none", "--seed", 0, "--no-plots", "--json")


def imported(cli: Callable[..., Any], folder: Path, **columns: Callable[[int], object]) -> None:
    """A table of the user's own, `mine`, whose columns are functions of the index."""
    with (folder / "mine.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["index", *(f"cifar10_{name}" for name in columns)])
        writer.writerows([index, *(value(index) for value in columns.values())] for index in range(15_625))
    done = cli("data", "import", "nb201", "mine.csv")
    assert done.code == 0, done.err


def test_the_objective_may_be_a_cost_that_is_minimised(cli: Callable[..., Any]) -> None:
    options = ("search", "--budget", 6, "--objective", "latency_ms", "--constraint", "params_m>=0.5", *QUICK)
    found = cli(*options).json
    assert (found["objective"]["name"], found["objective"]["direction"]) == ("latency_ms", "minimize")
    assert found["best"]["value"] == found["best"]["latency_ms"] == min(cell["value"] for cell in found["top"])
    text = cli(*options[:-1])
    assert text.code == 0
    assert f"{found['best']['value']:.5g} ms" in text.out
    assert cli(*options, "--smaller-is-better").json["best"] == found["best"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--objective", "test_accuracy_pct"), "test_accuracy_pct"),
        (("--objective", "latency"), "did you mean 'latency_ms'"),
        (("--objective", "latency_ms", "--larger-is-better"), "known to be better when smaller"),
        (("--larger-is-better",), "--larger-is-better and --smaller-is-better need --objective"),
        (("--fidelity", 0), "fidelity must be a whole number from 1"),
        (("--fidelity", 12), "unknown fidelity"),
        (("--objective", ""), "metric"),
    ],
)
def test_an_objective_or_fidelity_that_cannot_be_is_refused(
    refused: Callable[..., str], options: tuple[object, ...], told: str
) -> None:
    assert told in refused("search", "--budget", 2, *QUICK, *options)


def test_a_search_never_sees_test_accuracy_that_was_imported(
    cli: Callable[..., Any], folder: Path, refused: Callable[..., str]
) -> None:
    imported(cli, folder, test_accuracy_pct=lambda index: 50 + index / 1000)
    line = refused("search", "--budget", 2, "--objective", "test_accuracy_pct", *QUICK)
    assert "a search never sees test_accuracy_pct" in line
    assert "val_accuracy_pct" in line


def test_an_unknown_direction_is_asked_for_and_taken(
    cli: Callable[..., Any], folder: Path, refused: Callable[..., str]
) -> None:
    imported(cli, folder, usefulness_count=lambda index: index)
    line = refused("search", "--budget", 2, "--objective", "usefulness_count", *QUICK)
    assert "--larger-is-better or --smaller-is-better" in line
    for option, better in (("--larger-is-better", max), ("--smaller-is-better", min)):
        found = cli("search", "--budget", 5, "--objective", "usefulness_count", option, *QUICK).json
        assert found["best"]["value"] == better(cell["value"] for cell in found["top"])
        ledger = read_ledger(found["run_dir"])
        assert ledger.header["config"]["objective"] == found["objective"]


def test_a_short_training_is_charged_its_own_time(cli: Callable[..., Any], folder: Path) -> None:
    columns = {"val_accuracy_12ep_pct": lambda index: 40 + index / 1000, "train_time_12ep_s": lambda index: 60}
    imported(cli, folder, **columns)
    found = cli("search", "--budget", 4, "--fidelity", 12, *QUICK).json
    assert (found["fidelity"], found["label_cost_s"]) == (12, 240.0)
    assert found["best"]["value"] == 40 + found["best"]["index"] / 1000
    assert all(query.cost_train_time_s == 60.0 for query in read_ledger(found["run_dir"]).queries)


def test_a_short_training_without_a_time_costs_what_nobody_knows(cli: Callable[..., Any], folder: Path) -> None:
    imported(cli, folder, val_accuracy_12ep_pct=lambda index: 40 + index / 1000)
    assert cli("search", "--budget", 4, "--fidelity", 12, *QUICK).json["label_cost_s"] is None


@pytest.mark.usefixtures("open_space")
@pytest.mark.parametrize("searcher", ["exhaustive", "random", "evolution", "optuna-tpe"])
def test_a_space_of_ones_own_is_searched_by_its_own_training(cli: Callable[..., Any], searcher: str) -> None:
    options = ("search", "--space", "chain", "--budget", 14, "--seed", 0, "--searcher", searcher)
    options = (*options, "--set", "inner_proposals=20", "--set", "pool_size=100", "--constraint", "params_m<=2")
    found = cli(*options, "--json").json
    assert found["n_space"] == 5**30
    assert found["queries"] == 14
    assert found["best"]["params_m"] <= 2
    assert len(found["best"]["choices"]) == 30
    assert (found["regret_points"], found["n_feasible"]) == (None, None)
    assert found["feasible_share_is_estimate"]
    text = cli(*options)
    assert text.code == 0
    assert "an estimated" in text.out
    assert "an estimated" in text.err
    assert "the optimum is not known" in text.out
    assert list(Path(found["run_dir"]).glob("plots/*.png"))


FAILING = """
from nassurrogate.benchmarks import CallableBenchmark
from nassurrogate.spaces import CategoricalSpace

def train(arch):
    raise MemoryError("out of memory")

SPACE = CategoricalSpace("failing", {f"layer{i}": [1, 2, 4] for i in range(5)})
TRUTH = CallableBenchmark(SPACE, train, dataset="made-up")
"""
FAILING_POINTS = """
[nassurrogate.spaces]
failing = failing_plugin:SPACE
[nassurrogate.benchmarks]
failing = failing_plugin:TRUTH
"""


def test_five_failures_from_the_start_end_a_run_in_one_line(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "site" / "failing_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: failing-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(FAILING_POINTS)
    (tmp_path / "site" / "failing_plugin.py").write_text(FAILING)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    spaces._the_only.cache_clear()
    done = cli("search", "--space", "failing", "--budget", 30, "--seed", 0, "--run-dir", "run")
    spaces._the_only.cache_clear()
    assert (done.code, done.out) == (2, "")
    (line,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert "the first 5 evaluations all failed, so the run stops" in line
    assert "MemoryError: out of memory" in line
    assert [query.status for query in read_ledger("run").queries] == ["failed"] * 5
