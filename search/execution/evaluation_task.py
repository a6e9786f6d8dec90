"""One evaluation, as a function that any executor can run in another process."""

from __future__ import annotations

import math
from dataclasses import replace
from numbers import Real

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Benchmark, Evaluation
from nassurrogate.errors import InputError, brief, one_line


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
    """
    try:
        (given,) = benchmark.evaluate([arch], [metric], seed=seed, fidelity=fidelity)
        return _checked(given, arch, metric)
    except InputError:
        raise
    except _InvalidEvaluation as error:
        reason = str(error)
    except Exception as error:  # a fault in a plug-in must not end a run
        reason = one_line(error)
    return Evaluation(arch, status="failed", reason=reason, seed=seed, fidelity=fidelity)


def _checked(given: Evaluation, arch: Architecture, metric: str) -> Evaluation:
    """The evaluation with those of its values that are numbers. Raises `_InvalidEvaluation`."""
    if given.arch != arch:
        raise _InvalidEvaluation(f"the benchmark gave an evaluation of {given.arch} in place of {arch}")
    if given.status not in ("ok", "failed", "missing"):
        raise _InvalidEvaluation(f"the benchmark gave the status {brief(given.status)}, expected ok, failed or missing")
    if given.status != "ok":
        return given
    if not _is_number(given.values.get(metric)):
        raise _InvalidEvaluation(f"the benchmark gave no {metric} that is a number")
    return replace(given, values={name: float(value) for name, value in given.values.items() if _is_number(value)})


class _InvalidEvaluation(Exception):
    """The benchmark returned something other than an evaluation of the architecture."""


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value)
