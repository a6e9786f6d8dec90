"""Spends the rest of the budget on cheaper equivalent architectures, once every feasible function is evaluated."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Benchmark
from nassurrogate.constraints import Constraint
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.queries.evaluator import Evaluator
from nassurrogate.search.queries.proposals import Proposal, Wait
from nassurrogate.search.strategy.selection import first_queries

COSTS = ("latency_ms", "params_m", "flops_m")
"""The usual costs of an architecture, by which the cheapest equivalent is chosen."""
EQUIVALENT = "equivalent"
"""How the ledger marks such queries, in `proposed_by`."""


def cheaper_equivalents(
    evaluator: Evaluator, feasible: FeasibleSet, benchmark: Benchmark, constraints: Sequence[Constraint]
) -> Generator[Proposal | Wait, None, int]:
    """Propose the cheapest feasible equivalent of each evaluated architecture, best functions first.

    Equivalent architectures differ in their costs and in the noise of their training. Cheaper means less of the first
    constrained metric (more of it, for a lower bound); ties are broken by the next one, then by latency, parameters
    and FLOPs.

    Args:
        evaluator: keeps what was evaluated; at most one more architecture of each function is proposed.
        feasible: lists equivalent architectures.
        benchmark: looks up costs.
        constraints: the run's constraints.

    Returns how many were proposed.
    """
    free = benchmark.free_metrics()
    directions = {c.metric: 1.0 if c.operator in ("<=", "<") else -1.0 for c in reversed(constraints)}
    directions = {name: directions[name] for name in reversed(directions)}
    directions |= {name: 1.0 for name in COSTS if name in free and name not in directions}
    if not directions:
        return 0

    def costs(archs: Sequence[Architecture]) -> list[tuple[float, ...]]:
        columns = [sign * benchmark.lookup(archs, name) for name, sign in directions.items()]
        return [tuple(row) for row in np.nan_to_num(np.stack(columns, axis=1), nan=np.inf).tolist()]

    yield Wait()
    archs, queries, sign = evaluator.archs, evaluator.labelled, evaluator.objective.sign
    n_done = 0
    for place in sorted(first_queries(queries).tolist(), key=lambda at: -sign * queries[at].value):
        others = feasible.equivalents(archs[place])
        if evaluator.budget == evaluator.n_asked:
            break
        if not others:
            continue
        mine, *theirs = costs([archs[place], *others])
        cheapest = min(range(len(others)), key=theirs.__getitem__)
        if theirs[cheapest] < mine:
            yield Proposal(others[cheapest], "search", EQUIVALENT, equivalent=True)
            n_done += 1
    yield Wait()
    return n_done
