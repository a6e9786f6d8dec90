"""The stored trainings of `problem.py` (see `make_truth.py`) as ground truth for searches.

Shapes: n architectures, S seeds.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import problem

from nassurrogate import Architecture
from nassurrogate.benchmarks.experiments import read_lines

RESULTS = Path(__file__).parents[1] / "results" / "own_problem.jsonl"
VAL, TEST = "val_accuracy_pct", "test_accuracy_pct"


class Truth:
    """Accuracies of every architecture, from S seeds.

    Args:
        path: the lines of `make_truth.py`.

    Raises `SystemExit` if architectures are missing.
    """

    def __init__(self, path: Path = RESULTS) -> None:
        lines = {line["arch"]: line for line in read_lines(path)}
        self.archs = list(problem.space.members())
        missing = sum(arch.string not in lines for arch in self.archs)
        if missing:
            raise SystemExit(f"{path.name} lacks {missing} of {len(self.archs)} architectures: run make_truth.py")
        self._place = {arch.string: place for place, arch in enumerate(self.archs)}
        self._lines = [lines[arch.string] for arch in self.archs]

    @cached_property
    def val(self) -> np.ndarray:
        """(n, S) validation accuracies in percent."""
        return np.array([line[VAL] for line in self._lines])

    @cached_property
    def test(self) -> np.ndarray:
        """(n, S) test accuracies in percent."""
        return np.array([line[TEST] for line in self._lines])

    @cached_property
    def train_time_s(self) -> np.ndarray:
        """(n,) seconds of one training."""
        return np.array([line["train_time_s"] for line in self._lines])

    @cached_property
    def best(self) -> Architecture:
        """The architecture of the highest mean validation accuracy."""
        return self.archs[int(self.val.mean(axis=1).argmax())]

    def regret_points(self, arch: Architecture | str) -> float:
        """Mean validation accuracy of the best architecture minus that of `arch`, in percentage points."""
        means = self.val.mean(axis=1)
        return float(means.max() - means[self._place[str(arch)]])

    def test_accuracy_pct(self, arch: Architecture | str) -> float:
        """Mean over the seeds."""
        return float(self.test[self._place[str(arch)]].mean())


class OneTraining:
    """What a search sees: `evaluate(arch)`, the validation accuracy of one of the stored trainings.

    Which one depends on the architecture and on `run` alone: all methods of a run get the same answers.

    Args:
        truth: the stored trainings.
        run: number of the run.
    """

    def __init__(self, truth: Truth, run: int) -> None:
        n, n_seeds = truth.val.shape
        drawn = np.random.default_rng([0, run]).integers(n_seeds, size=n)
        labels = truth.val[np.arange(n), drawn].tolist()
        self._label = {arch.string: label for arch, label in zip(truth.archs, labels, strict=True)}

    def __call__(self, arch: Architecture) -> float:
        return self._label[arch.string]
