"""The README quotes what was measured: its tables are those that the scripts make of the stored results."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
EXAMPLES = ROOT / "examples"


@pytest.fixture
def script(monkeypatch):
    """`script(name)`: what a script of the examples defines."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield lambda name: runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="script")
    for name in ("predictor_tables", "regret_plot", "search_runs", "stored_splits"):
        sys.modules.pop(name, None)


def stored(name: str) -> list[dict[str, Any]]:
    lines = (EXAMPLES / "results" / f"{name}.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if "packages" not in row]


@pytest.mark.parametrize("name", ["speed", "search_time"])
def test_tables_of_times(name, script):
    assert script("reproduce_figures")[f"{name}_table"](stored(name)) in README


@pytest.mark.parametrize("name", ["regret", "test_accuracy", "single", "other"])
def test_tables_of_searches(name, script):
    assert script("search_runs")[f"{name}_table"](stored("search")) in README


@pytest.mark.parametrize(("protocol", "dataset"), [("A1", "cifar10"), ("A2", "cifar100"), ("A4", "ImageNet16-120")])
def test_tables_of_predictors(protocol, dataset, script):
    tables = script("predictor_tables")
    rows = tables["by_row"](script("stored_splits")["read_lines"](EXAMPLES / "results" / "predictors.jsonl"))
    assert tables["tau_table"](rows, protocol, dataset) in README


def test_tables_of_nb101(script):
    compare, search = script("compare_predictors_nb101"), script("search_nb101")
    assert compare["table"](compare["by_row"](compare["read_lines"](compare["RESULTS"])), "A5") in README
    assert search["report"](stored("search_nb101")) in README


def test_times_of_a_saved_model(script):
    assert script("measure_score")["score_table"](stored("score")) in README


def test_times_of_nb101():
    times = {row["what"]: row for row in stored("nb101_times")}
    ours, reference = (times[f"all cells scored by {name}"] for name in ("probe-former", "gradient-boosting"))
    for told in (
        f"{times['enumeration, first time']['seconds']:.0f} s the first time",
        f"{times['enumeration, from the cache']['seconds']:.1f} s after that",
        f"take it {ours['seconds']:.0f} s on two cores and {ours['most_mb'] / 1000:.1f} GB",
        f"{ours['seconds'] / reference['seconds']:.1f} times as long as gradient boosting",
    ):
        assert told in README.replace("\n", " ")
    assert times["load of the imported table"]["seconds"] < 0.1  # as the README says


def test_the_paper_preset(script):
    spread = script("predictor_tables")["spread"]
    for labels in (78, 156, 781):
        taus = {
            row["split"]: row["kendall_tau"]
            for row in stored("paper_preset")
            if (row["protocol"], row["labels"]) == ("A1", labels)
        }
        assert sorted(taus) == list(range(10))
        assert f"{spread(list(taus.values()), 3)} at {labels}" in README.replace("\n", " ")
    replayed = {row["labels"]: row["kendall_tau"] for row in stored("paper_preset") if row["protocol"] == "published"}
    assert f"it gives {replayed[156]:.3f} at 156 labels and {replayed[781]:.3f} at 781" in README.replace("\n", " ")


def test_every_search_is_there_once(script):
    rows = stored("search")
    tasks = list(script("search_runs")["tasks"](30))
    fields = list(tasks[0])
    assert sorted(str([row[name] for name in fields]) for row in rows) == sorted(str(list(t.values())) for t in tasks)


def test_tables_of_any_space(script):
    general, lines = script("measure_general"), stored("general")
    for table in (general["ranking_table"](lines, "macro"), general["ranking_table"](lines, "nb201")):
        assert table in README
    assert general["search_table"](lines) in README
    wanted = list(general["tasks"]())
    assert len(lines) == len(wanted)
    assert all(any(task.items() <= line.items() for line in lines) for task in wanted)


def test_time_and_memory_of_an_open_space():
    lines = stored("search_open")
    cpu, peak = (
        {space: median(line[field] for line in lines if line["space"] == space) for space in ("nb201", "open")}
        for field in ("cpu_s", "peak_mb")
    )
    text = README.replace("\n", " ")
    assert f"takes {cpu['open']:.1f} CPU seconds and {peak['open'] / 1000:.2f} GB, the whole process" in text
    assert f"process, {cpu['open'] / cpu['nb201']:.1f} times as long as one of NAS-Bench-201" in text
