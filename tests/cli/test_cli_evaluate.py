"""`nassurrogate evaluate`: JSON, text, files, bad input, Ctrl-C."""

from __future__ import annotations

import csv
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks import evaluate
from nassurrogate.benchmarks.evaluation.contenders import resolve_contenders
from nassurrogate.benchmarks.evaluation.fit import Fit, Prediction, run_fit
from nassurrogate.benchmarks.evaluation.protocols import PROTOCOLS
from nassurrogate.benchmarks.evaluation.time_left import TimeLeft
from nassurrogate.predictors import predictor_names

QUICK = ("--predictor", "gradient-boosting", "--config", "rounds=5", "--config", "members=2")
PROMISED = {"schema_version", "protocol", "dataset", "reference_tau", "rows"}
PROMISED_OF_ROWS = {
    "predictor", "labels", "splits", "kendall_tau_mean", "kendall_tau_std", "spearman_mean", "top10_regret_points_mean",
    "coverage90_mean", "fit_s_median", "score_s_median",
}  # fmt: skip


def test_json_has_the_promised_fields_and_is_what_python_returns(cli: Callable[..., Any], folder: Path) -> None:
    found = cli("evaluate", "--protocol", "A4", "--labels", "20,30", "--splits", 2, *QUICK, "--json").json
    assert set(found) >= PROMISED
    assert all(set(row) >= PROMISED_OF_ROWS for row in found["rows"])
    assert (found["protocol"], found["dataset"], found["reference_tau"]) == ("A4", "cifar10", None)
    assert [(row["predictor"], row["labels"], row["splits"]) for row in found["rows"]] == [
        ("gradient-boosting", 20, 2), ("gradient-boosting", 30, 2),
    ]  # fmt: skip
    assert all(0 < row["coverage90_mean"] < 1 for row in found["rows"])
    again = evaluate(
        "A4", labels=[20, 30], splits=2, predictors="gradient-boosting",
        config={"gradient-boosting": {"rounds": 5, "members": 2}},
    )  # fmt: skip
    assert again.to_json() == found, "from the same folder, to the digit, times and all"


def test_text_and_files(cli: Callable[..., Any], folder: Path) -> None:
    options = ("--labels", "20", "--splits", 2, *QUICK, "--csv", "rows.csv", "--plot", "tau.svg", "--run-dir", "fits")
    done = cli("evaluate", *options)
    assert done.code == 0, done.err
    line = next(line for line in done.out.splitlines() if line.startswith("gradient-boosting"))
    assert "±" in line
    assert "validation accuracy ranks itself" in done.out
    assert "fits: 2/2 gradient-boosting:default at 20 labels, split 1" in done.err
    with (folder / "rows.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert f"{float(row['kendall_tau_mean']):.3f} ± {float(row['kendall_tau_std']):.3f}" in line
    assert "<svg" in (folder / "tau.svg").read_text()
    assert len(list((folder / "fits").glob("*.npz"))) == 2
    again = cli("evaluate", *options)
    assert again.out == done.out
    assert "fits: 2/2 made before" in again.err


def test_protocol_g_learns_any_objective(cli: Callable[..., Any], folder: Path) -> None:
    options = ("--protocol", "G", "--space", "nb201", "--objective", "latency_ms", "--labels", "20,30", "--splits", 2,
               "--test-size", 500, *QUICK)  # fmt: skip
    done = cli("evaluate", *options)
    assert done.code == 0, done.err
    assert "objective latency_ms (ms, smaller is better)" in done.out
    assert "MAPE %" in done.out
    assert "overlap" not in done.out
    found = cli("evaluate", *options, "--json").json
    assert (found["protocol"], found["space"]) == ("G", "nb201")
    assert found["label"] == found["target"] == "latency_ms"
    assert (found["unit"], found["direction"], found["queries"], found["failed"]) == ("ms", "minimize", 0, 0)
    assert all(row["mape_pct_mean"] > 0 and row["mape_left_out"] == 0 for row in found["rows"])
    assert all(row["evaluated_cells_mean"] == 500 for row in found["rows"])
    assert "seed 0's split 1 is seed 1's split 0" in cli("evaluate", "--labels", 20, "--splits", 1, *QUICK).out


def test_test_accuracy_is_imported_and_published_is_marked(cli: Callable[..., Any], folder: Path) -> None:
    with (folder / "mine.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "cifar10_test_accuracy_pct"])
        writer.writerows([index, 50 + index * 7919 % 15_625 / 400] for index in range(15_625))
    message = cli("evaluate", "--protocol", "A1", "--labels", 20, *QUICK).err
    assert "nassurrogate data import nb201 FILE" in message
    assert message.count("\n") == 1
    assert cli("data", "import", "nb201", "mine.csv").code == 0
    options = ("--labels", 20, "--splits", 1, *QUICK)
    found = cli("evaluate", "--protocol", "A1", *options, "--json").json
    assert abs(found["reference_tau"]) < 0.05
    assert found["rows"][0]["coverage90_mean"] is None
    assert {"method", "labels", "kendall_tau", "recalled"} <= set(found["published"][0])
    assert "LEAKY" in cli("evaluate", "--protocol", "published", *options).out
    assert cli("evaluate", "--protocol", "published", *options, "--json").json["leaky"] is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--protocol", "A44"], "unknown protocol 'A44'; known: A1, A2"),
        (["--protocol", "A1", "--dataset", "cifar100"], "unknown data set 'cifar100' of protocol A1; known: cifar10"),
        (["--protocol", "A2", "--dataset", "ImageNet16-120"], "nassurrogate data import nb201 FILE"),
        (["--dataset", "cifra10"], "did you mean 'cifar10'?"),
        (["--labels", "50,x"], "--labels expects whole numbers, separated by commas, got '50,x'"),
        (["--labels", "50,,78"], "--labels expects one or more values, separated by commas"),
        (["--labels", ""], "--labels expects one or more values"),
        (["--labels", "50,50"], "labels must be different numbers"),
        (["--labels", "15625"], "labels must be from 1 to 15624, got 15625"),
        (["--splits", "0"], "splits must be a whole number from 1, got 0"),
        (["--jobs", "-1"], "jobs must be a whole number from 1, got -1"),
        (["--seed", "-1"], "seed must be a whole number from 0 to 2^63 - 1, got -1"),
        (["--predictor", "gradient-bosting"], "did you mean 'gradient-boosting'?"),
        (["--predictor", "gradient-boosting:fast"], "unknown preset 'fast'"),
        (["--predictor", "gradient-boosting,"], "--predictor expects one or more values"),
        (["--predictor", "all", "--config", "rounds=5"], "--config needs one predictor, got all"),
        (["--config", "nonsense=5"], "unknown hyper-parameter 'nonsense'"),
        (["--device", "tpu"], "device"),
        (["--run-dir", ""], "--run-dir is empty"),
        (["--space", "nb101"], "protocol A4 is on nb201, got the space 'nb101'"),
        (["--objective", "latency_ms"], "objective applies to protocol G only, got 'latency_ms'"),
        (["--test-size", "50"], "test_size applies to protocol G only, got 50"),
        (["--protocol", "G"], "protocol G needs a space: name one with --space"),
        (["--protocol", "G", "--space", "nb21"], "unknown space 'nb21'; known: nb201"),
        (["--protocol", "G", "--space", "nb201", "--objective", "latency"], "did you mean 'latency_ms'?"),
        (["--protocol", "G", "--space", "nb201", "--test-size", "1"], "test_size must be a whole number from 2"),
        (["--protocol", "G", "--space", "nb201", "--larger-is-better"], "need --objective"),
        (
            ["--protocol", "G", "--space", "nb201", "--objective", "latency_ms", "--larger-is-better"],
            "'latency_ms' is known to be better when smaller",
        ),
        (["--protocol", "G", "--space", "nb201", "--larger-is-better", "--smaller-is-better"], "not allowed with"),
        (["--protocol", "G", "--space", "nb201", "--config", "rounds=5"], "name it with --predictor"),
        (["--csv", "."], "cannot write the rows to .: it is a folder"),
        (["--plot", "tau.gif"], "unknown ending 'gif' of the plot 'tau.gif'; known: png, svg, pdf"),
        (["--table", "mine"], "unknown table 'mine'"),
    ],
)
def test_bad_input(refused: Callable[..., str], options: list[str], message: str) -> None:
    assert message in refused("evaluate", *options)


def test_help_names_all_protocols(cli: Callable[..., Any]) -> None:
    text = cli("evaluate", "--help").out
    assert all(f"  {name} " in text for name in PROTOCOLS)
    assert "overlap between seeds" in text


def test_all_means_every_registered_predictor(monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Any]) -> None:
    asked = {}

    def spy(protocol: str, **options: Any) -> Any:
        asked.update(options)
        return evaluate(protocol, **{**options, "predictors": "gradient-boosting", "labels": 3, "splits": 1})

    monkeypatch.setattr("nassurrogate.benchmarks.evaluation.evaluate", spy)
    assert cli("evaluate", "--predictor", "all").code == 0
    assert asked["predictors"] == ["all"]
    found, notes = resolve_contenders("nb201", "val_accuracy_pct", ["all"], {}, "cpu")
    assert [contender.name for contender in found] == predictor_names()
    assert notes == []


def test_the_seeds_of_all_splits_are_seeds(refused: Callable[..., str]) -> None:
    largest = 2**63 - 1
    message = refused("evaluate", "--labels", 20, "--splits", 2, "--seed", largest, *QUICK)
    assert message == f"seed {largest} is too large for 2 splits, which use consecutive seeds up to 2^63 - 1"


def test_a_long_evaluation_says_how_long(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    made = run_fit

    def slow(fit: Fit) -> Prediction:
        """As many seconds as labels, and one to score."""
        return replace(made(fit), fit_s=float(len(fit.cells)), score_s=1.0)

    class Watch(TimeLeft):
        """Its clock shows how long the fits say that they took."""

        def __init__(self, jobs: int) -> None:
            super().__init__(jobs, clock=lambda: getattr(self, "_worked", 0.0))

    monkeypatch.setattr("nassurrogate.benchmarks.evaluation.prediction_store.run_fit", slow)
    monkeypatch.setattr("nassurrogate.benchmarks.evaluation.finished_fits.TimeLeft", Watch)
    message = cli("evaluate", "--labels", "20,600", "--splits", 2, *QUICK).err.splitlines()
    assert message == [
        "fits: 1/4 about 20 min left; gradient-boosting:default at 20 labels, split 0",
        "fits: 2/4 about 20 min left; gradient-boosting:default at 20 labels, split 1",
        "fits: 3/4 about 10 min left; gradient-boosting:default at 600 labels, split 0",
        "fits: 4/4 gradient-boosting:default at 600 labels, split 1",
    ]


def test_what_is_not_installed_is_marked_and_left_out(
    cli: Callable[..., Any], refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    need_it = ["gaussian-process", "random-forest", "ridge", "ensemble"]
    listed = {entry["name"]: entry for entry in cli("predictors", "--json").json["predictors"]}
    assert [name for name, entry in listed.items() if not entry["installed"]] == need_it
    assert {listed[name]["how_to_install"] for name in need_it} == {'pip install "nassurrogate[peers]"'}
    lines = cli("predictors").out.splitlines()
    marked = [line.split()[0] for line in lines if 'not installed: pip install "nassurrogate[peers]"; ' in line]
    assert marked == need_it
    on_space = {entry["name"]: entry for entry in cli("predictors", "--space", "nb201", "--json").json["predictors"]}
    assert [name for name, entry in on_space.items() if not entry["works"]] == need_it
    assert on_space["ridge"]["reason"] == 'not installed: pip install "nassurrogate[peers]"'
    assert "no" in next(line for line in cli("predictors", "--space", "nb201").out.splitlines() if "ridge" in line)

    found, notes = resolve_contenders("nb201", "val_accuracy_pct", ["all"], {}, "cpu")
    assert [contender.name for contender in found] == [name for name in predictor_names() if name not in need_it]
    assert notes == [
        f'left out because scikit-learn is not installed (pip install "nassurrogate[peers]"): {", ".join(need_it)}'
    ]
    assert refused("evaluate", "--labels", 20, "--predictor", "ridge") == (
        "predictor 'ridge' needs scikit-learn, which is not installed; run: pip install \"nassurrogate[peers]\""
    )


def test_a_broken_installation_is_noticed_before_the_first_fit(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    assert refused("evaluate", "--labels", 20, *QUICK) == (
        "predictor 'gradient-boosting' needs lightgbm, which is not installed; run: pip install lightgbm"
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_keeps_what_was_done(process: Any, folder: Path, jobs: int) -> None:
    options = ("evaluate", "--labels", 20, "--splits", 60, *QUICK, "--run-dir", "fits", "--jobs", jobs)
    running = process.start(*options)
    for line in running.stderr:
        if line.startswith("fits: "):
            break
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=120)
    assert (running.returncode, out) == (130, "")
    assert err.splitlines()[-1].startswith("error: interrupted: ")
    assert err.splitlines()[-1].endswith(f"of 60 fits are in {Path('fits')}; the same command continues from there")
    assert "Traceback" not in err
    finished = len(list((folder / "fits").glob("*.npz")))
    assert 6 <= finished < 60
