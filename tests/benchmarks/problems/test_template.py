"""The problem that `nassurrogate new problem` writes: it trains, on the plain install, and little has to be edited."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
import torch

from nassurrogate.benchmarks import load_problem
from nassurrogate.benchmarks.problems import template


def test_every_network_takes_the_declared_input() -> None:
    space = template.space
    for arch in space.sample(40, np.random.default_rng(0)):
        assert template.build(arch)(torch.zeros(3, *space.input_shape)).shape == (3, 26)


def test_a_training_learns_and_is_repeatable() -> None:
    arch = template.space.parse("blocks=3 width=8 kernel=3 norm=True pool=max grid=2 head=linear")
    assert 20 < template.evaluate(arch, seed=1, fidelity=5)["val_accuracy_pct"] <= 100
    first, again, other = (template.evaluate(arch, seed=seed, fidelity=1) for seed in (1, 1, 2))
    assert first == again != other


def test_validation_is_on_other_fonts() -> None:
    (images, classes), (others, _) = template.data(is_validation=False), template.data(is_validation=True)
    assert images.shape[1:] == template.space.input_shape
    assert (len(images), images.dtype) == (len(classes), torch.float32)
    assert sorted(set(classes.tolist())) == list(range(26))
    seen = {image.numpy().tobytes() for image in images}
    assert not [image for image in others if image.numpy().tobytes() in seen]


def test_it_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "problem.py"
    path.write_bytes(Path(template.__file__).read_bytes())
    problem = load_problem(path)
    assert (problem.space.name, problem.dataset) == ("letters", "letters")
    assert problem.seeds(next(problem.space.members()), "val_accuracy_pct") is None, "any seed"


def test_it_needs_the_plain_install_alone() -> None:
    tree = ast.parse(Path(template.__file__).read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    needed = {name.split(".")[0] for name in imported} - sys.stdlib_module_names - {"nassurrogate"}
    requires = distribution("nassurrogate").requires or []
    plain = {re.split(r"[^\w-]", line)[0] for line in requires if "extra ==" not in line}
    pillow = [line for line in distribution("matplotlib").requires or [] if line.startswith("pillow")]
    assert pillow, "Matplotlib needs it"
    assert needed - plain == {"PIL"}
