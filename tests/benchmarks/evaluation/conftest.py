"""Predictors that write down what they are shown."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from nassurrogate import predictors
from nassurrogate.benchmarks import LABEL, TEST, Column, TabularBenchmark
from nassurrogate.predictors.base import Predictor
from nassurrogate.spaces import Space, get_space

SIZE = 15_625


@dataclass(frozen=True)
class SpyConfig:
    scale: float = 1.0


class Spy(Predictor):
    """Predicts a fixed number of every cell, and writes down what it is shown."""

    name = "spy"
    description = "writes down what it is shown"
    presets: ClassVar[dict[str, Any]] = {"default": SpyConfig(), "certain": SpyConfig(scale=0.0)}
    fits: ClassVar[list[tuple[list[int], list[float], int]]] = []
    fail_at: ClassVar[int | None] = None

    def fit(self, archs, targets, *, progress=None):
        if len(Spy.fits) == Spy.fail_at:
            raise KeyboardInterrupt
        Spy.fits.append(([arch.index for arch in archs], targets.tolist(), self.seed))

    def predict(self, archs):
        index = np.array([arch.index for arch in archs])
        return 60 + (index * 7919 + self.seed) % SIZE / 500, self.config.scale * (1 + index % 5)

    def state(self):
        return {}, {}

    def load_state(self, tensors, meta):
        pass


class Chooser(Spy):
    """Can choose among models."""

    name = "chooser"
    chosen_on: ClassVar[list[tuple[list[int], list[float]]]] = []

    def choose_model_on(self, archs, targets):
        Chooser.chosen_on.append(([arch.index for arch in archs], targets.tolist()))


@dataclass(frozen=True)
class NearConfig:
    scale: float = 1.0


class Nearest(Predictor):
    """Predicts a hash of the string, and writes down what it is shown; reads any space."""

    name = "nearest-here"
    description = "writes down what it is shown"
    presets: ClassVar[dict[str, Any]] = {"default": NearConfig()}
    requires: ClassVar[type[Space]] = Space
    fits: ClassVar[list[tuple[list[str], list[float], int, Any]]] = []

    @staticmethod
    def guess(arch):
        return float(sum(arch.string.encode()) % 97)

    def fit(self, archs, targets, *, progress=None):
        self.mean = float(targets.mean())
        Nearest.fits.append(([arch.string for arch in archs], targets.tolist(), self.seed, self.metric))

    def predict(self, archs):
        return np.array([self.guess(arch) for arch in archs]), np.full(len(archs), self.config.scale)

    def state(self):
        return {}, {}

    def load_state(self, tensors, meta):
        pass


@pytest.fixture
def spy(monkeypatch, tmp_path):
    """`Spy`, registered with `Chooser`; the current folder is empty."""
    module = types.ModuleType("spying")
    module.Spy, module.Chooser = Spy, Chooser  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spying", module)
    for cls in (Spy, Chooser):
        monkeypatch.setitem(predictors._BUILT_IN, cls.name, f"spying:{cls.__name__}")
    monkeypatch.setattr(Spy, "fits", [])
    monkeypatch.setattr(Spy, "fail_at", None)
    monkeypatch.setattr(Chooser, "chosen_on", [])
    monkeypatch.chdir(tmp_path)
    return Spy


@pytest.fixture
def chooser(spy):
    """`Chooser`, registered."""
    return Chooser


@pytest.fixture
def nearest(monkeypatch, tmp_path):
    """`Nearest`, not registered; the current folder is empty."""
    monkeypatch.setattr(Nearest, "fits", [])
    monkeypatch.chdir(tmp_path)
    return Nearest


@pytest.fixture(scope="module")
def table():
    """Made-up labels of two runs, and a target that is another number."""
    rng = np.random.default_rng(0)
    label, target = rng.uniform(50, 90, (SIZE, 2)), rng.uniform(50, 90, SIZE)
    return TabularBenchmark(
        get_space("nb201"), "cifar10", {LABEL: Column(label, "made up"), TEST: Column(target, "made up")}
    )
