"""The scripts that measure all predictors and the parts of one: what comes first, what is stored, what is printed."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nassurrogate.benchmarks.evaluation import evaluate
from nassurrogate.spaces import get_space
from nassurrogate.surrogate import Surrogate

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a script, which finds those beside it as when it is started."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module


def _line(predictor: str, labels: int, split: int, tau: float, dataset: str = "cifar10", **more: Any) -> dict[str, Any]:
    return {
        "kind": "split", "dataset": dataset, "protocol": "A4", "predictor": predictor, "labels": labels,
        "split": split, "kendall_tau": tau, "kendall_tau_outside_development": tau - 0.1, "coverage90": 0.9,
        "fit_s": 2.0 * split, "reference_tau_all": None, "reference_tau_classes": None, **more,
    }  # fmt: skip


LINES = [
    {"kind": "packages", "numpy": "2"},
    *(_line("probe-former", 50, split, tau) for split, tau in enumerate((0.8, 0.7))),
    *(_line("ridge", 50, split, tau) for split, tau in enumerate((0.6, 0.8))),
    *(_line("gcn", 50, split, tau) for split, tau in enumerate((0.6, 0.7))),
    _line("ridge", 78, 0, 0.85),
]


# --- what comes first ----------------------------------------------------------------------------------------------


def test_the_lead_comes_first_and_few_labels_before_many(script: Any) -> None:
    protocols = {"cifar10": ("A1", "A4"), "cifar100": ("A4",)}
    compare = script("compare_predictors")
    tasks = list(
        compare.ordered_tasks(["cifar10", "cifar100"], ["gcn", "probe-former", "ridge"], [78, 50], 2, protocols)
    )
    assert len(tasks) == 2 * 3 * 2 * 2
    assert [(t.name, t.labels, t.split) for t in tasks[:4]] == [
        ("probe-former", n, s) for n in (50, 78) for s in (0, 1)
    ]
    assert [(t.name, t.labels) for t in tasks[4:12:2]] == [("gcn", 50), ("ridge", 50), ("gcn", 78), ("ridge", 78)]
    assert [t.dataset for t in tasks] == ["cifar10"] * 12 + ["cifar100"] * 12
    assert tasks[0].protocols == ("A1", "A4")


def test_protocols_without_their_target_are_left_out(script: Any, tmp_path: Path) -> None:
    table = tmp_path / "test.csv"
    table.write_text("index,cifar10_test_accuracy_pct\n0,80.5\n7,91\n")
    compare = script("compare_predictors")
    with script("stored_splits").only_tables():
        assert compare.protocols_of("cifar10") == ("A4",)
    with script("stored_splits").only_tables(table):
        assert compare.protocols_of("cifar10") == ("A1", "A3", "A4")
        assert compare.protocols_of("cifar100") == ("A4",)


def test_every_ablation_is_one_change_of_the_predictor(script: Any) -> None:
    from nassurrogate.predictors.probe_former.predictor import ProbeFormer

    whole = ProbeFormer(get_space("nb201")).config_dict()
    for name, config in script("ablate_probe_former").VARIANTS.items():
        changed = ProbeFormer(get_space("nb201"), config=config).config_dict()
        assert sum(whole[part] != changed[part] for part in whole) == (name != "full")


# --- what is stored ------------------------------------------------------------------------------------------------


def test_stored_splits_are_not_measured_again(script: Any) -> None:
    stored = script("stored_splits")
    tasks = [stored.Task("cifar10", "ridge", 50, split, ("A1", "A4"), "ridge") for split in (0, 1, 2)]
    left = list(stored.without_stored(tasks, [*LINES, _line("ridge", 50, 2, 0.7) | {"protocol": "A1"}]))
    assert [(task.split, task.protocols) for task in left] == [(0, ("A1",)), (1, ("A1",)), (2, ("A4",))]


def test_rows_are_those_of_evaluate_and_running_again_measures_nothing(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'peers'")
    path = tmp_path / "results" / "rows.jsonl"
    arguments = "--predictor ridge --dataset cifar10 --labels 20 --splits 2 --jobs 2 --machine here"
    command = [*arguments.split(), "--results", str(path)]
    assert script("compare_predictors").main(command) == 0
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["packages", "split", "split", "row"]
    assert "| ridge |" in capsys.readouterr().out

    expected = evaluate("A4", labels=20, splits=2, predictors="ridge", table="embedded", device="cpu", write=False)
    for name, value in expected.to_json()["rows"][0].items():
        if not name.endswith("_s_median"):
            assert lines[-1][name] == (pytest.approx(value, abs=1e-5) if isinstance(value, float) else value)
    assert {lines[-1]["jobs"], lines[-1]["machine"], lines[-1]["dataset"]} == {2, "here", "cifar10"}

    whole = path.read_text()
    assert script("compare_predictors").main(command) == 0
    assert path.read_text() == whole

    path.write_text("".join(whole.splitlines(keepends=True)[:-1]))  # as if killed before the row was written
    assert script("compare_predictors").main(command) == 0
    assert path.read_text() == whole


def test_a_failing_fit_is_told_and_a_torn_line_passed_over(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = script("stored_splits")
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(LINES[1]) + '\n{"kind": "sp')
    chosen = argparse.Namespace(results=path, splits=1, jobs=1, run_dir=None, machine=None)
    wrong = stored.Task("cifar10", "wrong", 20, 0, ("A4",), "gradient-boosting", {"nonsense": 1})
    assert stored.complete([wrong], chosen) == 1
    told = capsys.readouterr().err
    assert "wrong n20 split 0 FAILED: InputError" in told
    assert "nonsense" in told
    assert [line["kind"] for line in stored.read_lines(path)] == ["split", "packages"]


# --- what is printed -----------------------------------------------------------------------------------------------


def test_tables(script: Any) -> None:
    tables = script("predictor_tables")
    rows = script("stored_splits").by_row(LINES)
    assert tables.tau_table(rows, "A4", "cifar10").splitlines() == [
        "| predictor | 50 | 78 |",
        "| --- | --- | --- |",
        "| probe-former | **0.750 ± 0.071** | - |",
        "| ridge | 0.700 ± 0.141 | **0.850 (1)** |",
        "| gcn | 0.650 ± 0.071 | - |",
    ]
    assert tables.leaders_table(rows).splitlines()[-1] == "| A4 cifar10 | probe-former | ridge |"
    assert tables.paired_table(rows, "probe-former").splitlines()[-1] == (
        "| A4 cifar10 | +0.050 ± 0.212, 1/2 (ridge) | - |"
    )
    report = tables.report(LINES, "probe-former")
    assert "mean ± standard deviation of 2 splits" in report
    assert tables.report([], "probe-former") == "nothing is stored yet"


def test_a_split_measured_twice_counts_once(script: Any) -> None:
    rows = script("stored_splits").by_row([*LINES, _line("ridge", 78, 0, 0.95)])
    assert "0.950" in script("predictor_tables").tau_table(rows, "A4", "cifar10")


def test_ablation_report(script: Any) -> None:
    ablation = script("ablate_probe_former")
    lines = [_line("full", 50, split, 0.8) for split in (0, 1)]
    lines += [_line("without probes", 50, split, tau) for split, tau in enumerate((0.7, 0.72))]
    text = ablation.report(lines)
    assert text.count("| without probes | -0.090 ± 0.014, 0/2 |") == 2
    assert "| full | 0.700 ± 0.000 |" in text  # outside the development third
    assert ablation.report([]) == "nothing is stored yet"


def test_picture_has_a_panel_a_protocol_and_data_set(script: Any, tmp_path: Path) -> None:
    tables: ModuleType = script("predictor_tables")
    lines = [*LINES, _line("ridge", 50, 0, 0.6, "cifar100")]
    lines += [line | {"protocol": "A1", "reference_tau_all": 0.9} for line in LINES[1:]]
    figure = tables.picture(lines, "probe-former")
    titles = [panel.get_title(loc="left") for panel in figure.axes if panel.axison]
    assert titles == ["A1 · cifar10", "A4 · cifar10", "A4 · cifar100"]
    told = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"probe-former", "the labels themselves", "published, on splits of their own"} <= told
    tables.draw(lines, tmp_path / "tau.png", "probe-former")
    assert (tmp_path / "tau.png").read_bytes().startswith(b"\x89PNG")


# --- NAS-Bench-101 -------------------------------------------------------------------------------------------------


def test_nb101_protocol_by_protocol_and_few_labels_first(script: Any) -> None:
    tasks = script("compare_predictors_nb101").tasks(["A5", "A6"], ["ridge"], [172, 100], 2)
    assert [(t.protocols, t.labels, t.split) for t in tasks] == [
        ((protocol,), size, split) for protocol in ("A5", "A6") for size in (100, 172) for split in (0, 1)
    ]


def test_nb101_published_rows_stand_below_ours(script: Any) -> None:
    compare = script("compare_predictors_nb101")
    lines = [_line("probe-former", size, split, 0.7 + split / 10) | {"protocol": "A5", "reference_tau_all": 0.9,
             "reference_tau_classes": 0.9} for size in (100, 172) for split in (0, 1)]  # fmt: skip
    told = compare.report(lines).splitlines()
    assert told[4:8] == [
        "| predictor | 100 | 172 |",
        "| --- | --- | --- |",
        "| probe-former | 0.750 ± 0.071 | 0.750 ± 0.071 |",
        "| TNASP, published | 0.600 | 0.669 |",
    ]
    assert "| NAR-Former, published | 0.632 [r] | 0.653 [r] |" in told
    assert compare.report([]) == "nothing is stored yet"
    names = {text.get_text() for text in compare.picture(script("stored_splits").by_row(lines)).axes[0].texts}
    assert names == {"TNASP", "PINAT + ranking loss", "NAR-Former [r]", "NAR-Former V2 [r]", "NN-Former"}


def test_nb101_searches_are_stored_and_not_made_again(
    script: Any, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    search = script("search_nb101")
    monkeypatch.setattr(search, "METHODS", (("none", "random"),))
    results = tmp_path / "results" / "runs.jsonl"
    command = ["--table", str(shared_data / "nb101" / "nb101.npz"), "--seeds", "2", "--results", str(results)]
    assert search.main(command) == 0
    lines = script("stored_splits").read_lines(results)
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


# --- searches of NAS-Bench-201 -------------------------------------------------------------------------------------


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
    rows = [choose.measure("default", prior, "half", 20, 0) for prior in choose.PRIORS]
    rows.append(choose.measure_single("16 %", choose.PRIORS[0], choose.SINGLE, 30, 0))
    assert all(row["regret_points"] >= 0 for row in rows)
    assert f"| 16 % | {rows[-1]['regret_points']:.3f} | - | - |" in choose.single_report(rows)
    assert next(choose.missing(rows))[:4] == ("default", "default", "half", 30)
    assert f"| default | {rows[0]['regret_points']:.3f} | nan" in choose.report(rows)


# --- any space -----------------------------------------------------------------------------------------------------


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
    told = capsys.readouterr().out
    assert "| 20 | 0.810 ± 0.014 | 0.900 ± 0.000 | 0.85 ± 0.07 |" in told
    assert "| 100 | 0.810 ± 0.014 | 0.900 ± 0.000 | 3.50 ± 0.71 | 0.85 ± 0.07 |" in told
    assert "| optuna-tpe, no surrogate | 0.125 ± 0.127 | 0.125 ± 0.127 | 0.125 ± 0.127 |" in told
    assert [row.split(" | ")[0] for row in told.splitlines()[2:6]] == ["| 20", "| 30", "| 50", "| 100"]

    whole = path.read_text()
    monkeypatch.setattr(general, "measure", lambda task: pytest.fail("measured again"))
    table = tmp_path / "own.csv"
    table.write_text("arch,cifar10_test_accuracy_pct\n00000000,45.0\n")
    assert general.main(["--table", str(table), "--results", str(path)]) == 0
    assert path.read_text() == whole
    assert capsys.readouterr().out == told


def test_the_stored_measurements_of_any_space_are_complete(script: Any) -> None:
    general = script("measure_general")
    lines = script("stored_splits").read_lines(general.RESULTS)
    assert not [task for task in general.tasks() if not any(task.items() <= line.items() for line in lines)]
    assert " - |" not in general.search_table(lines)
    for line in lines:
        if line["kind"] == "ranking":
            assert len(line["kendall_tau"]) == general.SPLITS


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


# --- how long a score takes ------------------------------------------------------------------------------------------


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
    lines = script("stored_splits").read_lines(path)
    assert [(line["repeat"], line["architectures"], line["predictor"]) for line in lines] == [
        (repeat, n, name) for repeat in range(3) for n in score.ARCHITECTURES for name in score.PREDICTORS
    ]
    told = capsys.readouterr().out
    assert told.splitlines()[2:] == [
        "| gradient-boosting | 5.00 | 2.00 | 7.00 | 2000.00 |",
        "| probe-former | 6.00 | 2.00 | 8.00 | 2000.00 |",
        "| ratio | 1.20 | 1.00 | 1.14 | 1.00 |",
    ]
    whole = path.read_text()
    assert score.main(["--report", "--results", str(path)]) == 0
    assert (path.read_text(), capsys.readouterr().out) == (whole, told), "a report measures nothing"


def test_the_default_predictor_scores_about_as_fast_as_gradient_boosting(script: Any) -> None:
    """As measured on a quiet machine, for one architecture and for a thousand."""
    score = script("measure_score")
    lines = script("stored_splits").read_lines(score.RESULTS)
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
