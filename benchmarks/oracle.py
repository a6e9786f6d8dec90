"""The ground truth as a perfect surrogate: an upper bound on what any predictor can do for a search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nassurrogate.benchmarks.base import LABEL
from nassurrogate.benchmarks.tabular.table import TabularBenchmark
from nassurrogate.spaces import ArchLike
from nassurrogate.spaces.base import is_single

ORACLE = "oracle"
"""Its name in place of a predictor's. It is not registered: a surrogate must never see the table."""


class Oracle:
    """Predicts the benchmark's own mean label, with a standard deviation of 0.

    >>> from nassurrogate.benchmarks import load_benchmark
    >>> bench = load_benchmark("nb201", "cifar10")
    >>> bool(Oracle(bench).predict([1])[0][0] == bench.query(1).value)
    True
    """

    def __init__(self, benchmark: TabularBenchmark, metric: str = LABEL) -> None:
        self.space = benchmark.space
        self._mean = benchmark.column(metric).mean

    def predict(self, archs: ArchLike | Sequence[ArchLike]) -> tuple[np.ndarray, np.ndarray]:
        """The true mean over the seeds, in the metric's unit, and zeros, both (B,); NaN if the table has none."""
        batch: Sequence[ArchLike] = [archs] if is_single(archs) else archs  # type: ignore[list-item, assignment]
        mean = self._mean[[self.space.index(arch) for arch in self.space.parse_many(batch)]]
        return mean, np.zeros_like(mean)
