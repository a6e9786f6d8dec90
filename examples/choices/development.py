"""The data that hyper-parameters are chosen on: only a third of the classes of NAS-Bench-201, on cifar10.

Training and test cells are both inside `development_split`; labels and target are mean validation accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from nassurrogate import Surrogate
from nassurrogate.benchmarks import LABEL, Benchmark, load_benchmark
from nassurrogate.benchmarks.evaluation.protocols import development_split
from nassurrogate.prediction_quality import kendall_tau

Rank: TypeAlias = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]
"""(training cells, their labels, cells to rank, seed) → (B,) scores; cells are indices."""


def benchmark() -> Benchmark:
    """The table of cifar10."""
    return load_benchmark("nb201", "cifar10")


def development_tau(rank: Rank, labels: int, split: int) -> float:
    """Kendall's τ over the development cells that are not among `labels` random ones of them."""
    bench = benchmark()
    truth, cells = bench.column(LABEL).mean, development_split(bench.space)
    order = cells[np.random.default_rng(split).permutation(len(cells))]
    train, test = order[:labels], order[labels:]
    return kendall_tau(rank(train, truth[train], test, split), truth[test])


def by_surrogate(predictor: str, config: dict[str, Any]) -> Rank:
    """Ranking by a surrogate with these hyper-parameters."""

    def rank(train: np.ndarray, targets: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
        surrogate = Surrogate(predictor=predictor, config=config, seed=seed).fit(train.tolist(), targets)
        return np.asarray(surrogate.score(test.tolist()))

    return rank
