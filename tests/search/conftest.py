"""Benchmarks and domains that the tests of the search share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nassurrogate.benchmarks import LABEL, Benchmark, Column, load_benchmark
from nassurrogate.search.searcher import Domain
from nassurrogate.spaces import get_space

SPACE = get_space("nb201")
FAST = {"members": 2, "rounds": 20}
"""Gradient boosting that fits in milliseconds: good enough to guide a test."""


@pytest.fixture(scope="session")
def bench() -> Benchmark:
    """The embedded table of cifar10."""
    return load_benchmark("nb201", "cifar10")


@pytest.fixture(scope="session")
def fake_bench() -> Callable[..., Benchmark]:
    """A benchmark of made-up columns: `fake_bench(labels, latency_ms=…)`; labels are (size,) or (size, seeds)."""

    def make(labels: np.ndarray, dataset: str = "made-up", **columns: np.ndarray) -> Benchmark:
        named = {LABEL: labels, **columns}
        return Benchmark(SPACE, dataset, {name: Column(values, "made up") for name, values in named.items()})

    return make


@pytest.fixture(scope="session")
def make_domain() -> Callable[[np.ndarray], Domain]:
    """The domain in which exactly the masked indices are feasible."""

    def make(feasible: np.ndarray) -> Domain:
        allowed = np.flatnonzero(feasible)
        _, first = np.unique(SPACE.class_ids()[allowed], return_index=True)
        return Domain(SPACE, feasible, allowed[first], {"bound": np.where(feasible, 0.0, 1.0)})

    return make
