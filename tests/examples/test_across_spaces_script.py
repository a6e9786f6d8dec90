"""The script that measures one surrogate across spaces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nassurrogate.spaces import get_space


def test_every_direction_is_measured_once(script: Any) -> None:
    across = script("measure_across_spaces")
    tasks = list(across.tasks())
    assert len({json.dumps(task) for task in tasks}) == len(tasks)
    directions = {(task["source"], task["target"]) for task in tasks}
    assert {("nb101", "nb201"), ("nb201", "nb101"), ("nb201", "macro")} <= directions
    assert {(task["labels"], task["splits"]) for task in tasks} == {(1000, 10)}
    assert {task["proxies"] for task in tasks if task["target"] != "macro"} == {True, False}


def test_a_direction_is_a_line_and_is_reported(
    script: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    across = script("measure_across_spaces")
    monkeypatch.setattr(across, "MOST_TARGETS", 60)
    made_up = {name: _accuracies(name) for name in ("nb201", "macro")}
    monkeypatch.setattr(across, "accuracies", made_up.__getitem__)
    task = {"source": "nb201", "target": "macro", "proxies": False, "labels": 40, "splits": 2}
    line = json.loads(json.dumps(across.measure(task)))
    assert task.items() <= line.items()
    assert [len(line[f"{name}_kendall_tau"]) for name in ("zero", "alone_8", "both_20", "both_40")] == [2] * 4
    assert min(line["zero_spearman"]) > 0.5
    path = tmp_path / "across.jsonl"
    path.write_text(json.dumps(line) + "\n")
    assert across.main(["--report", "--results", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "| nb201 → macro | no | 0." in printed
    assert "| labels of → ranks | 8 labels (alone) | 20 labels (alone) | 40 labels (alone) |" in printed


def _accuracies(name: str) -> np.ndarray:
    """Larger networks are better."""
    found: np.ndarray = 80 + np.log(get_space(name).free_metrics("cifar10")["flops_m"])  # type: ignore[attr-defined]
    return found
