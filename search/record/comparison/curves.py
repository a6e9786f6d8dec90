"""The value that a run had reached after every query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nassurrogate.search.record.comparison.intervals import Interval, t_interval
from nassurrogate.search.record.known_truth import KnownTruth, known_truth
from nassurrogate.search.record.progress import incumbents
from nassurrogate.search.record.recorded_run import RecordedRun


class Truths:
    """The tables of several runs, each loaded once. Problem files are not run: they know no values."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], KnownTruth] = {}

    def of(self, run: RecordedRun) -> KnownTruth:
        """What is known of a run beyond its folder."""
        config = run.config
        if not config.get("is_table", True) or config.get("problem") is not None:
            return KnownTruth(run, None, None)
        key = (config["space"], config["dataset"], config.get("table"), run.header.get("table_sha256"))
        if key not in self._known:
            self._known[key] = known_truth(run)
        return replace(self._known[key], run=run)


def reached(run: RecordedRun, truth: KnownTruth) -> list[float | None]:
    """After each query, the value of the architecture with the best mean label so far; None before the first label.

    Its true mean where a table knows it, else the mean of its labels so far.
    """
    found = incumbents(run.queries, run.objective.sign)
    archs = list(dict.fromkeys(incumbent.arch for incumbent in found if incumbent is not None))
    values = truth.true_values(archs)
    true = {} if values is None else dict(zip(archs, values.tolist(), strict=True))
    return [None if incumbent is None else true.get(incumbent.arch, incumbent.mean) for incumbent in found]


def regrets(run: RecordedRun, truth: KnownTruth) -> list[float | None] | None:
    """After each query, the distance of that value from the optimum; None if it is unknown."""
    optimum = truth.optimum
    if optimum is None or (truth.benchmark is None and run.config["labels"] == "single"):
        return None
    sign = run.objective.sign
    return [None if value is None else max(0.0, sign * (optimum - value)) for value in reached(run, truth)]


def mean_curve(curves: Sequence[Sequence[float | None]]) -> list[Interval | None]:
    """The mean of several curves with its interval, query by query; None until all of them have a value.

    A curve that ends earlier, since nothing was left to evaluate, keeps its last value.
    """
    length = max(map(len, curves), default=0)
    found: list[Interval | None] = []
    for place in range(length):
        values = [curve[min(place, len(curve) - 1)] for curve in curves]
        known = [value for value in values if value is not None]
        found.append(t_interval(known) if len(known) == len(values) else None)
    return found
