"""Durations on the command line, such as `8h` or `90min`."""

from __future__ import annotations

import argparse
import math
import re

_SECONDS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")


def duration_s(text: str) -> float:
    """The seconds of a duration with units; a number without one is refused, as it could be minutes.

    >>> duration_s("8h"), duration_s("90min"), duration_s("1h 30m"), duration_s("45s")
    (28800.0, 5400.0, 5400.0, 45.0)
    """
    parts = _PART.findall(text.lower())
    rest = _PART.sub("", text.lower()).strip()
    if not parts or rest or any(unit not in _SECONDS for _, unit in parts):
        raise argparse.ArgumentTypeError(f"expected a duration with its unit, such as 45s, 90min or 8h, got {text!r}")
    total = math.fsum(float(number) * _SECONDS[unit] for number, unit in parts)
    if total <= 0 or not math.isfinite(total):
        raise argparse.ArgumentTypeError(f"expected a duration above 0, got {text!r}")
    return total
