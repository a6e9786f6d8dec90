"""Finished fits of an evaluation: those in the store are read, the others are made, with a report on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from nassurrogate.benchmarks.evaluation.fit import Fit, Prediction
from nassurrogate.benchmarks.evaluation.prediction_store import PredictionStore
from nassurrogate.benchmarks.evaluation.time_left import TimeLeft
from nassurrogate.benchmarks.evaluation.workers import Done, describe, make_fits
from nassurrogate.display.duration import left

Progress: TypeAlias = Callable[[int, int, str], None]
"""Called with (fits done, fits in all, text: the time left, once known, and the last fit)."""


def finish_fits(
    fits: Iterable[Fit], total: int, store: PredictionStore, jobs: int, keep: Done, progress: Progress | None
) -> None:
    """Call `keep` for every fit as soon as there is a prediction, which is not kept in memory.

    Args:
        fits: `total` different ones.
        total: their number.
        store: where finished fits are read, and new ones stored.
        jobs: number of processes.
        keep: called with each fit and its prediction; first with those of earlier runs.
        progress: see `Progress`.

    Raises as `make_fits` does.
    """
    time_left = TimeLeft(jobs)
    missing: dict[tuple[str, str, int, int], Fit] = {}
    n_done = 0

    def report(what: str) -> None:
        rest = left(time_left.seconds(missing.values())) if missing else ""
        if progress is not None:
            progress(n_done, total, f"{rest}; {what}" if rest else what)

    def done(fit: Fit, prediction: Prediction) -> None:
        nonlocal n_done
        time_left.learn(fit, prediction)
        keep(fit, prediction)
        missing.pop(_place(fit), None)
        n_done += 1
        report(describe(fit))

    for fit in fits:
        stored = store.read(fit)
        if stored is None:
            missing[_place(fit)] = fit
        else:
            time_left.learn(fit, stored, now=False)
            keep(fit, stored)
            n_done += 1
    if n_done:
        report("made before")
    time_left.start()
    make_fits(list(missing.values()), store, jobs, done)


def _place(fit: Fit) -> tuple[str, str, int, int]:
    return fit.predictor, fit.about["kind"], len(fit.cells), fit.about["split"]
