"""The scripts that measure any space, how long a score takes, and the speed on a GPU."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks.experiments import read_lines
from nassurrogate.spaces import get_space
from nassurrogate.surrogate import Surrogate


def test_what_works_on_any_space_is_measured_in_full(script: Any) -> None:
    general = script("measure_general")
    tasks = list(general.tasks())
    rankings = [task for task in tasks if task["kind"] == "ranking"]
    searches = [task for task in tasks if task["kind"] == "search"]
    assert len({json.dumps(task) for task in tasks}) == len(rankings) + len(searches) == len(tasks)
    assert {task["labels"] for task in rankings if task["space"] == "macro"} == {20, 30, 50, 100}
    assert 100 in {task["labels"] for task in rankings if task["objective"] == "latency_ms"}
    by_method = {(task["predictor"], task["searcher"], task["budget"]) for task in searches}
    assert len(searches) == len(by_method) * 30
    assert {budget for *_, budget in by_method} == {20, 30, 50}
    assert {("space-process", "exhaustive", 20), ("none", "optuna-tpe", 50)} <= by_method


def test_one_part_of_it_is_a_line_of_its_task(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    general = script("measure_general")
    monkeypatch.setattr(general, "SPLITS", 2)
    task = {"kind": "ranking", "space": "nb201", "objective": "latency_ms", "labels": 20}
    line = json.loads(json.dumps(general.measure(task)))
    assert task.items() <= line.items()
    assert line["predictor"] == "space-process"
    assert [len(line[field]) for field in ("kendall_tau", "spearman", "mape_pct", "fit_s")] == [2] * 4
    assert general.ranking_table([line], "nb201").splitlines()[2].startswith("| 20 | 0.")


def test_stored_lines_are_reported_and_not_measured_again(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    general = script("measure_general")
    split = {"kendall_tau": [0.8, 0.82], "spearman": [0.9, 0.9], "coverage90": [0.9, 0.8], "mape_pct": [3.0, 4.0]}
    lines = [
        task | ({"regret_points": 0.25 * (task["seed"] % 2)} if task["kind"] == "search" else split)
        for task in general.tasks()
    ]
    path = tmp_path / "general.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in reversed(lines)))
    assert general.main(["--report", "--results", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "| 20 | 0.810 ± 0.014 | 0.900 ± 0.000 | 0.85 ± 0.07 |" in printed
    assert "| 100 | 0.810 ± 0.014 | 0.900 ± 0.000 | 3.50 ± 0.71 | 0.85 ± 0.07 |" in printed
    assert "| optuna-tpe, no surrogate | 0.125 ± 0.127 | 0.125 ± 0.127 | 0.125 ± 0.127 |" in printed
    assert [row.split(" | ")[0] for row in printed.splitlines()[2:6]] == ["| 20", "| 30", "| 50", "| 100"]

    whole = path.read_text()
    monkeypatch.setattr(general, "measure", lambda task: pytest.fail("measured again"))
    table = tmp_path / "own.csv"
    table.write_text("arch,cifar10_test_accuracy_pct\n00000000,45.0\n")
    assert general.main(["--table", str(table), "--results", str(path)]) == 0
    assert path.read_text() == whole
    assert capsys.readouterr().out == printed


def test_the_stored_measurements_of_any_space_are_complete(script: Any) -> None:
    general = script("measure_general")
    lines = read_lines(general.RESULTS)
    assert not [task for task in general.tasks() if not any(task.items() <= line.items() for line in lines)]
    assert " - |" not in general.search_table(lines)
    for line in lines:
        if line["kind"] == "ranking":
            assert len(line["kendall_tau"]) == general.SPLITS


# --- how long a score takes -------------------------------------------------------------------------------------------


def test_a_score_is_measured_in_a_process_of_its_own(script: Any, tmp_path: Path) -> None:
    score = script("measure_score")
    space = get_space("nb201")
    model = Surrogate(space, predictor="ridge", device="cpu").fit([0, 1, 2], [85.5, 90.8, 72.1])
    path = model.save(tmp_path / "ridge.safetensors")
    for architectures in score.ARCHITECTURES:
        line = score.measure(path, architectures)
        assert line["cpu_s"] > 0.05
        assert line["wall_s"] > 0.05
    path.write_bytes(b"")
    with pytest.raises(SystemExit, match=r"scoring with ridge.safetensors failed: .*model file"):
        score.measure(path, 1)


def test_every_repeat_measures_both_predictors_and_the_medians_are_compared(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    score = script("measure_score")
    models = {name: tmp_path / name for name in score.PREDICTORS}
    seconds = iter(range(1, 1000))
    monkeypatch.setattr(score, "train", lambda space, folder: models)
    monkeypatch.setattr(score, "measure", lambda model, n: {"cpu_s": float(next(seconds)), "wall_s": 2.0 * n})
    path = tmp_path / "results" / "score.jsonl"
    assert score.main(["--repeats", "3", "--results", str(path)]) == 0
    lines = read_lines(path)
    assert [(line["repeat"], line["architectures"], line["predictor"]) for line in lines] == [
        (repeat, n, name) for repeat in range(3) for n in score.ARCHITECTURES for name in score.PREDICTORS
    ]
    printed = capsys.readouterr().out
    assert printed.splitlines()[2:] == [
        "| gradient-boosting | 5.00 | 2.00 | 7.00 | 2000.00 |",
        "| probe-former | 6.00 | 2.00 | 8.00 | 2000.00 |",
        "| ratio | 1.20 | 1.00 | 1.14 | 1.00 |",
    ]
    whole = path.read_text()
    assert score.main(["--report", "--results", str(path)]) == 0
    assert (path.read_text(), capsys.readouterr().out) == (whole, printed), "a report measures nothing"


def test_the_default_predictor_scores_about_as_fast_as_gradient_boosting(script: Any) -> None:
    """As measured on a quiet machine, for one architecture and for a thousand."""
    score = script("measure_score")
    lines = read_lines(score.RESULTS)
    assert len(lines) == 9 * len(score.ARCHITECTURES) * len(score.PREDICTORS)
    assert max(score.ratios(lines).values()) <= 1.3


def test_what_is_compared_are_models_of_the_default_and_of_gradient_boosting(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = script("measure_score")
    monkeypatch.setattr(score, "PREDICTORS", ("gradient-boosting", "proxy-process"))
    models = score.train("nb201", tmp_path, labels=12)
    loaded = {name: Surrogate.load(path, device="cpu") for name, path in models.items()}
    assert {name: (model.predictor.name, model.n_labels) for name, model in loaded.items()} == {
        name: (name, 12) for name in models
    }
    assert len({model.labels_sha256 for model in loaded.values()}) == 1


# --- speed on a GPU ---------------------------------------------------------------------------------------------------


@pytest.fixture
def gpu_speed(script: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script with small networks, few labels and single runs, for a CPU."""
    module = script("gpu_speed")
    small = {"width": 8, "blocks": 2, "head_width": 8, "epochs": 3}
    presets = {name: replace(config, **small) for name, config in module.NarFormerV2.presets.items()}
    monkeypatch.setattr(module.NarFormerV2, "presets", presets)
    monkeypatch.setattr(module, "LABELS", {"scoring": 10, "training": 20})
    monkeypatch.setattr(module, "RUNS", 1)
    monkeypatch.setattr(module, "WARM_UP", 0)
    return module


def test_scoring_all_architectures_is_timed_as_a_whole_and_by_the_network_alone(gpu_speed: Any) -> None:
    line = json.loads(json.dumps(gpu_speed.measure({"part": "scoring", "preset": "fast", "device": "cpu"})))
    assert (line["architectures"], line["graphs"]) == (15_625, 5_425)
    assert line["architectures_per_s"] == round(15_625 / line["score_s"][0])
    assert line["graphs_per_s"] == round(5_425 / line["network_s"][0])
    assert line["relative_deviation"] == 0  # a CPU scores in double precision
    assert set(line["versions"]) == {"python", "nassurrogate", "torch", "numpy"}


def test_the_warm_up_is_outside_the_clock_of_the_training(gpu_speed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 150.0, 160.0, 161.0])  # the fit begins, the first epoch ends, the last one, the fit
    monkeypatch.setattr(gpu_speed, "now", lambda device: next(clock))
    line = gpu_speed.measure({"part": "training", "preset": "paper", "device": "cpu"})
    assert line["labels"] == 20
    assert line["steps"] == 3 * 2  # 20 labels in batches of about 8, three times
    assert (line["training_s"], line["warm_up_s"], line["wall_s"]) == (15.0, 46.0, 61.0)
    assert line["ms_per_step"] == 2500.0


def test_all_parts_are_reported_and_not_measured_again(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gpu_speed = script("gpu_speed")
    scored = {"architectures_per_s": 1_234_567, "graphs": 5_425, "graphs_per_s": 999_999, "relative_deviation": 2.6e-7}
    trained = {
        "labels": 781,
        "steps": 98_000,
        "ms_per_step": 1.158,
        "training_s": 113.5,
        "warm_up_s": 40.2,
        "wall_s": 153.7,
    }
    results = {"scoring": scored, "training": trained}
    path = tmp_path / "gpu_speed.jsonl"
    path.write_text(
        "".join(
            json.dumps({**task, **results[task["part"]], "card": "H100"}) + "\n"
            for task in gpu_speed.tasks(None, "cuda")
        )
    )
    whole = path.read_text()
    assert gpu_speed.main(["--results", str(path)]) == 0
    assert path.read_text() == whole
    assert [line for line in capsys.readouterr().out.splitlines() if "H100" in line] == [
        "| fast | H100 | 1,234,567 | 5,425 | 999,999 | 3e-07 |",
        "| paper | H100 | 1,234,567 | 5,425 | 999,999 | 3e-07 |",
        "| paper | H100 | 781 | 98,000 | 1.16 | 114 | 40 | 154 |",
    ]
    assert [task["part"] for task in gpu_speed.tasks("scoring", "cuda")] == ["scoring"] * 2
    assert [task["part"] for task in gpu_speed.tasks("training", "cuda")] == ["training"]


def test_a_gpu_is_fast_enough(script: Any) -> None:
    gpu_speed = script("gpu_speed")
    lines = {(line["part"], line["preset"]): line for line in read_lines(gpu_speed.RESULTS)}
    assert all(len(line["score_s"]) == gpu_speed.RUNS for line in lines.values() if line["part"] == "scoring")
    fast, training = lines["scoring", "fast"], lines["training", "paper"]
    assert fast["architectures"] == 15_625
    assert fast["architectures_per_s"] >= 1_000_000
    assert (training["labels"], training["steps"]) == (781, 98_000)
    assert training["training_s"] <= 180
    page = (gpu_speed.RESULTS.parents[2] / "docs" / "ranking.md").read_text(encoding="utf-8")
    for table in gpu_speed.report(read_lines(gpu_speed.RESULTS)).split("\n\n"):
        assert f"\n\n{table}\n\n" in page
