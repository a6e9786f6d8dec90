"""Ground truth: the interface of every benchmark, whether it looks up values in a table or trains networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, unknown_choice
from nassurrogate.metric import Metric
from nassurrogate.nan_equality import NanEqual
from nassurrogate.spaces import Space

LABEL = "val_accuracy_pct"
"""The objective of a search, if a benchmark has it."""
TEST = "test_accuracy_pct"
"""The metric looked up once, for the final architecture."""

Status: TypeAlias = Literal["ok", "failed", "missing"]


@dataclass(frozen=True, eq=False)
class Evaluation(NanEqual):
    """The result of one query of one architecture.

    Args:
        arch: the architecture.
        values: by metric; empty unless the status is `"ok"`.
        n_seeds: by metric, the number of training seeds that a value is the mean of; 0 for what needs no training.
        cost_s: seconds of training at its fidelity; NaN if unknown.
        status: `"ok"`; `"failed"` if the training gave no number; `"missing"` if a table has none.
        reason: why it is not `"ok"`, in one line.
        seed: of the training; None for a mean over seeds.
        fidelity: such as a number of epochs; None for the full training.
    """

    arch: Architecture
    values: Mapping[str, float] = field(default_factory=dict)
    n_seeds: Mapping[str, int] = field(default_factory=dict)
    cost_s: float = float("nan")
    status: Status = "ok"
    reason: str = ""
    seed: int | None = None
    fidelity: int | None = None


class Benchmark(ABC):
    """The ground truth of one space on one data set.

    A subclass has the attributes below and implements `evaluate`, and `lookup` if some metrics cost nothing. To
    register it, list it in a package's entry points, group `nassurrogate.benchmarks`: a `Benchmark`, or a function
    without arguments that returns one. `nassurrogate.testing.BenchmarkContract` tests every requirement.

    Attributes:
        space: whose architectures it evaluates.
        dataset: name of the data set.
        metrics: what can be evaluated or looked up, by name.
        sources: where the numbers come from.
    """

    space: Space
    dataset: str
    metrics: Mapping[str, Metric]
    sources: tuple[str, ...] = ()

    @property
    def objective(self) -> Metric:
        """The default objective of a search: `val_accuracy_pct`, else the only metric that needs training.

        Raises `InputError` if several could be meant.
        """
        if LABEL in self.metrics:
            return self.metrics[LABEL]
        trained = [metric for metric in self.metrics.values() if metric.needs_training]
        if len(trained) != 1:
            raise InputError(
                f"{self.space.name}/{self.dataset} has no {LABEL}; say which metric is the objective: "
                f"{', '.join(self.metrics)}"
            )
        return trained[0]

    def no_such_metric(self, metric: object, kind: str = "metric") -> InputError:
        """The error for a metric that the benchmark lacks.

        Args:
            metric: the name given.
            kind: what it was given as, such as `"objective"`.
        """
        return unknown_choice(kind, metric, self.metrics, place=f" of {self.space.name}/{self.dataset}")

    @abstractmethod
    def evaluate(
        self,
        archs: Sequence[Architecture],
        metrics: Sequence[str] | None = None,
        *,
        seed: int | None = None,
        fidelity: int | None = None,
    ) -> list[Evaluation]:
        """Query n architectures; a failed training gives an `Evaluation` with status `"failed"`, never an exception.

        Args:
            archs: n architectures of the space.
            metrics: names; None: the objective.
            seed: of the training; None: the mean over all available seeds.
            fidelity: such as a number of epochs; None: the full training.

        Raises `InputError` for an unknown metric or fidelity.
        """

    def lookup(self, archs: Sequence[Architecture], metric: str) -> np.ndarray:
        """(n,) values of a metric that costs no query; NaN where unknown. By default, exact costs of the space.

        Raises `InputError` for an unknown metric, and for one that needs training.
        """
        self._require_free(metric)
        costs = self.space.costs(archs, self.dataset)
        return costs[metric] if metric in costs else np.full(len(archs), np.nan)

    def _require_free(self, metric: str) -> None:
        if metric not in self.metrics:
            raise unknown_choice("metric", metric, self.metrics, place=f" of {self.space.name}/{self.dataset}")
        if metric not in self.free_metrics():
            raise InputError(f"{metric!r} cannot be looked up: it is known only after training, which costs a query")

    def free_metrics(self) -> list[str]:
        """Names of metrics that cost no query: what can be known of an architecture without training it."""
        return [name for name, metric in self.metrics.items() if not metric.needs_training]

    def at_fidelity(self, metric: str, fidelity: int | None) -> str:
        """The name of a metric at that fidelity. Raises `InputError` for an unknown fidelity."""
        return metric

    def seeds(self, arch: Architecture, metric: str) -> Sequence[int] | None:
        """The training seeds that can be queried; None: any seed, and each is a separate training."""
        return None

    @property
    def sha256(self) -> str | None:
        """A checksum of all numbers; None for a benchmark that cannot know them."""
        return None


def require_metrics(benchmark: Benchmark, metrics: Sequence[str] | None) -> list[str]:
    """The requested metrics; None: the objective. Raises `InputError` for one that the benchmark lacks."""
    if metrics is None:
        return [benchmark.objective.name]
    for metric in metrics:
        if metric not in benchmark.metrics:
            place = f" of {benchmark.space.name}/{benchmark.dataset}"
            raise unknown_choice("metric", metric, benchmark.metrics, place=place)
    return list(metrics)
