"""The script that compares a declared space with a built-in one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks.experiments import read_lines
from nassurrogate.spaces.categorical.network_space import CategoricalNetworkSpace


def test_the_declared_space_is_nb201_and_nothing_more(script: Any) -> None:
    generic = script("generic_nb201")
    declared, plain = generic.SPACES["networks"], generic.SPACES["choices"]
    assert isinstance(declared, CategoricalNetworkSpace)
    assert not isinstance(plain, CategoricalNetworkSpace)
    assert declared.size == plain.size == generic.NB201.size
    arch = declared.from_gene_codes([3, 1, 0, 2, 4, 1])
    assert generic.cell(arch) == generic.NB201.from_gene_codes([3, 1, 0, 2, 4, 1])
    assert sum(weight.numel() for weight in declared.build(arch).parameters()) / 1e6 == pytest.approx(
        generic.NB201.costs([generic.cell(arch)])["params_m"][0]
    )


def test_one_fit_is_a_line_of_its_task(script: Any) -> None:
    generic = script("generic_nb201")
    line = json.loads(json.dumps(generic.measure({"space": "choices", "labels": 50, "split": 0})))
    assert line["predictor"] == "space-process"
    assert 0.4 < line["kendall_tau"] < 0.8


def test_stored_lines_are_reported_and_not_measured_again(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    generic = script("generic_nb201")
    taus = {"built-in": 0.8, "networks": 0.77, "choices": 0.6}
    path = tmp_path / "generic.jsonl"
    tasks = list(generic.tasks())
    path.write_text("".join(json.dumps(task | {"kendall_tau": taus[task["space"]]}) + "\n" for task in tasks))
    monkeypatch.setattr(generic, "measure", lambda task: pytest.fail("measured again"))
    assert generic.main(["--results", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "| networks | 0.770 ± 0.000 (−0.030) | 0.770 ± 0.000 (−0.030) |" in printed
    assert len(read_lines(path)) == len(tasks) == 3 * 2 * generic.SPLITS


def test_the_stored_results_are_complete_and_within_the_goal(script: Any) -> None:
    """Of the built-in space's τ, at most 0.04 is lost."""
    generic = script("generic_nb201")
    lines = read_lines(generic.RESULTS)
    for labels in generic.LABELS:
        built_in, networks = (generic._taus(lines, space, labels) for space in ("built-in", "networks"))
        assert len(built_in) == len(networks) == generic.SPLITS
        assert sum(built_in) / len(built_in) - sum(networks) / len(networks) < 0.04
