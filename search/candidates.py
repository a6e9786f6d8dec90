"""What may be proposed: the cells that keep every constraint, looked up exactly before the first query."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nassurrogate.benchmarks import LABEL, Benchmark, is_paid
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError, unknown_choice
from nassurrogate.search.searcher import Domain
from nassurrogate.spaces import Space

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidates:
    """The part of a space that a run may pay for.

    Args:
        domain: the same for the searcher; its `feasible` leaves out cells whose label is missing.
        satisfies: (size,) bool, which cells keep every constraint, labelled or not.
        n_unlabelled: cells that keep every constraint but have no label in the table: never proposed, never paid.
    """

    domain: Domain
    satisfies: np.ndarray
    n_unlabelled: int

    @property
    def n_space(self) -> int:
        """Strings in the space."""
        return len(self.satisfies)

    @property
    def n_feasible(self) -> int:
        """Strings that keep every constraint."""
        return int(self.satisfies.sum())

    @property
    def n_feasible_classes(self) -> int:
        """Classes that can be paid for: those with a labelled member that keeps every constraint."""
        return len(self.domain.representatives)

    def describe(self) -> str:
        """One line for the user, before the search."""
        missing = f"; {self.n_unlabelled} of them have no label and are left out" if self.n_unlabelled else ""
        return (
            f"{self.n_feasible:,} of {self.n_space:,} cells satisfy the constraints "
            f"({self.n_feasible_classes:,} different functions){missing}"
        )


def find_candidates(
    benchmark: Benchmark,
    constraints: Sequence[Constraint],
    rng: np.random.Generator,
    *,
    prefer: np.ndarray | None = None,
) -> Candidates:
    """The feasible part of a benchmark's space, from its free columns.

    Every class is represented by one of its feasible members, drawn uniformly: twins cost differently, and a class is
    paid for once. An infeasible twin never stands for a class, and never blocks it.

    Args:
        benchmark: whose columns decide. The label column tells only where labels are missing.
        constraints: all must hold; no constraint means that every cell is feasible.
        rng: draws the representatives.
        prefer: (size,) a class is represented by its feasible member of the highest value instead (for the oracle).

    Raises `InputError` for a metric that is unknown or costs a query, and where no cell is left.
    """
    values = {constraint.metric: _free_values(benchmark, constraint) for constraint in constraints}
    kept = [constraint.check(values[constraint.metric]) for constraint in constraints]
    satisfies = np.logical_and.reduce([np.ones(benchmark.space.size, dtype=bool), *kept])
    if not satisfies.any():
        raise _nobody(benchmark, constraints, values, kept)
    labelled = np.isfinite(benchmark.column(LABEL).mean)
    feasible = satisfies & labelled
    n_unlabelled = int((satisfies & ~labelled).sum())
    if not feasible.any():
        raise InputError(
            f"none of the {n_unlabelled} cells that satisfy the constraints has a {LABEL} in "
            f"{benchmark.space.name}/{benchmark.dataset}; loosen the constraints or import a table that has them"
        )
    if n_unlabelled:
        _log.warning("%d feasible cells have no %s in the table and are never proposed", n_unlabelled, LABEL)
    violations = {str(c): c.violation(values[c.metric]) for c in constraints}
    if not labelled.all():
        violations["no label"] = np.where(labelled, 0.0, 1.0)
    order = rng.permutation(benchmark.space.size)
    if prefer is not None:
        order = order[np.argsort(-prefer[order], kind="stable")]
    representatives = first_of_each_class(benchmark.space, order[feasible[order]])
    return Candidates(Domain(benchmark.space, feasible, representatives, violations), satisfies, n_unlabelled)


def first_of_each_class(space: Space, indices: np.ndarray) -> np.ndarray:
    """(C,) for every class among (n,) indices the one that comes first, in the order of class numbers."""
    _, first = np.unique(space.class_ids()[indices], return_index=True)
    return indices[first]


def _free_values(benchmark: Benchmark, constraint: Constraint) -> np.ndarray:
    metric, free = constraint.metric, benchmark.free_metrics()
    if is_paid(metric):
        raise InputError(
            f"cannot constrain {metric!r}: knowing it means training the cell, which costs a query; "
            f"metrics that cost none: {', '.join(free)}"
        )
    if metric not in free:
        raise unknown_choice("metric", metric, free, place=f" in the constraint '{constraint}'")
    return benchmark.column(metric).mean


def _nobody(
    benchmark: Benchmark, constraints: Sequence[Constraint], values: dict[str, np.ndarray], kept: Sequence[np.ndarray]
) -> InputError:
    name = benchmark.space.name
    for constraint, satisfied in zip(constraints, kept, strict=True):
        if not satisfied.any():
            known = values[constraint.metric][np.isfinite(values[constraint.metric])]
            if not known.size:
                reason = f"the table has no value of {constraint.metric}"
                return InputError(f"no {name} cell satisfies {constraint}: {reason}")
            least = constraint.operator in ("<=", "<")
            word, extreme = ("smallest", known.min()) if least else ("largest", known.max())
            hint = f"{constraint.metric}{constraint.operator[0]}={_loosened(float(extreme), least)}"
            return InputError(
                f"no {name} cell satisfies {constraint}; the {word} {constraint.metric} there is is {extreme:.6g}: "
                f"{hint!r} is the nearest that leaves any"
            )
    alone = ", ".join(f"{constraint}: {mask.sum():,}" for constraint, mask in zip(constraints, kept, strict=True))
    return InputError(f"no {name} cell satisfies all constraints together; cells that satisfy each alone: {alone}")


def _loosened(extreme: float, upward: bool) -> str:
    """`extreme` in few digits, rounded to the side that keeps it feasible."""
    for digits in range(4, 17):
        text = f"{extreme:.{digits}g}"
        if (float(text) >= extreme) if upward else (float(text) <= extreme):
            return text
    return repr(extreme)
