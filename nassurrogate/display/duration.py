"""Durations in words, and estimates of the time left."""

from __future__ import annotations

from collections import deque

_N_RECENT = 40
"""Number of recent steps over which the pace is measured."""
_LEAST_SHOWN_S = 10.0
"""A shorter time left is not shown."""


def about(seconds: float) -> str:
    """A duration in words, rounded to at most two digits.

    >>> about(42), about(100), about(5_000), about(200_000)
    ('40 s', '2 min', '1.4 h', '2.3 days')
    """
    if seconds < 55:
        return f"{max(1, round(seconds)) if seconds < 10 else 5 * round(seconds / 5)} s"
    minutes = seconds / 60
    if minutes < 55:
        return f"{max(1, round(minutes)) if minutes < 10 else 5 * round(minutes / 5)} min"
    hours = minutes / 60
    return f"{_short(hours)} h" if hours < 48 else f"{_short(hours / 24)} days"


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0") if number < 10 else f"{number:.0f}"


def left(seconds: float | None) -> str:
    """The time left in words; empty if it is unknown or too short to mention.

    >>> left(100), left(3), left(None)
    ('about 2 min left', '', '')
    """
    return "" if seconds is None or seconds < _LEAST_SHOWN_S else f"about {about(seconds)} left"


class Pace:
    """Measures the pace of the last steps, assuming that all steps are about the same size.

    >>> pace = Pace()
    >>> pace.add(0, now=0.0)
    >>> pace.add(2, now=60.0)
    >>> pace.seconds_for(4)
    120.0
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque(maxlen=_N_RECENT)

    def add(self, done: float, *, now: float) -> None:
        """Record how much is done at a time, in seconds of a clock."""
        if self._seen and done < self._seen[-1][0]:  # a new task of the same name
            self._seen.clear()
        self._seen.append((done, now))

    def seconds_for(self, more: float) -> float | None:
        """Estimated seconds for this many more steps; None before any progress."""
        if not self._seen:
            return None
        (done, then), (last, now) = self._seen[0], self._seen[-1]
        return None if last <= done else more * (now - then) / (last - done)
