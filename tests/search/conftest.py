"""Benchmarks, spaces and feasible sets that the tests of the search share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import LABEL, Benchmark, Column, Evaluation, TabularBenchmark, load_benchmark
from nassurrogate.predictors.base import Predictor
from nassurrogate.search import Query, run
from nassurrogate.search.candidates.table_set import TableSet, first_of_each_class
from nassurrogate.spaces import get_space

SPACE = get_space("nb201")
CLASSES = SPACE.class_ids()
FAST = {"members": 2, "rounds": 20}
"""Gradient boosting that fits in milliseconds: good enough to guide a test."""


@pytest.fixture(scope="session")
def bench() -> TabularBenchmark:
    """The embedded table of cifar10."""
    return load_benchmark("nb201", "cifar10")


@pytest.fixture(scope="session")
def fake_bench() -> Callable[..., TabularBenchmark]:
    """A benchmark of made-up columns: `fake_bench(labels, latency_ms=…)`; labels are (size,) or (size, seeds)."""

    def make(labels: np.ndarray, dataset: str = "made-up", **columns: np.ndarray) -> TabularBenchmark:
        named = {LABEL: labels, **columns}
        return TabularBenchmark(SPACE, dataset, {name: Column(values, "made up") for name, values in named.items()})

    return make


@pytest.fixture(scope="session")
def make_feasible() -> Callable[[np.ndarray], TableSet]:
    """The feasible set of exactly the masked indices."""

    def make(feasible: np.ndarray) -> TableSet:
        representatives = first_of_each_class(SPACE.class_ids(), np.flatnonzero(feasible))
        return TableSet(SPACE, feasible, feasible, representatives, {"bound": np.where(feasible, 0.0, 1.0)})

    return make


def at(*indices: int) -> list[Architecture]:
    """The cells of these indices."""
    return SPACE.take(indices)


def classes_of(indices: Any) -> np.ndarray:
    """(n,) the class of every index."""
    return CLASSES[np.asarray(indices, dtype=np.int64)]


class Untabled(Benchmark):
    """A table that a search does not know to be one: all its answers, none of its arrays."""

    def __init__(self, table: TabularBenchmark) -> None:
        self.table = table
        self.space, self.dataset, self.metrics, self.sources = table.space, table.dataset, table.metrics, table.sources

    @property
    def objective(self):
        return self.table.objective

    def evaluate(self, archs, metrics=None, *, seed=None, fidelity=None) -> list[Evaluation]:
        return self.table.evaluate(archs, metrics, seed=seed, fidelity=fidelity)

    def lookup(self, archs, metric):
        return self.table.lookup(archs, metric)

    def seeds(self, arch, metric):
        return self.table.seeds(arch, metric)


@dataclass(frozen=True)
class NoConfig:
    """Nothing to choose."""


class Scripted(Predictor):
    """A predictor for any space that says a number of every architecture, its key's; a base for those that break."""

    name, description = "scripted", "says a number that has nothing to do with the labels"
    presets: ClassVar = {"default": NoConfig()}
    initial_labels = 2

    def fit(self, archs, targets, *, progress=None):
        pass

    def predict(self, archs):
        # Python's own hash of a text differs from process to process.
        mean = np.array([90 + sum(map(ord, arch.key)) % 997 / 100 for arch in archs])
        return mean, np.ones(len(archs))

    def state(self):
        return {}, {}

    def load_state(self, tensors, meta):
        pass


def watched(**options: Any) -> tuple[dict[str, Any], list[Query]]:
    """`run` in memory with seed 0; the result, and the queries in the order in which they were evaluated."""
    queries: list[Query] = []

    def listen(event):
        if event.query is not None:
            queries.append(event.query)

    result = run(**{"seed": 0, "write": False, "listener": listen, **options})
    return result, queries


def departures(result: dict[str, Any]) -> list[str]:
    """Notes of a run that went other ways than planned, without those of settings that matter little and of its end."""
    expected = "has no effect", "have no effect", "is too small for", "exhausted after"
    return [note for note in result["notes"] if not any(text in note for text in expected)]
