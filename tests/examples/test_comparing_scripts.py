"""The scripts that compare predictors and ablate one: what comes first, what is stored, what is printed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nassurrogate.benchmarks.evaluation import evaluate
from nassurrogate.benchmarks.experiments import read_lines
from nassurrogate.spaces import get_space

# --- what comes first -------------------------------------------------------------------------------------------------


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


# --- what is stored ---------------------------------------------------------------------------------------------------


def test_stored_splits_are_not_measured_again(script: Any, lines: list[dict[str, Any]], split_line: Any) -> None:
    stored = script("stored_splits")
    tasks = [stored.Task("cifar10", "ridge", 50, split, ("A1", "A4"), "ridge") for split in (0, 1, 2)]
    left = list(stored.without_stored(tasks, [*lines, split_line("ridge", 50, 2, 0.7) | {"protocol": "A1"}]))
    assert [(task.split, task.protocols) for task in left] == [(0, ("A1",)), (1, ("A1",)), (2, ("A4",))]


def test_rows_are_those_of_evaluate_and_running_again_measures_nothing(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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


def test_a_failing_fit_is_reported_and_a_torn_line_skipped(
    script: Any, lines: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = script("stored_splits")
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(lines[1]) + '\n{"kind": "sp')
    chosen = argparse.Namespace(results=path, splits=1, jobs=1, run_dir=None, device="cpu", machine=None)
    wrong = stored.Task("cifar10", "wrong", 20, 0, ("A4",), "gradient-boosting", {"nonsense": 1})
    assert stored.complete([wrong], chosen) == 1
    printed = capsys.readouterr().err
    assert "wrong n20 split 0 FAILED: InputError" in printed
    assert "nonsense" in printed
    assert [line["kind"] for line in read_lines(path)] == ["split", "packages"]


# --- what is printed --------------------------------------------------------------------------------------------------


def test_tables(script: Any, lines: list[dict[str, Any]]) -> None:
    tables = script("predictor_tables")
    rows = script("stored_splits").by_row(lines)
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
    report = tables.report(lines, "probe-former")
    assert "mean ± standard deviation of 2 splits" in report
    assert tables.report([], "probe-former") == "nothing is stored yet"


def test_a_split_measured_twice_counts_once(script: Any, lines: list[dict[str, Any]], split_line: Any) -> None:
    rows = script("stored_splits").by_row([*lines, split_line("ridge", 78, 0, 0.95)])
    assert "0.950" in script("predictor_tables").tau_table(rows, "A4", "cifar10")


def test_ablation_report(script: Any, split_line: Any) -> None:
    ablation = script("ablate_probe_former")
    lines = [split_line("full", 50, split, 0.8) for split in (0, 1)]
    lines += [split_line("without probes", 50, split, tau) for split, tau in enumerate((0.7, 0.72))]
    text = ablation.report(lines)
    assert text.count("| without probes | -0.090 ± 0.014, 0/2 |") == 2
    assert "| full | 0.700 ± 0.000 |" in text  # outside the development third
    assert ablation.report([]) == "nothing is stored yet"


def test_picture_has_a_panel_a_protocol_and_data_set(
    script: Any, lines: list[dict[str, Any]], split_line: Any, tmp_path: Path
) -> None:
    tables: ModuleType = script("predictor_tables")
    stored = [*lines, split_line("ridge", 50, 0, 0.6, "cifar100")]
    stored += [line | {"protocol": "A1", "reference_tau_all": 0.9} for line in lines[1:]]
    figure = tables.picture(stored, "probe-former")
    titles = [panel.get_title(loc="left") for panel in figure.axes if panel.axison]
    assert titles == ["A1 · cifar10", "A4 · cifar10", "A4 · cifar100"]
    printed = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"probe-former", "the labels themselves", "published, on splits of their own"} <= printed
    tables.draw(stored, tmp_path / "tau.png", "probe-former")
    assert (tmp_path / "tau.png").read_bytes().startswith(b"\x89PNG")


# --- NAS-Bench-101 ----------------------------------------------------------------------------------------------------


def test_nb101_protocol_by_protocol_and_few_labels_first(script: Any) -> None:
    tasks = script("compare_predictors_nb101").tasks(["A5", "A6"], ["ridge"], [172, 100], 2)
    assert [(t.protocols, t.labels, t.split) for t in tasks] == [
        ((protocol,), size, split) for protocol in ("A5", "A6") for size in (100, 172) for split in (0, 1)
    ]


def test_nb101_published_rows_stand_below_ours(script: Any, split_line: Any) -> None:
    compare = script("compare_predictors_nb101")
    lines = [split_line("probe-former", size, split, 0.7 + split / 10) | {"protocol": "A5", "reference_tau_all": 0.9,
             "reference_tau_classes": 0.9} for size in (100, 172) for split in (0, 1)]  # fmt: skip
    printed = compare.report(lines).splitlines()
    assert printed[4:8] == [
        "| predictor | 100 | 172 |",
        "| --- | --- | --- |",
        "| probe-former | 0.750 ± 0.071 | 0.750 ± 0.071 |",
        "| TNASP, published | 0.600 | 0.669 |",
    ]
    assert "| NAR-Former, published | 0.632 [r] | 0.653 [r] |" in printed
    assert compare.report([]) == "nothing is stored yet"
    names = {text.get_text() for text in compare.picture(script("stored_splits").by_row(lines)).axes[0].texts}
    assert names == {"TNASP", "PINAT + ranking loss", "NAR-Former [r]", "NAR-Former V2 [r]", "NN-Former"}
