"""`nassurrogate search` with results: JSON, text, run folder."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

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
    assert "15,625 of 15,625 cells satisfy the constraints" in done.err
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
