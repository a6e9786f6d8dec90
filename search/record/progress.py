"""How a run went, query by query: which architecture was the best so far, and how much a single training says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from nassurrogate.search.record.ledger import Query
from nassurrogate.search.record.recorded_run import RecordedRun

_LEAST_FREEDOM = 3
"""Degrees of freedom from which the noise is estimated."""


class Incumbent(NamedTuple):
    """The architecture that was the best so far.

    Attributes:
        arch: its string.
        mean: of its labels so far.
        n_labels: how many it had.
    """

    arch: str
    mean: float
    n_labels: int


class Noise(NamedTuple):
    """The standard deviation of one training, in the label's unit.

    Attributes:
        std: the deviation.
        origin: where it is known from, in words.
    """

    std: float
    origin: str


def incumbents(queries: Sequence[Query], sign: int) -> list[Incumbent | None]:
    """After each query, the architecture with the best mean label so far; None before the first label.

    Args:
        queries: all of a run; those that failed gave no label.
        sign: +1 if a larger label is better, −1 if a smaller one is.
    """
    labels: dict[str, list[float]] = {}
    best: Incumbent | None = None
    found: list[Incumbent | None] = []
    for query in queries:
        if query.label is not None:
            own = labels.setdefault(query.arch, [])
            own.append(query.label)
            if best is not None and best.arch == query.arch and len(own) > 1:  # its mean may have become worse
                best = max((_as_incumbent(arch, each) for arch, each in labels.items()), key=lambda i: sign * i.mean)
            else:
                candidate = _as_incumbent(query.arch, own)
                if best is None or sign * candidate.mean > sign * best.mean:
                    best = candidate
        found.append(best)
    return found


def label_noise(run: RecordedRun) -> Noise | None:
    """The noise of the single trainings of a run; None if its labels are means over seeds, or it is unknown.

    Estimated from architectures that were trained several times, or else what the search assumed for percentages.
    """
    single = [query for query in run.labelled if query.label_kind == "single"]
    if not single or not run.objective.needs_training:
        return None
    labels: dict[str, list[float]] = {}
    for query in single:
        labels.setdefault(query.arch, []).append(query.value)
    several = [each for each in labels.values() if len(each) > 1]
    freedom = sum(len(each) - 1 for each in several)
    if freedom >= _LEAST_FREEDOM:
        squares = math.fsum((value - math.fsum(each) / len(each)) ** 2 for each in several for value in each)
        origin = f"estimated from {len(several)} architectures that were trained several times"
        return Noise(math.sqrt(squares / freedom), origin)
    assumed = (run.config.get("settings") or {}).get("label_noise_pct")
    if run.objective.is_percent and isinstance(assumed, int | float) and 0 < assumed < math.inf:
        return Noise(float(assumed), "assumed (the setting label_noise_pct)")
    return None


def _as_incumbent(arch: str, labels: Sequence[float]) -> Incumbent:
    return Incumbent(arch, math.fsum(labels) / len(labels), len(labels))
