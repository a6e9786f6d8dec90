"""Tables and functions, failing ones too, pass the suite that third parties run."""

from __future__ import annotations

import numpy as np

from nassurrogate import Architecture
from nassurrogate.benchmarks import TEST, Benchmark, CallableBenchmark, Column, TabularBenchmark, load_benchmark
from nassurrogate.metric import Metric
from nassurrogate.spaces import CategoricalSpace
from nassurrogate.spaces.categorical.enumerable import EnumerableCategoricalSpace
from nassurrogate.testing import BenchmarkContract


def costs(arch: Architecture) -> dict[str, float]:
    return {"params_m": float(sum(arch.choices.values()))}


SLOTS = {"first": [1, 2, 3, 4], "second": [1, 2, 3, 4], "third": [0, 1]}
SMALL = EnumerableCategoricalSpace("small", SLOTS, costs=costs)
WIDE = CategoricalSpace("wide", {f"slot{place}": [1, 2, 3, 4, 5] for place in range(30)}, costs=costs)


def steady(arch: Architecture) -> float:
    return 50.0 + costs(arch)["params_m"] % 7


def seeded(arch: Architecture, seed: int, fidelity: int | None) -> dict[str, float]:
    accuracy = 50.0 + np.random.default_rng([seed, len(arch.string)]).random() - 1.0 / (fidelity or 200)
    return {"charm": accuracy, "val_loss": 1.0 / accuracy}


def falling_over(arch: Architecture) -> float | None:
    number = int(costs(arch)["params_m"])
    if number % 4 == 0:
        raise RuntimeError("out\nof memory")
    return {1: float("nan"), 2: None}.get(number % 4, 60.0 + number / 10)


def hopeless(arch: Architecture) -> float:
    raise FileNotFoundError("no data")


class TestNb201(BenchmarkContract):
    def make(self) -> Benchmark:
        return load_benchmark("nb201", "cifar10", table="embedded")


class TestSmallTable(BenchmarkContract):
    """Like the macro space: three seeds, test accuracy alone, and here some that are missing."""

    def make(self) -> Benchmark:
        archs = list(SMALL.all())
        accuracy = np.array([[steady(arch) + seed / 10 for seed in range(3)] for arch in archs])
        accuracy[3] = accuracy[8, 1:] = np.nan
        params = np.array([costs(arch)["params_m"] for arch in archs])
        columns = {TEST: Column(accuracy, "made up"), "params_m": Column(params, "exact")}
        return TabularBenchmark(SMALL, "made-up", columns, ("made up",), own_objective=TEST)


class TestSteady(BenchmarkContract):
    benchmark = CallableBenchmark(WIDE, steady)


class TestSeeded(BenchmarkContract):
    benchmark = CallableBenchmark(WIDE, seeded, [Metric("charm", direction="maximize"), "val_loss"], dataset="seeds")


class TestLoss(BenchmarkContract):
    benchmark = CallableBenchmark(SMALL, steady, "val_loss")


class TestFallingOver(BenchmarkContract):
    benchmark = CallableBenchmark(WIDE, falling_over)  # type: ignore[arg-type]
    n_sampled = 24


class TestHopeless(BenchmarkContract):
    benchmark = CallableBenchmark("nb201", hopeless)
