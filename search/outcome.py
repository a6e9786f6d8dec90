"""What a run comes to: the best feasible cell, its regret, and what was paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from nassurrogate.benchmarks import LABEL, TEST, Benchmark
from nassurrogate.search.candidates import Candidates
from nassurrogate.search.ledger import PHASES, Query, finite_or_none
from nassurrogate.search.selection import first_queries, mean_labels

COSTS = ("latency_ms", "params_m", "flops_m")


def describe_cell(
    benchmark: Benchmark, query: Query, constrained: Sequence[str], label: float, n_queries: int
) -> dict[str, Any]:
    """One evaluated cell as JSON: its label, what was predicted before it was known, and its free metrics.

    Args:
        benchmark: where the free metrics are looked up; null for those it lacks.
        query: its first one.
        constrained: further free metrics to name.
        label: the mean over its queries.
        n_queries: how many it had.
    """
    free = {
        name: finite_or_none(benchmark.query(query.index, name).value) if name in benchmark.columns else None
        for name in (*COSTS, *constrained)
    }
    return {
        "arch": query.arch,
        "index": query.index,
        "key": query.key,
        "val_accuracy_pct": label,
        "queries": n_queries,
        "predicted_accuracy_pct": query.predicted_mean,
        **free,
        "feasible": query.feasible,
    }


def summarise(
    benchmark: Benchmark,
    candidates: Candidates,
    queries: Sequence[Query],
    order: np.ndarray,
    *,
    top: int,
    constrained: Sequence[str] = (),
) -> dict[str, Any]:
    """The fields of the result that depend on what was found. Test accuracy is looked up here, once, for the best cell.

    Args:
        benchmark: the truth.
        candidates: what could have been chosen.
        queries: all that was paid.
        order: positions of the first queries of all evaluated cells, best first.
        top: how many cells to list.
        constrained: names of the constrained metrics.
    """
    labels = dict(zip(first_queries(queries).tolist(), zip(*mean_labels(queries), strict=True), strict=True))
    cells = [
        describe_cell(benchmark, queries[place], constrained, float(labels[place][0]), int(labels[place][1]))
        for place in order[:top].tolist()
    ]
    truth = benchmark.column(LABEL).mean
    best = cells[0]
    tested = finite_or_none(benchmark.query(best["index"], TEST).value) if TEST in benchmark.columns else None
    regret, optimum = None, None
    feasible = np.flatnonzero(candidates.satisfies)
    if np.isfinite(truth[feasible]).all():
        ideal = int(feasible[truth[feasible].argmax()])
        regret = float(truth[ideal] - truth[best["index"]])
        optimum = {
            "arch": benchmark.space.parse(ideal).string,
            "index": ideal,
            "val_accuracy_mean_pct": float(truth[ideal]),
        }
    costs = [query.cost_train_time_s for query in queries if query.cost_train_time_s is not None]
    phases = Counter(query.phase for query in queries)
    return {
        "queries": len(queries),
        "phases": {phase: phases[phase] for phase in PHASES},
        "label_cost_s": float(sum(costs)) if len(costs) == len(queries) else None,
        "best": {
            **best,
            "val_accuracy_mean_pct": finite_or_none(float(truth[best["index"]])),
            "test_accuracy_pct": tested,
        },
        "regret_points": regret,
        "optimum": optimum,
        "top": cells,
    }
