"""`nassurrogate search` with results: JSON, text, run folder."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from nassurrogate import spaces
from nassurrogate.benchmarks import TabularBenchmark, load_benchmark
from nassurrogate.errors import InputError
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


def test_a_saved_surrogate_guides_and_its_labels_are_told_apart(cli: Callable[..., Any], model: Path) -> None:
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


def test_the_kind_of_labels_has_a_name_of_its_own_and_the_old_one_works(
    cli: Callable[..., Any], refused: Callable[..., str]
) -> None:
    options = ("search", "--budget", 12, "--seed", 1, "--json", *BOOSTING)
    found = [cli(*options, option, "single").json for option in ("--label-kind", "--labels")]
    assert found[0]["labels"] == found[1]["labels"] == "single"
    assert found[0]["best"] == found[1]["best"]
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
    assert any("train --csv … --metric phone_latency_ms" in note for note in found.json["notes"])
    assert "phone" in found.json["metric_sources"]["phone_latency_ms"]
    assert "regret" in cli(*options).out


def test_exhausted_names_the_option_that_goes_on(cli: Callable[..., Any]) -> None:
    options = ("search", "--budget", 60, "--predictor", "none", "--seed", 0, "--constraint", "latency_ms<=8.8")
    found = cli(*options, "--no-plots", "--json").json
    assert (found["stop_reason"], found["queries"] < found["n_feasible"]) == ("exhausted", True)
    assert "--allow-equivalent" in found["notes"][-1]
    more = cli(*options, "--allow-equivalent", "--no-plots", "--json").json
    assert more["queries"] > found["queries"]


# --- ends that nobody planned ----------------------------------------------------------------------------------------


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes during the eighth query."""
    whole = TabularBenchmark.evaluate
    n_calls = itertools.count(1)

    def evaluate(self: TabularBenchmark, *args: Any, **options: Any) -> Any:
        if next(n_calls) == 8:
            raise KeyboardInterrupt
        return whole(self, *args, **options)

    monkeypatch.setattr(TabularBenchmark, "evaluate", evaluate)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("predictor", [("--predictor", "none"), BOOSTING[:-1]], ids=["none", "boosting"])
def test_ctrl_c_prints_the_best_so_far(cli: Callable[..., Any], as_json: bool, predictor: tuple[str, ...]) -> None:
    options = ("--json",) if as_json else ()
    done = cli("search", "--budget", 30, "--seed", 0, "--run-dir", "run", *predictor, *options)
    assert done.code == 130
    assert done.err.splitlines()[-1] == f"error: interrupted: the 7 queries so far are in {Path('run', 'ledger.jsonl')}"
    summary = json.loads(Path("run", "summary.json").read_text())
    assert (summary["stop_reason"], summary["queries"]) == ("interrupted", 7)
    if as_json:
        assert json.loads(done.out) == summary
    else:
        assert summary["best"]["arch"] in done.out
        assert "interrupted" in done.out
        assert "best 7 of 7 queries" in done.out
    assert Path("run", "plots", "best_so_far.png").is_file()


@pytest.mark.parametrize("error", [InputError("cannot write x.png: No space left on device"), RuntimeError("no font")])
def test_the_result_is_printed_before_plots_can_fail(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    printed = []

    def fail(*_: object) -> None:
        printed.append(capsys.readouterr().out)
        raise error

    monkeypatch.setattr("nassurrogate.search.record.plots.draw_plots", fail)
    done = cli("search", "--budget", 2, "--predictor", "none", "--seed", 0, "--run-dir", "run")
    assert done.code == 0
    assert ("warning: cannot write x.png" if isinstance(error, InputError) else "warning: no plots: ") in done.err
    (text,) = printed
    assert json.loads(Path("run", "summary.json").read_text())["best"]["arch"] in text


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
