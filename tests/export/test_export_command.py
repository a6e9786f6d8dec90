"""`nassurrogate export`: which network it writes, and what it says about it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nassurrogate import get_space
from nassurrogate.benchmarks.problems import load_problem
from nassurrogate.search.record.ledger import LedgerWriter, Query
from tests.command_line import CommandLine

Refused = Callable[..., str]

PROBLEM = '''
"""Small networks on noise."""
import torch
from torch import nn
from nassurrogate.spaces import CategoricalSpace


def build(arch):
    width = arch.choices["width"]
    if width == 13:
        raise ValueError("thirteen brings bad luck")
    return nn.Sequential(nn.Flatten(), nn.Linear(12, width), nn.ReLU(), nn.Linear(width, 2))


space = CategoricalSpace("mine", {"width": [4, 8, 13]}, build=build, input_shape=(3, 2, 2))


def evaluate(arch):
    return 50.0 + arch.choices["width"]
'''
SMALL = ("--width", 4, "--cells-per-stage", 1)


def _query(number: int, arch: str, label: float | None) -> Query:
    status = "failed" if label is None else "ok"
    return Query(
        number, "init", "random", arch, None, arch, label, "mean", None, None, None, None, True, 0.1, {}, 1, status
    )


def write_run(folder: Path, labels: dict[str, float | None], **config: Any) -> Path:
    """A run folder as a search leaves it when it is stopped."""
    folder.mkdir()
    shared = {
        "space": "mine", "dataset": "", "searcher": "random", "predictor": "none", "labels": "mean", "budget": 9,
        "seed": 0, "constraints": [], "oracle": False,
    }  # fmt: skip
    writer = LedgerWriter(folder / "ledger.jsonl", {"config": {**shared, **config}})
    for number, (arch, label) in enumerate(labels.items(), start=1):
        writer.append(_query(number, arch, label))
    writer.close()
    return folder


@pytest.fixture
def problem(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    path = folder / "problem.py"
    path.write_text(PROBLEM)
    return path


@pytest.fixture
def own_run(problem: Path, folder: Path) -> Path:
    recorded = {"path": str(problem), "sha256": load_problem(problem).sha256}
    return write_run(folder / "run", {"width=4": 54.0, "width=8": 58.0, "width=13": None}, problem=recorded)


def network_of(path: Path) -> Any:
    namespace: dict[str, Any] = {"__name__": "exported"}
    exec(path.read_text(), namespace)
    return namespace["Network"]()


def test_the_best_of_a_run_of_an_own_problem(cli: CommandLine, own_run: Path, folder: Path) -> None:
    found = cli("export", own_run, "--to", folder / "model.py", "--with-weights", "--seed", 3, "--json").json
    assert (found["arch"], found["space"], found["choices"], found["params"]) == ("width=8", "mine", {"width": 8}, 122)
    assert (found["input_shape"], found["weights"]) == ([3, 2, 2], "random, seed 3")
    network = network_of(folder / "model.py")
    assert network[1].out_features == 8
    torch.manual_seed(3)
    first = nn.Linear(12, 8)
    from nassurrogate.export import load_weights

    load_weights(network, Path(found["weights_path"]))
    assert torch.equal(network[1].weight, first.weight)


def test_an_unfinished_run_says_so(cli: CommandLine, own_run: Path, folder: Path) -> None:
    done = cli("export", own_run, "--to", folder / "model.py")
    assert done.code == 0
    assert "the best of its 2 evaluated architectures so far" in done.err
    assert "width=8" in done.out


def test_another_architecture_of_a_run(cli: CommandLine, own_run: Path, folder: Path) -> None:
    assert cli("export", own_run, "--arch", "width=4", "--to", folder / "model.py", "--json").json["arch"] == "width=4"


def test_an_architecture_of_a_problem(cli: CommandLine, problem: Path, folder: Path) -> None:
    found = cli("export", "--arch", "width=4", "--problem", problem, "--to", folder / "model.py", "--json").json
    assert (found["arch"], found["dataset"]) == ("width=4", None)


def test_a_changed_problem_file_needs_consent(cli: CommandLine, refused: Refused, own_run: Path, problem: Path) -> None:
    problem.write_text(PROBLEM.replace("nn.Linear(width, 2)", "nn.Linear(width, 3)"))
    line = refused("export", own_run, "--to", "model.py")
    assert "has changed since the run began" in line
    assert "--accept-changes" in line
    assert cli("export", own_run, "--to", "model.py", "--accept-changes", "--json").json["params"] == 104 + 27


def test_a_problem_file_that_has_moved(cli: CommandLine, refused: Refused, own_run: Path, problem: Path) -> None:
    moved = problem.with_name("moved.py")
    problem.rename(moved)
    assert "if it has moved, give its place with --problem FILE" in refused("export", own_run, "--to", "model.py")
    assert cli("export", own_run, "--problem", moved, "--to", "model.py", "--json").json["arch"] == "width=8"


def test_a_run_of_a_built_in_space_knows_its_data_set(cli: CommandLine, folder: Path) -> None:
    arch = get_space("nb201").parse(7).string
    run = write_run(folder / "run", {arch: 71.0}, space="nb201", dataset="cifar100")
    found = cli("export", run, "--to", folder / "model.py", *SMALL, "--json").json
    assert (found["dataset"], found["input_shape"]) == ("cifar100", [3, 32, 32])
    assert network_of(folder / "model.py").head[-1].out_features == 100


def test_sizes_and_weights_of_a_built_in_network(cli: CommandLine, folder: Path) -> None:
    asked = ("export", "--arch", 1462, *SMALL, "--classes", 5, "--json")
    first = cli(*asked, "--to", folder / "first.py", "--with-weights", "--seed", 1).json
    second = cli(*asked, "--to", folder / "second.py", "--with-weights", "--weights", first["weights_path"]).json
    assert (first["weights"], second["weights"]) == ("random, seed 1", "from first.safetensors")
    weights = [Path(each["weights_path"]).read_bytes() for each in (first, second)]
    assert weights[0] == weights[1]
    network = network_of(folder / "first.py")
    assert (network.stem[0].out_channels, network.head[-1].out_features, len(network.cells)) == (4, 5, 5)


@pytest.mark.parametrize("dataset", ["ImageNet16-120", "cifar10"])
def test_classes_and_images_of_a_data_set(cli: CommandLine, folder: Path, dataset: str) -> None:
    found = cli("export", "--arch", 3, *SMALL, "--dataset", dataset, "--to", folder / "model.py", "--json").json
    classes, side = {"ImageNet16-120": (120, 16), "cifar10": (10, 32)}[dataset]
    assert (network_of(folder / "model.py").head[-1].out_features, found["input_shape"]) == (classes, [3, side, side])


REFUSED: dict[str, tuple[tuple[object, ...], str]] = {
    "nothing": (("--to", "m.py"), "expected RUN_DIR, or --arch ARCH"),
    "no run": (("nowhere", "--to", "m.py"), "there is no run folder nowhere"),
    "suffix": (("--arch", 1, "--to", "m.txt"), "unknown suffix '.txt'"),
    "folder": (("--arch", 1, "--to", "."), "unknown suffix ''"),
    "arch": (("--arch", 99_999, "--to", "m.py"), "index 99999 is outside nb201"),
    "space": (("--arch", 1, "--space", "nb202", "--to", "m.py"), "did you mean 'nb201'"),
    "two spaces": (("--arch", 1, "--space", "nb201", "--problem", "p.py", "--to", "m.py"), "exclude each other"),
    "width": (("--arch", 1, "--width", 0, "--to", "m.py"), "--width must be at least 1, got 0"),
    "classes": (("--arch", 1, "--classes", 1, "--to", "m.py"), "--classes must be at least 2, got 1"),
    "text": (("--arch", 1, "--classes", "ten", "--to", "m.py"), "expected a whole number"),
    "cells": (
        ("--arch", "01201201", "--space", "macro", "--cells-per-stage", 2, "--to", "m.py"),
        "--cells-per-stage does not apply to networks of space 'macro'",
    ),
    "dataset": (("--arch", 1, "--dataset", "mine", "--to", "m.py"), "give --classes"),
    "weights": (("--arch", 1, "--weights", "none.pt", "--to", "m.py"), "cannot read the weights none.pt"),
    "seed and weights": (("--arch", 1, "--weights", "w.pt", "--seed", 1, "--to", "m.py"), "not allowed with"),
    "seed": (("--arch", 1, "--seed", -1, "--to", "m.py"), "seed must be a whole number from 0"),
    "held": (("--arch", 1, *SMALL, "--with-weights", "--to", "m.pt2"), "holds them itself"),
    "no change": (("--arch", 1, "--accept-changes", "--to", "m.py"), "--accept-changes needs RUN_DIR"),
    "problem": (("--arch", 1, "--problem", "none.py", "--to", "m.py"), "none.py"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_one_line(
    name: str, refused: Refused, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    args, reason = REFUSED[name]
    assert reason in refused("export", *args)


OWN_REFUSED: dict[str, tuple[tuple[object, ...], str]] = {
    "classes": (("run", "--classes", 5), "its build takes the architecture alone"),
    "dataset": (("run", "--dataset", "cifar10"), "--dataset does not apply to networks of space 'mine'"),
    "space": (("run", "--space", "nb201"), "--space does not go with RUN_DIR"),
    "build": (("run", "--arch", "width=13"), "raised ValueError: thirteen brings bad luck for 'width=13'"),
    "arch": (("run", "--arch", "width=5"), "unknown choice '5'"),
}


@pytest.mark.parametrize("name", OWN_REFUSED)
def test_bad_input_with_an_own_run(name: str, refused: Refused, own_run: Path) -> None:
    args, reason = OWN_REFUSED[name]
    assert reason in refused("export", *args, "--to", "m.py")


def test_the_problem_file_is_never_replaced(refused: Refused, own_run: Path, problem: Path) -> None:
    assert "was not written by an export" in refused("export", own_run, "--to", problem)
    assert problem.read_text() == PROBLEM


def test_runs_without_a_network(refused: Refused, problem: Path, folder: Path) -> None:
    recorded = {"path": str(problem), "sha256": load_problem(problem).sha256}
    write_run(folder / "failed", {"width=13": None}, problem=recorded)
    assert "no evaluated architecture yet" in refused("export", "failed", "--to", "m.py")
    write_run(folder / "elsewhere", {"width=4": 1.0})
    assert "handed in in Python" in refused("export", "elsewhere", "--to", "m.py")
    write_run(folder / "other", {"1": 1.0}, space="others")
    line = refused("export", "other", "--problem", problem, "--to", "m.py")
    assert line == "the problem file declares the space 'mine', but the run is of 'others'"
    shutil.copytree(folder / "failed", folder / "empty")
    (folder / "empty" / "ledger.jsonl").unlink()
    assert "holds no run" in refused("export", "empty", "--to", "m.py")


def test_what_build_returns_must_be_a_module_with_a_shape(refused: Refused, problem: Path) -> None:
    asked = ("export", "--arch", "width=4", "--problem", "other.py", "--to", "m.py")
    other = problem.with_name("other.py")
    other.write_text(PROBLEM.replace("    return nn.Sequential", "    nn.Sequential"))
    assert "must return a torch.nn.Module; for 'width=4' it returned None" in refused(*asked)
    other.write_text(PROBLEM.replace(", input_shape=(3, 2, 2)", ""))
    assert "has no input_shape" in refused(*asked)
    other.write_text(PROBLEM.replace("nn.Linear(12, width)", "nn.Linear(11, width)"))
    assert "does not accept inputs of shape (3, 3, 2, 2)" in refused(*asked)
    other.write_text(PROBLEM.replace(", build=build", ""))
    assert "builds no networks" in refused(*asked)


@pytest.mark.slow
def test_from_a_search_to_a_file(cli: CommandLine, problem: Path, folder: Path) -> None:
    problem.write_text(PROBLEM.replace("[4, 8, 13]", "[4, 8, 16]"))
    done = cli("search", "--problem", problem, "--budget", 3, "--seed", 0, "--run-dir", folder / "run", "--json")
    assert done.code == 0, done.err
    for suffix in (".py", ".onnx", ".pt2"):
        found = cli("export", folder / "run", "--to", folder / f"model{suffix}", "--json").json
        assert found["arch"] == json.loads(done.out)["best"]["arch"]
