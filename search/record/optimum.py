"""The best value that a run could have found, where a table knows it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nassurrogate.benchmarks import Benchmark, TabularBenchmark
from nassurrogate.constraints import Constraint
from nassurrogate.metric import Metric
from nassurrogate.search.candidates.unknown_values import undecided


def optimum_of(objective: Metric, constraints: Sequence[Constraint], benchmark: Benchmark) -> float | None:
    """The mean label of the best feasible architecture, in the objective's unit.

    None if the benchmark is no table, or an architecture of unknown value or cost could be better.
    """
    if not isinstance(benchmark, TabularBenchmark):
        return None
    costs = {bound.metric: benchmark.column(bound.metric).mean for bound in constraints}
    if undecided(constraints, costs, benchmark.space.size).any():
        return None
    feasible = np.ones(benchmark.space.size, dtype=bool)
    for bound in constraints:
        feasible &= bound.check(costs[bound.metric])
    truth = benchmark.column(objective.name).mean[feasible]
    return objective.sign * float((objective.sign * truth).max()) if truth.size and np.isfinite(truth).all() else None
