"""The scripts that measure searches: what is stored, what is printed, and that nothing is measured twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks.experiments import missing_tasks, read_lines


def _run(method: tuple[str, str], seed: int, curve: list[tuple[int, float]], **more: Any) -> dict[str, Any]:
    return {
        "dataset": "cifar10", "constraint": None, "predictor": method[0], "searcher": method[1], "budget": 100,
        "labels": "mean", "seed": seed, "regret_points": curve[-1][1], "test_accuracy_pct": None, "curve": curve,
        **more,
    }  # fmt: skip


def test_a_search_is_stored_with_its_curve(script: Any) -> None:
    runs = script("search_runs")
    task = next(task for task in runs.tasks(1) if task["predictor"] == "none" and task["constraint"])
    row = runs.measure(task)
    assert task.items() <= row.items()
    numbers, regrets = zip(*row["curve"], strict=True)
    assert list(numbers) == sorted(set(numbers))
    assert list(regrets) == sorted(set(regrets), reverse=True)
    assert regrets[-1] == row["regret_points"] == runs.regret_after(row, 100)
    assert runs.regret_after(row, numbers[1] - 1) == regrets[0]
    assert row["latency_ms"] <= 14.28


def test_the_default_is_shown_by_budget_and_baselines_along_their_curve(script: Any) -> None:
    runs = script("search_runs")
    rows = [_run(runs.METHODS[1], seed, [(1, 4.0), (25, 2.0 + seed)]) for seed in (0, 1)]
    rows += [_run(runs.DEFAULT, 0, [(1, 4.0), (9, 0.5)], budget=budget) for budget in (30, 100)]
    lines = runs.regret_table(rows).splitlines()
    assert lines[0] == "| data set | method | 20 | 30 | 50 | 100 |"
    assert lines[2] == "| cifar10 | proxy-process, exhaustive | - | 0.500 | - | 0.500 |"
    assert lines[3].startswith("| cifar10 | random, no surrogate | 4.000 ± 0.000 | 2.500 ± 0.707 |")


def test_every_choice_of_the_search_is_one_change_and_stays_in_the_development_third(script: Any) -> None:
    choose = script("choose_search")
    for name, (config, settings, incumbent) in choose.VARIANTS.items():
        changes = bool(config) + bool(settings) + (incumbent is not None)
        assert changes == (name != "default"), name
    runs = list(choose.runs())
    wanted = [("default", prior, "half", 20, 0) for prior in choose.PRIORS]
    wanted.append(("16 %", choose.PRIORS[0], choose.SINGLE, 30, 0))
    rows = [run | choose.measure_run(run) for values in wanted for run in runs if tuple(run.values()) == values]
    assert len(rows) == 3
    assert all(row["regret_points"] >= 0 for row in rows)
    assert f"| 16 % | {rows[-1]['regret_points']:.3f} | - | - |" in choose.single_report(rows)
    assert tuple(next(missing_tasks(runs, rows)).values())[:4] == ("default", "default", "half", 30)
    assert f"| default | {rows[0]['regret_points']:.3f} | nan" in choose.report(rows)


# --- NAS-Bench-101 ----------------------------------------------------------------------------------------------------


def test_nb101_searches_are_stored_and_not_made_again(
    script: Any, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    search = script("search_nb101")
    monkeypatch.setattr(search, "METHODS", (("none", "random"),))
    results = tmp_path / "results" / "runs.jsonl"
    command = ["--table", str(shared_data / "nb101" / "nb101.npz"), "--seeds", "2", "--results", str(results)]
    assert search.main(command) == 0
    lines = read_lines(results)
    assert sorted((line["way"], line["budget"], line["seed"]) for line in lines) == [
        (way, budget, seed) for way in ("mean test", "one run") for budget in (50, 150) for seed in (0, 1)
    ]
    assert {line["way"]: line["n_feasible_classes"] for line in lines} == {"one run": 30_001, "mean test": 423_624}
    table = capsys.readouterr().out.splitlines()[-4:]
    assert [line.split(" | ")[:3] for line in table] == [
        [f"| {way}", budget, "random search"] for way in ("one run", "mean test") for budget in ("50", "150")
    ]
    whole = results.read_text()
    assert search.main(command) == 0
    assert results.read_text() == whole


# --- an open space ----------------------------------------------------------------------------------------------------


def test_an_open_space_is_searched_beside_nb201(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    search = script("search_open")
    monkeypatch.setattr(search, "BUDGET", 6)
    result = search.search("open", 0, str(tmp_path / "run"))
    assert (result["n_space"], result["queries"], result["predictor"]) == (5**30, 6, "space-process:default")
    assert result["best"]["params_m"] > 0

    path = tmp_path / "lines.jsonl"
    lines = [
        {"space": name, "cpu_s": cpu * factor, "peak_mb": 100.0 * factor}
        for cpu in (1.0, 2.0, 9.0)
        for name, factor in (("nb201", 1.0), ("open", 1.5))
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    capsys.readouterr()
    assert search.main(["--report", "--results", str(path)]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "cpu_s": {"nb201": 2.0, "open": 3.0}, "peak_mb": {"nb201": 100.0, "open": 150.0}, "cpu_ratio": 1.5,
    }  # fmt: skip
    assert len(path.read_text().splitlines()) == 6, "a report measures nothing"


def test_one_search_tells_what_it_took(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    line = script("search_open").measure("nb201", 3)
    assert (line["space"], line["seed"], line["queries"], line["notes"]) == ("nb201", 3, 50, 0)
    assert line["cpu_s"] > 0.1
    assert 10 < line["peak_mb"] < 4000
