"""Models, plug-ins and processes for tests of the command line."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks.tabular.embedded import embedded_columns
from nassurrogate.surrogate import Surrogate
from tests.command_line import Done


@pytest.fixture(autouse=True)
def in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in an empty folder, with the buffering that a shell gives."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


@pytest.fixture(scope="session")
def read_once() -> Callable[[str], Any]:
    """The embedded tables, each read at most once; its columns are read-only."""
    return functools.cache(embedded_columns)


@pytest.fixture(autouse=True)
def embedded(read_once: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast a table loads is tested elsewhere: here it would be most of the time."""
    monkeypatch.setattr("nassurrogate.benchmarks.tabular.nb201.embedded_columns", read_once)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved surrogate."""
    surrogate = Surrogate("nb201", predictor="gradient-boosting", seed=0, config={"members": 2, "rounds": 20})
    surrogate.fit([0, 1, 2, 3, 4], [85.5, 90.8, 72.1, 88.0, 89.0])
    return surrogate.save(tmp_path_factory.mktemp("model") / "model.safetensors")


OPEN_SPACE = """
from nassurrogate.benchmarks import CallableBenchmark
from nassurrogate.metric import Metric
from nassurrogate.spaces import CategoricalSpace, Slot

def costs(arch):
    return {"params_m": sum(arch.choices.values()) / 100}

def usefulness(arch):
    widths = list(arch.choices.values())
    if widths[0] == 16:
        raise RuntimeError("out of memory")
    return 50 + sum(widths) / 10 + widths[1]

CHAIN = CategoricalSpace("chain", {f"layer{i}": [1, 2, 4, 8, 16] for i in range(30)}, costs=costs)
switches = {f"on{i}": [False, True] for i in range(20)}
TREE = CategoricalSpace("tree", {**switches, **{f"n{i}": Slot([1, 2], when={f"on{i}": True}) for i in range(20)}})
TRUTH = CallableBenchmark(CHAIN, usefulness, Metric("usefulness", direction="maximize"), dataset="made-up")
"""
OPEN_PREDICTOR = """
from dataclasses import dataclass

import numpy as np

from nassurrogate.predictors.base import Predictor
from nassurrogate.predictors.labels.saved import label_arrays, read_labels

@dataclass(frozen=True)
class Config:
    neighbours: int = 3

class Nearest(Predictor):
    name = "nearest"
    description = "the mean of the labels of the nearest genes"
    presets = {"plain": Config()}

    def uses(self):
        return ["genes"]

    def fit(self, archs, targets, *, progress=None):
        self.archs, self.targets = list(archs), np.array(targets)
        self.codes = self.space.gene_codes(self.archs)

    def predict(self, archs):
        far = np.abs(self.space.gene_codes(archs)[:, None] - self.codes).sum(axis=2)
        near = np.argsort(far, axis=1, kind="stable")[:, : self.config.neighbours]
        return self.targets[near].mean(axis=1), np.zeros(len(archs))

    def state(self):
        return label_arrays(self.space, self.archs, self.targets), {}

    def load_state(self, tensors, meta):
        self.fit(*read_labels(self.space, tensors))
"""
OPEN_ENTRY_POINTS = """
[nassurrogate.spaces]
chain = open_space_plugin:CHAIN
tree = open_space_plugin:TREE
broken = no_such_module:SPACE
[nassurrogate.benchmarks]
broken = no_such_module:TRUTH
chain = open_space_plugin:TRUTH
[nassurrogate.predictors]
nearest = nearest_plugin:Nearest
"""


@pytest.fixture
def open_space(install: Callable[..., None]) -> None:
    """An installed distribution with a space of 5³⁰ members, ground truth for it, and a predictor that works there."""
    install("open-space-plugin", OPEN_ENTRY_POINTS, open_space_plugin=OPEN_SPACE, nearest_plugin=OPEN_PREDICTOR)


class Process:
    """`python -m nassurrogate ARGUMENTS` as a process of its own."""

    def start(self, *args: object, **options: Any) -> subprocess.Popen[str]:
        """The running process, its streams being pipes unless `options` say otherwise."""
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # A shell that runs things in the background has them ignore Ctrl-C; a terminal has not.
        return subprocess.Popen(
            [sys.executable, "-m", "nassurrogate", *map(str, args)],
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # type: ignore[arg-type,return-value]
            **{**pipes, **options},
        )

    def run(self, *args: object, **options: Any) -> Done:
        """What the process came to."""
        process = self.start(*args, **options)
        out, err = process.communicate(timeout=120)
        return Done(process.returncode, out or "", err or "")


@pytest.fixture
def process() -> Process:
    """Starts processes."""
    return Process()
