"""Targets as a user gives them, as checked numbers."""

from __future__ import annotations

from numbers import Real

import numpy as np

from nassurrogate.errors import InputError, brief

_LARGEST = 1e30
"""Squares and sums of targets must be representable in the precision of the predictors."""


def checked_targets(targets: object, n: int) -> np.ndarray:
    """The (n,) targets of n architectures as float64.

    Raises `InputError` for another number of them, for none, for targets that are not finite numbers, and for several
    that are all equal.
    """
    values = target_numbers(targets)
    if values.shape != (n,):
        raise InputError(f"{n} architectures need {n} targets, got an array of shape {values.shape}")
    if not n:
        raise InputError("fit needs at least one labelled architecture, got none")
    bad = np.flatnonzero(~(np.abs(values) <= _LARGEST))
    if bad.size:
        raise InputError(
            f"targets must be finite, at most {_LARGEST:g} in size, got {values[bad[0]]:g} at position {bad[0]} "
            f"({bad.size} in total)"
        )
    if n > 1 and np.all(values == values[0]):
        raise InputError(f"targets must differ, all {n} are {values[0]:g}: nothing can be ranked from them")
    return values


def target_numbers(targets: object) -> np.ndarray:
    """Targets as float64. Text that looks like numbers is refused: more often than not it is the wrong column."""
    try:
        values = np.asarray(targets)
        if values.dtype.kind in "iuf":
            return values.astype(np.float64)
        if values.dtype.kind == "O" and all(isinstance(v, Real) and not isinstance(v, bool) for v in values.flat):
            return values.astype(np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise InputError(f"targets must be numbers, got {brief(targets)}") from error
    raise InputError(f"targets must be numbers, got {brief(targets)}")
