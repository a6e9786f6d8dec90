"""Finds the feasible set of a run before its first query."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Benchmark, TabularBenchmark
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError, unknown_choice
from nassurrogate.metric import Metric, known_metric
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.candidates.infeasible import nothing_feasible
from nassurrogate.search.candidates.listed_set import ListedSet
from nassurrogate.search.candidates.open_set import OpenSet
from nassurrogate.search.candidates.table_set import TableSet, first_of_each_class
from nassurrogate.search.candidates.unknown_values import count_unknown, undecided

_log = logging.getLogger(__name__)
_MOST_LISTED = 1 << 15
"""Size of a space up to which all its architectures are listed."""
_CHECKED = 1000
"""Random architectures that estimate the feasible share of a larger space."""


def find_feasible(
    benchmark: Benchmark,
    objective: Metric,
    constraints: Sequence[Constraint],
    rng: np.random.Generator,
    *,
    fidelity: int | None = None,
    prefer: np.ndarray | None = None,
) -> FeasibleSet:
    """What a run on this benchmark may evaluate.

    Each function is evaluated once, through one of its feasible architectures. Where they can be listed it is drawn
    uniformly, since their costs differ. An infeasible architecture never represents its function, and never blocks it.

    Args:
        benchmark: looks up the constrained metrics. Of the objective, only which architectures have a value is read.
        objective: what is evaluated.
        constraints: all must hold; no constraint means that every architecture is feasible.
        rng: draws the representatives.
        fidelity: at which the objective is evaluated.
        prefer: (size,) values; a function is represented by the feasible architecture of the highest one instead of a
            random one (for the oracle).

    Raises `InputError` for a metric that is unknown or costs a query, and if nothing is feasible.
    """
    for constraint in constraints:
        _require_free(benchmark, constraint)
    if isinstance(benchmark, TabularBenchmark):
        kept_as = benchmark.at_fidelity(objective.name, fidelity)
        return _of_table(benchmark, objective, kept_as, constraints, rng, prefer)
    space, members = benchmark.space, benchmark.space.members_if_few(_MOST_LISTED)
    by_function = objective.belongs_to == "function"
    if members is not None:
        whole = OpenSet(benchmark, constraints, members, by_function=by_function)
        if whole.kept.any():
            return _listed(whole, members, rng)
        nobody, where, certain = f"no {space.name} architecture", "in the space", True
    else:
        members = space.sample_at_most(_CHECKED, rng)
        whole = OpenSet(benchmark, constraints, members, by_function=by_function)
        if whole.kept.any() or whole.draw(1, rng):
            return whole
        nobody, where, certain = f"none of {len(members):,} random architectures", "among them", False
    values = {c.metric: benchmark.lookup(members, c.metric) for c in constraints}
    raise nothing_feasible(nobody, where, constraints, values, certain=certain)


def _of_table(
    benchmark: TabularBenchmark,
    objective: Metric,
    label: str,
    constraints: Sequence[Constraint],
    rng: np.random.Generator,
    prefer: np.ndarray | None,
) -> TableSet:
    space = benchmark.space
    values = {constraint.metric: benchmark.column(constraint.metric).mean for constraint in constraints}
    kept = [constraint.check(values[constraint.metric]) for constraint in constraints]
    satisfies = np.logical_and.reduce([np.ones(space.size, dtype=bool), *kept])
    if not satisfies.any():
        raise nothing_feasible(f"no {space.name} architecture", "in the space", constraints, values)
    labelled = np.isfinite(benchmark.column(label).mean)
    feasible = satisfies & labelled
    n_unlabelled = int((satisfies & ~labelled).sum())
    if not feasible.any():
        raise InputError(
            f"none of the {n_unlabelled} architectures that satisfy the constraints has a {label} in "
            f"{space.name}/{benchmark.dataset}; loosen the constraints or import a table that has them"
        )
    if n_unlabelled:
        _log.warning("%d feasible architectures have no %s in the table and are never proposed", n_unlabelled, label)
    violations = {str(c): c.violation(values[c.metric]) for c in constraints}
    if not labelled.all():
        violations["no label"] = np.where(labelled, 0.0, 1.0)
    order = rng.permutation(space.size)
    if prefer is not None:
        order = order[np.argsort(-prefer[order], kind="stable")]
    # A metric that belongs to the architecture differs between equivalent ones: each is a class of its own.
    class_of = space.class_ids() if objective.belongs_to == "function" else np.arange(space.size)
    representatives = first_of_each_class(class_of, order[feasible[order]])
    found = TableSet(space, satisfies, feasible, representatives, violations, class_of)
    found.unknown, found.n_checked = count_unknown(values), space.size
    found.n_unknown = int(undecided(constraints, values, space.size).sum())
    return found


def _listed(whole: OpenSet, members: Sequence[Architecture], rng: np.random.Generator) -> ListedSet:
    """The representatives of a space whose architectures are all listed."""
    keys = whole.keys(members)
    chosen: dict[str, Architecture] = {}
    for place in rng.permutation(len(members)).tolist():
        if whole.kept[place]:
            chosen.setdefault(keys[place], members[place])
    order = [key for key in dict.fromkeys(keys) if key in chosen]
    equals: dict[Hashable, list[Architecture]] = {}
    for key, arch, kept in zip(keys, members, whole.kept.tolist(), strict=True):
        if kept:
            equals.setdefault(key, []).append(arch)
    return ListedSet(whole, [chosen[key] for key in order], order, equals)


def _require_free(benchmark: Benchmark, constraint: Constraint) -> None:
    metric, free = constraint.metric, benchmark.free_metrics()
    about = benchmark.metrics.get(metric) or known_metric(metric)
    if about.needs_training and (metric in benchmark.metrics or about.direction is not None):
        raise InputError(
            f"cannot constrain {metric!r}: it is known only after training, which costs a query; "
            f"metrics that need no query: {', '.join(free) or 'none'}"
        )
    if isinstance(benchmark, TabularBenchmark) and benchmark.unreadable and metric not in free:
        raise benchmark.no_such_metric(metric)
    if metric not in free:
        raise unknown_choice("metric", metric, free, place=f" in the constraint '{constraint}'")
