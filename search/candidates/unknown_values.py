"""Constrained metrics whose values are unknown for some architectures.

Shapes: n architectures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nassurrogate.constraints import Constraint
from nassurrogate.search.candidates.feasible_set import FeasibleSet


def undecided(constraints: Sequence[Constraint], values: Mapping[str, np.ndarray], n: int) -> np.ndarray:
    """(n,) bool: which architectures may satisfy the constraints but lack a value.

    Args:
        constraints: all must hold.
        values: metric → (n,), NaN where unknown.
        n: number of architectures.
    """
    ruled_out, lacks = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for constraint in constraints:
        missing = np.isnan(values[constraint.metric])
        lacks |= missing
        ruled_out |= ~missing & ~constraint.check(values[constraint.metric])
    return np.asarray(lacks & ~ruled_out)


def count_unknown(values: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Metric → how many of its (n,) values are missing; only metrics with missing values."""
    counts = {metric: int(np.isnan(each).sum()) for metric, each in values.items()}
    return {metric: count for metric, count in counts.items() if count}


def unknown_note(feasible: FeasibleSet) -> str | None:
    """The warning that a constrained metric is unknown for some architectures; None if it is known for all."""
    if not feasible.unknown:
        return None
    n = feasible.n_checked
    all_of_them = f"{n:,} {'sampled ' if feasible.is_estimate else ''}architectures"
    known = "; ".join(
        f"{metric} is known for {n - missing:,} of {all_of_them}" for metric, missing in feasible.unknown.items()
    )
    if feasible.n_unknown == 0:
        return f"{known}; the other constraints rule out the rest"
    open_ones = "" if feasible.n_unknown is None else f" {feasible.n_unknown:,}"
    learn = " and ".join(f"`nassurrogate train --file … --metric {metric}`" for metric in feasible.unknown)
    return (
        f"{known}: whether the other{open_ones} satisfy the constraints is unknown, so they are never proposed and no "
        f"regret is claimed; {learn} learns to predict it from the known values"
    )
