"""Equality of results, some of whose numbers may be undefined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import numpy as np

_NAN_HASH: Final = "NaN"
"""Stands for NaN in hashes: the hash of a NaN itself depends on where the object lies in memory."""


class NanEqual:
    """Mixin for frozen dataclasses with NaN where a number is undefined: NaN equals NaN, also inside containers.

    Otherwise, two equal results may compare unequal, depending on the version of Python and on whether they share one
    NaN object. The dataclass is declared with `eq=False`, so that it does not generate a comparison of its own.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, eq=False)
    ... class Score(NanEqual):
    ...     tau: float
    >>> Score(float("nan")) == Score(float("nan")), Score(float("nan")) == Score(0.5)
    (True, False)
    """

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(map(_equal, _values(self), _values(other)))

    def __hash__(self) -> int:
        return hash((type(self), *map(_hashable, _values(self))))


def _values(result: Any) -> list[Any]:
    return [getattr(result, field.name) for field in fields(result) if field.compare]


def _is_nan(value: object) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return bool(one == other) or (_is_nan(one) and _is_nan(other))


def _hashable(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_hashable, value))
    return _NAN_HASH if _is_nan(value) else value
