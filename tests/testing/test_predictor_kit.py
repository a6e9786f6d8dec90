"""The kit for plug-ins: an honest predictor of a third party passes it, and every broken promise fails its own test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nassurrogate import Surrogate
from nassurrogate.predictors import predictor_names
from tests.distribution import write_distribution

PLUGIN = '''
"""A third party's predictor: a linear regression on how often each operation stands in the canonical cell."""

from dataclasses import dataclass

import numpy as np

from nassurrogate.errors import InputError
from nassurrogate.predictors.base import Predictor, check_ranges
from nassurrogate.spaces import CellSpace


@dataclass(frozen=True)
class Config:
    ridge: float = 1.0

    def __post_init__(self):
        check_ranges(self, {"ridge": (1e-9, 1e9)})


class OperationCounts(Predictor):
    name = "operation-counts"
    description = "ridge regression on counts of operations"
    presets = {"default": Config()}
    requires = CellSpace

    def features(self, archs):
        ops = [self.space.graph(arch).ops for arch in archs]
        counts = [[row.count(op) for op in self.space.computing_ops] for row in ops]
        return np.array(counts, dtype=np.float64).reshape(len(archs), len(self.space.computing_ops))

    def fit(self, archs, targets, *, progress=None):
        x = self.features(archs)
        y = targets - targets.mean()
        gram = x.T @ x + self.config.ridge * np.eye(x.shape[1])
        weights = np.linalg.solve(gram, x.T @ y)
        self.values = np.array([targets.mean(), (y - x @ weights).std(), *weights])
        if progress is not None:
            progress(1, 1)

    def predict(self, archs):
        mean = self.values[0] + (self.features(archs) * self.values[2:]).sum(axis=1)
        return mean, np.full(len(archs), self.values[1])

    def state(self):
        return {"values": self.values}, {}

    def load_state(self, tensors, meta):
        values = tensors["values"]
        expected = (2 + len(self.space.computing_ops),)
        if values.dtype != np.float64 or values.shape != expected or not np.isfinite(values).all() or values[1] < 0:
            raise InputError(f"values are {values.dtype}{values.shape}, expected finite float64{expected}")
        self.values = values
'''

FAULTS = '''
"""One class a broken promise; the name of the test that must catch it stands in its docstring."""

import copy
import random
from dataclasses import dataclass

import numpy as np
import torch

from counts_plugin import Config, OperationCounts


class BatchDependent(OperationCounts):
    """test_a_prediction_does_not_depend_on_the_batch"""
    def predict(self, archs):
        mean, std = super().predict(archs)
        return mean - 0.01 * mean.mean() if len(archs) else mean, std


class OrderDependent(OperationCounts):
    """test_a_prediction_does_not_depend_on_the_batch"""
    def predict(self, archs):
        mean, std = super().predict(archs)
        return mean + np.arange(len(archs)), std


class OneMoreDecimal(OperationCounts):
    """test_a_score_is_that_of_the_batch"""
    def predict(self, archs):
        mean, std = super().predict(archs)
        return mean * (1 + 1e-15 * (len(archs) == 1)), std


class SeedsTorch(OperationCounts):
    """test_a_fit_leaves_the_global_generators_alone"""
    def fit(self, archs, targets, *, progress=None):
        torch.manual_seed(self.seed)
        super().fit(archs, targets, progress=progress)


class SeedsNumpy(OperationCounts):
    """test_a_fit_leaves_the_global_generators_alone"""
    def fit(self, archs, targets, *, progress=None):
        np.random.seed(self.seed)
        super().fit(archs, targets, progress=progress)


class DrawsGlobally(OperationCounts):
    """test_a_fit_leaves_the_global_generators_alone"""
    def fit(self, archs, targets, *, progress=None):
        random.random()
        super().fit(archs, targets, progress=progress)


class ForgetsNothing(OperationCounts):
    """test_a_second_fit_forgets_the_first"""
    def fit(self, archs, targets, *, progress=None):
        self.archs = [*getattr(self, "archs", []), *archs]
        self.targets = np.concatenate([getattr(self, "targets", np.empty(0)), targets])
        super().fit(self.archs, self.targets, progress=progress)


class SeedLess(OperationCounts):
    """test_the_seed_decides"""
    def fit(self, archs, targets, *, progress=None):
        super().fit(archs, targets, progress=progress)
        self.values = self.values + np.random.default_rng().normal(size=self.values.shape) * 1e-6


class IgnoresItsSeed(OperationCounts):
    """test_the_seed_decides"""
    seed_matters = True


class ReadsStrings(OperationCounts):
    """test_equal_functions_are_predicted_equally"""
    def predict(self, archs):
        mean, std = super().predict(archs)
        return mean + np.array([len(arch.string) / 1000 for arch in archs]), std


class NegativeDeviation(OperationCounts):
    """test_shapes_and_units"""
    def predict(self, archs):
        mean, std = super().predict(archs)
        return mean, -std - 1e-9


class SinglePrecision(OperationCounts):
    """test_shapes_and_units"""
    def predict(self, archs):
        mean, std = super().predict(archs)
        return mean.astype(np.float32), std


class NothingFromNothing(OperationCounts):
    """test_no_architectures_give_no_predictions"""
    def predict(self, archs):
        mean, std = super().predict(archs)
        return mean + mean.max() * 0, std


class Dropout(OperationCounts):
    """test_predicting_changes_nothing"""
    calls = 0
    def predict(self, archs):
        self.calls += 1
        mean, std = super().predict(archs)
        return mean + 1e-9 * self.calls, std


class RanksTheBatch(OperationCounts):
    """test_scores_before_any_label"""
    def prior_scores(self, archs):
        return np.argsort([len(arch.string) for arch in archs]).astype(float)


class RanksStrings(OperationCounts):
    """test_scores_before_any_label"""
    def prior_scores(self, archs):
        return np.array([arch.index for arch in archs], dtype=float)


class ScoresWhatItLearned(OperationCounts):
    """test_scores_before_any_label"""
    def prior_scores(self, archs):
        return np.full(len(archs), 0.0 if not hasattr(self, "values") else 1.0)


class WritesInLabels(OperationCounts):
    """test_a_fit_leaves_its_labels_alone"""
    def fit(self, archs, targets, *, progress=None):
        super().fit(archs, targets, progress=progress)
        targets -= targets.mean()


class KeepsTheArray(OperationCounts):
    """test_changing_the_targets_afterwards_changes_nothing"""
    def fit(self, archs, targets, *, progress=None):
        super().fit(archs, targets, progress=progress)
        self.kept = targets

    def predict(self, archs):
        mean, std = super().predict(archs)
        return mean + self.kept.mean() * 1e-6 if hasattr(self, "kept") else mean, std


class NeedsMany(OperationCounts):
    """test_few_labels_are_enough"""
    def fit(self, archs, targets, *, progress=None):
        if len(archs) < 3:
            raise ValueError("three labels at least")
        super().fit(archs, targets, progress=progress)


class Standardises(OperationCounts):
    """test_equal_labels_predict_about_that"""
    def fit(self, archs, targets, *, progress=None):
        super().fit(archs, (targets - targets.mean()) / targets.std(), progress=progress)


class Constant(OperationCounts):
    """test_it_learns"""
    def predict(self, archs):
        mean, std = super().predict(archs)
        return np.zeros(len(archs)), std


class ProgressStopsEarly(OperationCounts):
    """test_progress_reaches_its_end"""
    def fit(self, archs, targets, *, progress=None):
        super().fit(archs, targets, progress=progress and (lambda done, total: progress(done, total + 1)))


class SavesHalf(OperationCounts):
    """test_the_state_restores_it"""
    def load_state(self, tensors, meta):
        super().load_state(tensors, meta)
        self.values = self.values.round(1)


class SavesInSinglePrecision(OperationCounts):
    """test_a_saved_surrogate_scores_as_before"""
    def state(self):
        return {"values": self.values.astype(np.float32)}, {}

    def load_state(self, tensors, meta):
        super().load_state({"values": tensors["values"].astype(np.float64)}, meta)


class KeepsALambda(OperationCounts):
    """test_copies_and_pickles_learn_for_themselves"""
    def fit(self, archs, targets, *, progress=None):
        super().fit(archs, targets, progress=progress)
        self.shift = lambda mean: mean


class CopiesHoldTheSameArray(OperationCounts):
    """test_copies_and_pickles_learn_for_themselves"""
    def fit(self, archs, targets, *, progress=None):
        there = getattr(self, "values", None)
        super().fit(archs, targets, progress=progress)
        if there is not None:
            there[:] = self.values
            self.values = there

    def __deepcopy__(self, memo):
        return copy.copy(self)


class TakesAnyState(OperationCounts):
    """test_a_spoilt_state_is_refused"""
    def load_state(self, tensors, meta):
        self.values = tensors["values"]


class TakesNoState(OperationCounts):
    """test_a_state_with_a_missing_array_is_refused"""
    def load_state(self, tensors, meta):
        if tensors:
            super().load_state(tensors, meta)


@dataclass(frozen=True)
class Unchecked:
    ridge: float = 1.0


class TakesAnyConfig(OperationCounts):
    """test_hyper_parameters_are_checked"""
    presets = {"default": Unchecked()}


class TwoLines(OperationCounts):
    """test_it_is_described"""
    description = "one\\ntwo"


class OneSpace(OperationCounts):
    """test_it_runs_on_every_space"""
    def fit(self, archs, targets, *, progress=None):
        if len(archs) == 20:
            raise TypeError("no such cells")
        super().fit(archs, targets, progress=progress)
'''

FAULTY_TESTS = """
import faults
from counts_plugin import OperationCounts
from nassurrogate.testing import PredictorContract

for fault in list(vars(faults).values()):
    if isinstance(fault, type) and issubclass(fault, OperationCounts) and fault is not OperationCounts:
        fault.name = fault.__name__.lower()
        seed_matters = getattr(fault, "seed_matters", False)
        attributes = {"predictor": fault, "seed_matters": seed_matters}
        if not ALL_TESTS:
            attributes |= {test: None for test in dir(PredictorContract) if test.startswith("test_")}
            attributes[fault.__doc__] = getattr(PredictorContract, fault.__doc__)
        globals()["Test" + fault.__name__] = type("Test" + fault.__name__, (PredictorContract,), attributes)
"""

HONEST_TESTS = """
from counts_plugin import OperationCounts
from nassurrogate.testing import PredictorContract


class TestOperationCounts(PredictorContract):
    predictor = OperationCounts
    seed_matters = False


class TestOperationCountsByName(PredictorContract):
    predictor = "operation-counts"
    seed_matters = False
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder for `sys.path` with an installed distribution of a third party, and a folder with its tests."""
    points = "[nassurrogate.predictors]\noperation-counts = counts_plugin:OperationCounts\n"
    write_distribution(tmp_path / "site", "counts-plugin", points, {"counts_plugin": PLUGIN, "faults": FAULTS})
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "pytest.ini").write_text(
        "[pytest]\naddopts = --strict-markers -p no:cacheprovider\nmarkers =\n    slow: takes long\n"
    )
    return tmp_path


def run_pytest(package: Path, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Their test module, run by a pytest of its own."""
    (package / "tests" / "test_theirs.py").write_text(tests)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rfs", "--tb=line", *options, "test_theirs.py"],
        cwd=package / "tests",
        env={**os.environ, "PYTHONPATH": str(package / "site"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_an_honest_plug_in_passes(package: Path) -> None:
    done = run_pytest(package, HONEST_TESTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b1[12]\d passed", done.stdout), done.stdout[-300:]  # twice, the slow ones too


@pytest.mark.parametrize("every_test", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_fault_is_caught_by_the_test_for_it(package: Path, every_test: bool) -> None:
    done = run_pytest(package, f"ALL_TESTS = {every_test}\n{FAULTY_TESTS}", "-m", "not slow")
    failed: dict[str, set[str]] = {}
    for name, test in re.findall(r"^FAILED test_theirs\.py::Test(\w+)::(\w+)", done.stdout, re.MULTILINE):
        failed.setdefault(name, set()).add(test)
    promised = dict(re.findall(r'^class (\w+)\(OperationCounts\):\n    """(\w+)"""', FAULTS, re.MULTILINE))
    assert len(promised) > 20
    assert {name: test for name, test in promised.items() if test not in failed.get(name, set())} == {}
    assert set(failed) == set(promised), done.stdout[-2000:]


def test_the_plug_in_is_found_by_name(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(package / "site"))
    assert "operation-counts" in predictor_names()
    surrogate = Surrogate(predictor="operation-counts").fit([0, 1, 2], [60.0, 70.0, 80.0])
    assert Surrogate.load(surrogate.save(package / "model")).score(7) == surrogate.score(7)
    sys.modules.pop("counts_plugin", None)
