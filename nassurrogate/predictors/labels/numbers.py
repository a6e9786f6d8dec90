"""Targets as a user gives them, as numbers."""

from __future__ import annotations

from numbers import Real

import numpy as np

from nassurrogate.errors import InputError, brief


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
