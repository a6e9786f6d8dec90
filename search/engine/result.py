"""The result of a run: the best feasible architecture, its regret if the optimum is known, and what was spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import LABEL, TEST, Benchmark, TabularBenchmark
from nassurrogate.metric import Metric
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.candidates.table_set import TableSet
from nassurrogate.search.record.ledger import PHASES, Query, finite_or_none
from nassurrogate.search.strategy.equivalents import COSTS
from nassurrogate.search.strategy.selection import first_queries, mean_labels
from nassurrogate.spaces import CategoricalSpace


class Outcome:
    """Computes the fields of the result from the queries of a run.

    Args:
        benchmark: looks up the metrics that cost no query.
        feasible: what could have been chosen.
        objective: the metric of the labels.
        queries: the queries that gave a label.
        archs: their architectures.
        constrained: names of the constrained metrics.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        feasible: FeasibleSet,
        objective: Metric,
        queries: Sequence[Query],
        archs: Sequence[Architecture],
        constrained: Sequence[str] = (),
    ) -> None:
        self._benchmark, self._feasible, self._objective = benchmark, feasible, objective
        self._queries, self._archs = queries, archs
        # A table may have dozens of latencies: list only the usual costs and the constrained metrics.
        others = constrained if isinstance(benchmark, TabularBenchmark) else benchmark.free_metrics()
        self._free = dict.fromkeys((*COSTS, *others))
        values, counts = mean_labels(queries)
        self._labels = dict(zip(first_queries(queries).tolist(), zip(values, counts, strict=True), strict=True))

    def summary(self, order: np.ndarray, *, top: int) -> dict[str, Any]:
        """The best, its regret, and the next best. Test accuracy is looked up here, once, for the best one.

        Args:
            order: positions of the first queries of all evaluated architectures, best first.
            top: how many to list.
        """
        listed = [self._described(place) for place in order[:top].tolist()]
        chosen = self._archs[order[0]]
        true, regret, optimum = self._compared(chosen)
        is_label = self._objective.name == LABEL
        return {
            "best": {
                **listed[0],
                "val_accuracy_mean_pct": true if is_label else None,
                "test_accuracy_pct": self._tested(int(order[0])),
                "mean_value": true,
            },
            "regret_points": regret,
            "optimum": optimum,
            "top": listed,
        }

    def _described(self, place: int) -> dict[str, Any]:
        """One evaluated architecture as JSON, from its first query."""
        query, arch = self._queries[place], self._archs[place]
        label, n_queries = float(self._labels[place][0]), int(self._labels[place][1])
        is_label = self._objective.name == LABEL
        return {
            "arch": query.arch,
            "index": query.index,
            "key": query.key,
            "val_accuracy_pct": label if is_label else (query.values or {}).get(LABEL),
            "queries": n_queries,
            "predicted_accuracy_pct": query.predicted_mean if is_label else None,
            **{name: self._looked_up(arch, name) for name in self._free},
            "feasible": query.feasible,
            "value": label,
            "predicted_value": query.predicted_mean,
            "values": dict(query.values or {}),
            "choices": arch.choices if isinstance(arch.space, CategoricalSpace) else None,
        }

    def _looked_up(self, arch: Architecture, metric: str) -> float | None:
        if metric not in self._benchmark.free_metrics():
            return None
        return finite_or_none(self._benchmark.lookup([arch], metric)[0])

    def _tested(self, place: int) -> float | None:
        """Test accuracy of the chosen architecture: its label, or from the table, or returned with the label."""
        if self._objective.name == TEST:
            return float(self._labels[place][0])
        if isinstance(self._benchmark, TabularBenchmark) and TEST in self._benchmark.metrics:
            return finite_or_none(self._benchmark.query(self._archs[place], TEST).value)
        return (self._queries[place].values or {}).get(TEST)

    def _compared(self, chosen: Architecture) -> tuple[float | None, float | None, dict[str, Any] | None]:
        """The chosen architecture's true mean, its regret and the optimum; None for what no table knows."""
        if not (isinstance(self._benchmark, TabularBenchmark) and isinstance(self._feasible, TableSet)):
            return None, None, None
        truth = self._benchmark.column(self._objective.name).mean
        true = float(truth[self._benchmark.space.index(chosen)])
        feasible = np.flatnonzero(self._feasible.satisfies)
        if not np.isfinite(truth[feasible]).all():
            return finite_or_none(true), None, None
        if self._feasible.n_unknown:
            return finite_or_none(true), None, None  # one of the unknown may be better
        sign = self._objective.sign
        ideal = int(feasible[(sign * truth[feasible]).argmax()])
        optimum = {
            "arch": self._benchmark.space.take([ideal])[0].string,
            "index": ideal,
            "val_accuracy_mean_pct": float(truth[ideal]) if self._objective.name == LABEL else None,
            "value": float(truth[ideal]),
        }
        return true, float(sign * (truth[ideal] - true)) + 0.0, optimum  # no negative zero


def spent(queries: Sequence[Query]) -> dict[str, Any]:
    """Queries and training time spent, failures included."""
    costs = [query.cost_train_time_s for query in queries if query.cost_train_time_s is not None]
    phases = Counter(query.phase for query in queries)
    return {
        "queries": len(queries),
        "phases": {phase: phases[phase] for phase in PHASES},
        "n_failed": sum(query.label is None for query in queries),
        "label_cost_s": float(sum(costs)) if len(costs) == len(queries) else None,
    }


def metric_sources(benchmark: Benchmark, metrics: Iterable[str]) -> dict[str, str]:
    """Metric → where its values come from, for the metrics of a table; empty for other benchmarks."""
    if not isinstance(benchmark, TabularBenchmark):
        return {}
    return {name: benchmark.origin(name) for name in dict.fromkeys(metrics) if name in benchmark.metrics}
