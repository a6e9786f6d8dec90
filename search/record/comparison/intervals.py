"""Means with 95 % confidence intervals over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean and the ends of its confidence interval.

    Attributes:
        mean: of n values.
        half: half the width of the interval; None for a single value.
        n: how many values.
    """

    mean: float
    half: float | None
    n: int

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        low, high = (None, None) if self.half is None else (self.mean - self.half, self.mean + self.half)
        return {"mean": self.mean, "low": low, "high": high, "n": self.n}


def t_interval(values: Sequence[float]) -> Interval:
    """The mean and Student's t-interval, which allows for the few seeds from which the spread is estimated.

    It assumes that means over seeds are about normal. With fewer than about five seeds this is a rough guide only, but
    a bootstrap over so few values would be too narrow.

    Args:
        values: of n seeds, n ≥ 1.

    >>> mean, half, n = t_interval([1.0, 2.0, 3.0])
    >>> round(mean, 3), round(half, 3), n
    (2.0, 2.484, 3)
    """
    n = len(values)
    mean = math.fsum(values) / n
    if n == 1:
        return Interval(mean, None, 1)
    from scipy.special import stdtrit

    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    return Interval(mean, float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2)) * math.sqrt(variance / n), n)
