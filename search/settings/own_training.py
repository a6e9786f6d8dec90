"""Checks what a search is told about the user's own training: the problem, and where its evaluations run."""

from __future__ import annotations

import math
from concurrent.futures import Executor
from numbers import Real
from pathlib import Path

from nassurrogate.benchmarks import Benchmark, Evaluate, Problem, load_problem
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError, brief


def problem_of(
    problem: str | Path | Problem,
    benchmark: Benchmark | None,
    evaluate: Evaluate | None,
    table: str | None,
    limit_s: float | None,
) -> Problem:
    """The ground truth of a problem file. Raises `InputError` if another ground truth is given too.

    Args:
        problem: the file, which is the user's own code and is run as such.
        benchmark: must be None.
        evaluate: must be None.
        table: must be None.
        limit_s: seconds after which an evaluation is ended; None: no limit.
    """
    for name, value in (("benchmark", benchmark), ("evaluate", evaluate), ("table", table)):
        if value is not None:
            raise InputError(f"the problem file is the ground truth; leave {name} out")
    loaded = problem if isinstance(problem, Problem) else load_problem(problem)
    return loaded.with_options(time_limit_s=checked_seconds("evaluation_limit_s", limit_s))


def declared_constraints(benchmark: Benchmark) -> list[Constraint]:
    """The constraints that a problem file declares."""
    if not isinstance(benchmark, Problem):
        return []
    return [each for text in benchmark.constraints for each in Constraint.parse_all(text)]


def checked_workers(workers: int | None, executor: Executor | None, dask: str | None) -> int:
    """How many evaluations run at once. Raises `InputError` if that cannot be known, or is no number from 1."""
    if executor is not None and (isinstance(executor, type) or not callable(getattr(executor, "submit", None))):
        raise InputError(
            "executor must be a concurrent.futures.Executor, or have its method submit as submitit's executors do, got "
            f"{brief(executor)}"
        )
    if executor is not None and dask is not None:
        raise InputError("executor and dask both say where evaluations run; leave one of the two out")
    if workers is None:
        if executor is None and dask is None:
            return 1
        where = "executor" if dask is None else "dask"
        raise InputError(f"{where} needs workers=N (--workers N): how many evaluations run at once")
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise InputError(f"workers must be a whole number from 1, got {brief(workers)}")
    return workers


def checked_seconds(name: str, value: float | None) -> float | None:
    """A duration. Raises `InputError` unless it is a number above 0, or None.

    Args:
        name: of the argument.
        value: in seconds.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value <= 0:
        raise InputError(f"{name} must be a number of seconds above 0, got {brief(value)}")
    return float(value)
