"""The truth in place of a surrogate: the upper bound of every search."""

from __future__ import annotations

from collections.abc import Sequence

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import TabularBenchmark
from nassurrogate.benchmarks.oracle import Oracle
from nassurrogate.metric import Metric
from nassurrogate.search.surrogates.base import FitProgress, Posterior, SearchSurrogate


class OracleSurrogate(SearchSurrogate):
    """Predicts the true mean labels of a table, with deviation 0.

    Args:
        benchmark: the table.
        objective: the metric of the labels.
        fidelity: of the labels; None: the full training.
    """

    def __init__(self, benchmark: TabularBenchmark, objective: Metric, *, fidelity: int | None = None) -> None:
        super().__init__()
        self._oracle = Oracle(benchmark, benchmark.at_fidelity(objective.name, fidelity))
        self._sign = objective.sign
        self._pool: list[Architecture] = []

    def fit(self, archs: Sequence[Architecture], labels: Sequence[float], progress: FitProgress | None = None) -> None:
        """Does nothing: the truth needs no fit."""

    def add(self, archs: Sequence[Architecture]) -> None:
        self._pool += archs

    def posterior(self) -> Posterior:
        return self.posterior_of(self._pool)

    def posterior_of(self, archs: Sequence[Architecture]) -> Posterior:
        true = self.predict(archs)
        return Posterior(self._sign * true.mean, true.std)

    def best_score(self, labels: Sequence[float]) -> float | None:
        return max((self._sign * label for label in labels), default=None)

    def predict(self, archs: Sequence[Architecture]) -> Posterior:
        self.predictor_calls += len(archs)
        return Posterior(*self._oracle.predict(archs))
