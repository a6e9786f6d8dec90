"""Estimates the time that the remaining fits take."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from nassurrogate.benchmarks.evaluation.fit import Fit, Prediction


class TimeLeft:
    """Estimates the remaining time from the fits so far: fitting time grows with the labels, scoring time does not.

    Args:
        jobs: number of fits that run in parallel.
        clock: seconds of a clock that never goes back.
    """

    def __init__(self, jobs: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._jobs = jobs
        self._clock = clock
        self._seen: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._started = clock()
        self._worked = 0.0

    def start(self) -> None:
        """Start the clock before the first fit."""
        self._started = self._clock()

    def learn(self, fit: Fit, prediction: Prediction, *, now: bool = True) -> None:
        """Learn from a finished fit. One from an earlier run (`now=False`) says nothing about parallel speed."""
        self._seen[fit.predictor].append((prediction.fit_s / len(fit.cells), prediction.score_s))
        if now:
            self._worked += prediction.fit_s + prediction.score_s

    def seconds(self, fits: Iterable[Fit]) -> float | None:
        """Estimated seconds for these fits; None while one of their predictors has no finished fit."""
        work = 0.0
        for fit in fits:
            seen = self._seen.get(fit.predictor)
            if not seen:
                return None
            per_label, scoring = (sum(each) / len(seen) for each in zip(*seen, strict=True))
            work += per_label * len(fit.cells) + scoring
        if not self._worked:
            return work / self._jobs
        return work * (self._clock() - self._started) / self._worked
