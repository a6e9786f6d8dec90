"""Seeds, in all commands and in Python: a whole number from 0 to 2^63 − 1, or drawn at random and shown."""

from __future__ import annotations

import secrets

import numpy as np

from nassurrogate.errors import InputError, brief

LARGEST_SEED = (1 << 63) - 1
"""The largest seed that all file formats and random generators in use accept."""
_DRAWN_BELOW = 1 << 31
"""Drawn seeds are short enough to type."""


def checked_seed(seed: object) -> int:
    """The seed as an `int`. Raises `InputError` unless it is a whole number from 0 to 2^63 − 1.

    >>> checked_seed(7)
    7
    """
    is_number = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not is_number or not 0 <= int(seed) <= LARGEST_SEED:  # type: ignore[call-overload]
        raise InputError(f"seed must be a whole number from 0 to 2^63 - 1, got {brief(seed)}")
    return int(seed)  # type: ignore[call-overload, no-any-return]


def given_or_drawn_seed(seed: object) -> int:
    """`checked_seed`; for None, a random seed, which the caller shows so that the run can be repeated.

    >>> 0 <= given_or_drawn_seed(None) < 2**31
    True
    """
    return secrets.randbelow(_DRAWN_BELOW) if seed is None else checked_seed(seed)
