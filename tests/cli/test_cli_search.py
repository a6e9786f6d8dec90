"""`nassurrogate search` with results: JSON, text, run folder."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks import load_benchmark
from nassurrogate.search import read_ledger
from nassurrogate.search.settings.definitions import SETTINGS

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


def test_a_saved_surrogate_guides_and_its_labels_are_counted_separately(cli: Callable[..., Any], model: Path) -> None:
    found = cli("search", "--budget", 3, "--surrogate", model, "--no-plots", "--json").json
    assert (found["surrogate_labels"], found["queries"], found["phases"]["init"]) == (5, 3, 0)


def test_a_complete_import_counts_before_the_embedded_table_and_the_result_says_so(
    cli: Callable[..., Any], folder: Path
) -> None:
    with (folder / "mine.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "cifar10_test_accuracy_pct", "cifar10_latency_ms"])
        writer.writerows([index, 50 + index / 1000, 7.5] for index in range(15_625))
    assert cli("data", "import", "nb201", "mine.csv").code == 0
    options = ("--budget", 2, "--predictor", "none", "--seed", 0, "--no-plots", "--json")
    for table in ((), ("--table", "mine")):
        found = cli("search", *options, *table).json
        best, sources = found["best"], found["metric_sources"]
        assert best["test_accuracy_pct"] == 50 + best["index"] / 1000
        assert best["latency_ms"] == 7.5
        assert "mine" in sources["latency_ms"]
        assert "mine" in sources["test_accuracy_pct"]
        assert "mine" not in sources["val_accuracy_pct"] + sources["params_m"]
    embedded = cli("search", *options, "--table", "embedded").json
    assert embedded["best"]["test_accuracy_pct"] is None
    assert embedded["best"]["latency_ms"] != 7.5
    assert "embedded" in embedded["metric_sources"]["latency_ms"]
    assert "sources" in cli("search", *options[:-1]).out


def test_quiet_leaves_stderr_empty_and_verbose_does_not_touch_stdout(cli: Callable[..., Any]) -> None:
    options = ("search", "--budget", 2, "--predictor", "none", "--no-plots", "--json")
    assert cli("-q", *options).err == ""
    assert cli(*options, "-v").json["queries"] == 2


def test_settings_reach_the_strategy(cli: Callable[..., Any]) -> None:
    found = cli("search", "--budget", 12, "--set", "n_init=5", "--set", "n_confirm=3", "--set", "top=2", "--json",
                *BOOSTING).json  # fmt: skip
    assert found["phases"] == {"init": 5, "search": 4, "confirm": 3}
    assert len(found["top"]) == 2


def test_every_setting_is_explained(cli: Callable[..., Any]) -> None:
    done = cli("search", "--help-settings")
    assert (done.code, done.err) == (0, "")
    for name, setting in SETTINGS.items():
        assert f"\n{name}\n" in done.out
        assert " ".join(setting.meaning.split()) in " ".join(done.out.split())
        assert setting.range in done.out
        assert setting.default_text in " ".join(done.out.split())
    assert cli("search", "--help-settings", "--json").json["top"] == {
        "meaning": SETTINGS["top"].meaning, "default": 10, "default_means": "", "range": "a whole number from 1",
    }  # fmt: skip
    assert "did you mean 'n_init'" in cli("search", "--set", "n_inti=3").err


def test_the_old_name_of_label_kind_works_and_warns(cli: Callable[..., Any], refused: Callable[..., str]) -> None:
    options = ("search", "--budget", 12, "--seed", 1, "--json", *BOOSTING)
    new, old = (cli(*options, option, "single") for option in ("--label-kind", "--labels"))
    assert new.json["labels"] == old.json["labels"] == "single"
    assert new.json["best"] == old.json["best"]
    assert "warning: --labels is now --label-kind; the old name will be removed in version 0.3\n" in old.err
    assert "is now" not in new.err
    assert "--labels" not in cli("search", "--help").out
    assert "did you mean 'single'" in refused("search", "--label-kind", "singel")


def test_the_best_ones_are_listed_without_a_terminal_too(cli: Callable[..., Any]) -> None:
    options = ("search", "--budget", 12, "--seed", 3, "--set", "top=4", *BOOSTING)
    top = cli(*options, "--json").json["top"]
    text = cli(*options).out
    _, _, table = text.partition("\n\nbest 4 of 12 queries\n")
    rows = table.splitlines()[1:]
    assert [row.split()[-1] for row in rows] == [row["arch"] for row in top]
    assert [row.split()[0] for row in rows] == [str(row["index"]) for row in top]


@pytest.mark.parametrize("seed", [-1, 2**63, 10**30])
def test_seeds_have_one_range(refused: Callable[..., str], seed: int) -> None:
    line = refused("search", "--budget", 1, f"--seed={seed}", "--predictor", "none")
    assert line.startswith(f"seed must be a whole number from 0 to 2^63 - 1, got {seed}")


def test_runs_of_one_seed_in_one_second_get_folders_of_their_own(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nassurrogate.search.record import run_folder

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2025, 1, 1)

    monkeypatch.setattr(run_folder, "datetime", Stopped)
    options = ("search", "--budget", 2, "--predictor", "none", "--seed", 0, "--no-plots", "--json")
    folders = [Path(cli(*options).json["run_dir"]).name for _ in range(3)]
    stem = "nb201-cifar10-0-20250101-000000"
    assert folders == [stem, f"{stem}-2", f"{stem}-3"]


def test_what_a_model_knows_is_queried_on_demand_only(cli: Callable[..., Any], model: Path) -> None:
    options = ("search", "--budget", 3, "--surrogate", model, "--no-plots", "--json")
    done = cli(*options)
    assert done.json["n_known"] == 5
    assert "the surrogate has labels for 5 of these functions, which are not queried again" in done.err
    assert cli(*options, "--requery-known").json["n_known"] == 0


def test_a_partial_column_leaves_the_rest_unknown(cli: Callable[..., Any], folder: Path) -> None:
    with (folder / "phone.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "phone_latency_ms"])
        writer.writerows([index, 10 + index / 100] for index in range(0, 6_000, 100))
    done = cli("data", "import", "nb201", "phone.csv")
    assert done.code == 0, done.err
    options = ("search", "--budget", 3, "--predictor", "none", "--constraint", "phone_latency_ms<=12", "--no-plots")
    found = cli(*options, "--json")
    assert (found.json["n_feasible"], found.json["n_unknown"], found.json["regret_points"]) == (3, 15_565, None)
    assert "3 of 15,625 architectures satisfy the constraints (3 different functions); 15,565 are unknown" in found.err
    assert any("train --file … --metric phone_latency_ms" in note for note in found.json["notes"])
    assert "phone" in found.json["metric_sources"]["phone_latency_ms"]
    assert "regret" in cli(*options).out


def test_exhausted_names_the_option_that_goes_on(cli: Callable[..., Any]) -> None:
    options = ("search", "--budget", 60, "--predictor", "none", "--seed", 0, "--constraint", "latency_ms<=8.8")
    found = cli(*options, "--no-plots", "--json").json
    assert (found["stop_reason"], found["queries"] < found["n_feasible"]) == ("exhausted", True)
    assert "--allow-equivalent" in found["notes"][-1]
    more = cli(*options, "--allow-equivalent", "--no-plots", "--json").json
    assert more["queries"] > found["queries"]
