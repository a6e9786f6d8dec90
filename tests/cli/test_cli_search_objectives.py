"""`nassurrogate search` with other objectives, lower fidelities, and a user's own space."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.search import read_ledger

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
    ("options", "message"),
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
    refused: Callable[..., str], options: tuple[object, ...], message: str
) -> None:
    assert message in refused("search", "--budget", 2, *QUICK, *options)


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
