"""The feasible set of a run, found before the first query; where it is empty, the nearest bound that leaves any."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Benchmark, TabularBenchmark
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError, unknown_choice
from nassurrogate.metric import Metric, known_metric
from nassurrogate.search.candidates.feasible_set import FeasibleSet, ListedSet, count_unknown, undecided
from nassurrogate.search.candidates.open_set import OpenSet
from nassurrogate.search.candidates.table_set import TableSet, first_of_each_class

_log = logging.getLogger(__name__)
MOST_LISTED = 1 << 15
"""Architectures of a space up to which all are listed."""
_CHECKED = 1000
"""Random architectures that tell the feasible share of a larger one."""


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

    Equal functions are evaluated once, through one of their feasible members, drawn uniformly where they can be listed:
    they cost differently. An infeasible member never stands for its class, and never blocks it.

    Args:
        benchmark: looks up what is constrained. Of the objective only that tells where a table has none.
        objective: what is evaluated.
        constraints: all must hold; no constraint means that every architecture is feasible.
        rng: draws the representatives.
        fidelity: at which the objective is evaluated.
        prefer: (size,) a class is represented by its feasible member of the highest value instead (for the oracle).

    Raises `InputError` for a metric that is unknown or costs a query, and where nothing is feasible.
    """
    for constraint in constraints:
        _require_free(benchmark, constraint)
    if isinstance(benchmark, TabularBenchmark):
        kept_as = benchmark.at_fidelity(objective.name, fidelity)
        return _of_table(benchmark, objective, kept_as, constraints, rng, prefer)
    space, members = benchmark.space, benchmark.space.members_if_few(MOST_LISTED)
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
    raise _nobody(nobody, where, constraints, values, certain=certain)


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
        raise _nobody(f"no {space.name} architecture", "in the space", constraints, values)
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
    # What belongs to the architecture differs between equal functions: each stands for itself.
    class_of = space.class_ids() if objective.belongs_to == "function" else np.arange(space.size)
    representatives = first_of_each_class(class_of, order[feasible[order]])
    found = TableSet(space, satisfies, feasible, representatives, violations, class_of)
    found.unknown, found.n_checked = count_unknown(values), space.size
    found.n_unknown = int(undecided(constraints, values, space.size).sum())
    return found


def unknown_note(feasible: FeasibleSet) -> str:
    """The warning that a constrained metric is unknown for some architectures; empty if there are none."""
    if not feasible.unknown:
        return ""
    n = feasible.n_checked
    all_of_them = f"{n:,} {'sampled ' if feasible.is_estimate else ''}architectures"
    known = "; ".join(
        f"{metric} is known for {n - missing:,} of {all_of_them}" for metric, missing in feasible.unknown.items()
    )
    if feasible.n_unknown == 0:
        return f"{known}; the other constraints rule out the rest"
    open_ones = "" if feasible.n_unknown is None else f" {feasible.n_unknown:,}"
    learn = " and ".join(f"`nassurrogate train --csv … --metric {metric}`" for metric in feasible.unknown)
    return (
        f"{known}: whether the other{open_ones} satisfy the constraints is unknown, so they are never proposed and no "
        f"regret is claimed; {learn} learns to predict it from the known values"
    )


def _listed(whole: OpenSet, members: Sequence[Architecture], rng: np.random.Generator) -> ListedSet:
    """The same without a table, and so without arrays."""
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


def _nobody(
    nobody: str,
    where: str,
    constraints: Sequence[Constraint],
    values: Mapping[str, np.ndarray],
    *,
    certain: bool = True,
) -> InputError:
    """Why nothing is feasible.

    Args:
        nobody: what was looked at, such as `no nb201 architecture`.
        where: which were looked at.
        constraints: all that must hold.
        values: metric → (n,) what was looked at.
        certain: whether that was everything.
    """
    kept = [constraint.check(values[constraint.metric]) for constraint in constraints]
    for constraint, satisfied in zip(constraints, kept, strict=True):
        if not satisfied.any():
            known = values[constraint.metric][np.isfinite(values[constraint.metric])]
            if not known.size:
                return InputError(f"{nobody} satisfies {constraint}: no value of {constraint.metric} is known")
            who, among = nobody, where
            if known.size < len(values[constraint.metric]):
                who, among = _of_known(nobody, known.size, [constraint.metric]), "among them"
            least = constraint.operator in ("<=", "<")
            word, extreme = ("smallest", known.min()) if least else ("largest", known.max())
            hint = f"{constraint.metric}{constraint.operator[0]}={_loosened(float(extreme), least)}"
            advice = "is the nearest bound that any of them meets" if certain else "is a bound that one of them meets"
            return InputError(
                f"{who} satisfies {constraint}; the {word} {constraint.metric} {among} is {extreme:.6g}: "
                f"{hint!r} {advice}{_unknown(values)}"
            )
    alone = ", ".join(f"{constraint}: {mask.sum():,}" for constraint, mask in zip(constraints, kept, strict=True))
    known_of_all = np.logical_and.reduce([np.isfinite(column) for column in values.values()])
    who = nobody if known_of_all.all() else _of_known(nobody, int(known_of_all.sum()), list(count_unknown(values)))
    return InputError(
        f"{who} satisfies all constraints together; those that satisfy each alone: {alone}{_unknown(values)}"
    )


def _of_known(nobody: str, n: int, metrics: Sequence[str]) -> str:
    """`nobody` of those alone whose metrics are known: of the others, nothing can be said."""
    return f"{nobody}, of the {n:,} with a known {' and '.join(metrics)},"


def _unknown(values: Mapping[str, np.ndarray]) -> str:
    """How many values are unknown, to end a sentence with."""
    return "".join(
        f"; {metric} is unknown for {count:,} of {len(values[metric]):,}"
        for metric, count in count_unknown(values).items()
    )


def _loosened(extreme: float, upward: bool) -> str:
    """`extreme` in few digits, rounded to the side that keeps it feasible."""
    for digits in range(4, 17):
        text = f"{extreme:.{digits}g}"
        if (float(text) >= extreme) if upward else (float(text) <= extreme):
            return text
    return repr(extreme)
