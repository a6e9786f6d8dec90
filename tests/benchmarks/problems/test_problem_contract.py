"""Problems pass the suite that every benchmark passes: a function and a program."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from nassurrogate.benchmarks import Problem, load_problem
from nassurrogate.testing import BenchmarkContract

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups of POSIX")

SPACE = """
import os, sys
from nassurrogate.spaces import CategoricalSpace

def costs(arch): return {"params_m": float(sum(arch.choices.values()))}

space = CategoricalSpace("wide", {f"slot{place}": [1, 2, 3, 4, 5] for place in range(30)}, costs=costs)
"""
FUNCTION = """
def evaluate(arch, seed=0, fidelity=200):
    total = sum(arch.choices.values())
    if total % 5 == 0: raise RuntimeError("out\\nof memory")
    return {"val_accuracy_pct": 50 + total % 7 + seed - 1 / fidelity, "val_loss": 1.0}
"""
PROGRAM = """
import json, sys
asked = json.load(sys.stdin)
total = sum(asked["choices"].values()) + (asked["seed"] or 0)
print("epoch 1")
print(json.dumps({"val_accuracy_pct": 50 + total % 7, "arch": asked["arch"]}))
sys.exit(total % 9 == 0)
"""


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Problem]:
    path = tmp_path_factory.mktemp("function") / "problem.py"
    path.write_text(SPACE + FUNCTION)
    problem = load_problem(path)
    yield problem
    problem.close()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Problem:
    path = tmp_path_factory.mktemp("program") / "problem.py"
    path.write_text(SPACE + "command = [sys.executable, '-S', 'train.py']\n")
    path.with_name("train.py").write_text(PROGRAM)
    return load_problem(path)


class TestFunction(BenchmarkContract):
    @pytest.fixture(autouse=True)
    def given(self, function: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "benchmark", function, raising=False)


class TestProgram(BenchmarkContract):
    n_sampled = 4

    @pytest.fixture(autouse=True)
    def given(self, program: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "benchmark", program, raising=False)
