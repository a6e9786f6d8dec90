"""One evaluation, as a function that any executor can run in another process, or on another machine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any, TypeAlias

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Benchmark, Evaluation, EvaluationStoppedError
from nassurrogate.errors import InputError, brief, one_line

Answer: TypeAlias = dict[str, Any]
"""Fields of an evaluation; or `refused`, the message of an `InputError`."""
_FIELDS = ("values", "n_seeds", "cost_s", "status", "reason")


def evaluate_one(
    benchmark: Benchmark, arch: Architecture, metric: str, seed: int | None, fidelity: int | None
) -> Evaluation:
    """The benchmark's evaluation; a failed one if the benchmark raises, or returns anything invalid.

    Args:
        benchmark: the ground truth.
        arch: what is evaluated.
        metric: the objective.
        seed: of the training; None: the mean over all.
        fidelity: None: the full training.

    Raises `InputError`, and `EvaluationStoppedError` if the benchmark was closed meanwhile.
    """
    try:
        (given,) = benchmark.evaluate([arch], [metric], seed=seed, fidelity=fidelity)
        return _checked(given, arch, metric)
    except (InputError, EvaluationStoppedError):
        raise
    except _InvalidEvaluation as error:
        reason = str(error)
    except Exception as error:  # a fault in a plug-in must not end a run
        reason = one_line(error)
    return Evaluation(arch, status="failed", reason=reason, seed=seed, fidelity=fidelity)


def evaluate_there(
    benchmark: Benchmark, arch: str, metric: str, seed: int | None, fidelity: int | None, attempt: str = ""
) -> Answer:
    """`evaluate_one` whose arguments and results are text and numbers, the benchmark apart: they are pickled.

    Args:
        attempt: what tells this evaluation from all others; Dask takes a second call with equal arguments for the same.

    Raises `EvaluationStoppedError`.
    """
    try:
        found = evaluate_one(benchmark, benchmark.space.parse_printed(arch), metric, seed, fidelity)
    except InputError as error:
        return {"refused": str(error)}
    # Plain copies: the benchmark may have made them of anything.
    return {
        **{name: getattr(found, name) for name in _FIELDS},
        "values": dict(found.values),
        "n_seeds": dict(found.n_seeds),
    }


def evaluation_of(answer: Mapping[str, Any], arch: Architecture, seed: int | None, fidelity: int | None) -> Evaluation:
    """The evaluation that was run by `evaluate_there`. Raises `InputError` if that did.

    Args:
        answer: what it returned.
        arch: what was evaluated.
        seed: of the training.
        fidelity: of the training.
    """
    if "refused" in answer:
        raise InputError(answer["refused"])
    return Evaluation(arch, seed=seed, fidelity=fidelity, **answer)


def _checked(given: Evaluation, arch: Architecture, metric: str) -> Evaluation:
    """The evaluation in plain types, with those of its values that are numbers. Raises `_InvalidEvaluation`."""
    if given.arch != arch:
        raise _InvalidEvaluation(f"the benchmark gave an evaluation of {given.arch} in place of {arch}")
    if given.status not in ("ok", "failed", "missing"):
        raise _InvalidEvaluation(f"the benchmark gave the status {brief(given.status)}, expected ok, failed or missing")
    values = {name: float(value) for name, value in given.values.items() if _is_number(value)}
    if given.status == "ok" and metric not in values:
        raise _InvalidEvaluation(f"the benchmark gave no {metric} that is a number")
    n_seeds = {name: int(number) for name, number in given.n_seeds.items()}
    return replace(given, values=values, n_seeds=n_seeds, cost_s=float(given.cost_s), reason=str(given.reason))


class _InvalidEvaluation(Exception):
    """The benchmark returned something other than an evaluation of the architecture."""


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value)
