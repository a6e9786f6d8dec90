"""The script that measures C3 and C4: one line per fit, resumed, reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks.experiments import read_lines
from tests.benchmarks.evaluation.networks.made_up import write_folder


def test_every_fit_is_a_line_and_is_not_made_again(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = script("measure_networks")
    write_folder(tmp_path / "data", {"thin": 12, "wide": 20}, {"phone": 1.0})
    options = ["--data", str(tmp_path / "data"), "--on", "phone", "--results", str(tmp_path)]
    assert networks.main([*options, "--predictor", "operator-additive", "--splits", "2"]) == 0
    in_domain, unseen = (read_lines(tmp_path / f"networks_{name}.jsonl") for name in ("c3", "c4"))
    assert [(line["split"], line["unseen"]) for line in in_domain] == [(0, None), (1, None)]
    assert [(line["split"], line["unseen"]) for line in unseen] == [
        (0, "thin"), (0, "wide"), (1, "thin"), (1, "wide"),
    ]  # fmt: skip
    assert in_domain[0]["families"]["thin"]["spearman"] is None, "of a single test network"
    printed = capsys.readouterr().out
    assert "C3 on phone, all training networks per family" in printed
    assert "| operator-additive | 2 | 0.0" in printed

    monkeypatch.setattr(networks, "measure", lambda task, *_: pytest.fail(f"measured again: {task}"))
    assert networks.main([*options, "--predictor", "operator-additive", "--splits", "2"]) == 0
    assert capsys.readouterr().out == printed
    assert networks.main(["--report", "--results", str(tmp_path)]) == 0
    assert capsys.readouterr().out == printed
