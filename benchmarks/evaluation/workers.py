"""Makes the missing fits of an evaluation, in this process or in several."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from nassurrogate.benchmarks.evaluation.fit import Fit, Prediction
from nassurrogate.benchmarks.evaluation.prediction_store import BusyElsewhereError, PredictionStore
from nassurrogate.benchmarks.experiments import TaskError, in_processes
from nassurrogate.errors import InputError, one_line

Done = Callable[[Fit, Prediction], None]
"""Called for every fit as soon as it is there, in no particular order."""


def make_fits(fits: Sequence[Fit], store: PredictionStore, jobs: int, done: Done) -> None:
    """Make and store all these fits; wait for those that another process is making.

    Args:
        jobs: how many processes; 1 makes them all in this one.

    Raises `InputError` if a predictor refuses its labels, `RuntimeError` if one fails or a process dies: fits
    that were finished before are in the store, and no process is left behind.
    """
    waiting = deque(fits)
    attempt = partial(_attempt, store)
    several = min(jobs, len(fits)) > 1
    try:
        with in_processes(attempt, waiting, jobs) if several else _in_this_process(attempt, waiting) as made:
            for fit, prediction in made:
                if prediction is None:
                    waiting.append(fit)
                else:
                    done(fit, prediction)
    except TaskError as error:
        if isinstance(error.__cause__, InputError):
            raise InputError(f"{describe(error.task)}: {error.__cause__}") from error
        raise RuntimeError(f"{describe(error.task)}: {error}") from error


def describe(fit: Fit) -> str:
    """Which fit it is, in words.

    >>> describe(Fit({"split": 3}, "nb201", "gradient-boosting:default", {}, "val_accuracy_pct", 3, "cpu", [1, 2], []))
    'gradient-boosting:default at 2 labels, split 3'
    """
    unseen = fit.about.get("unseen")
    without = f", without {unseen}" if unseen else ""
    return f"{fit.predictor} at {len(fit.cells)} labels, split {fit.about['split']}{without}"


def _attempt(store: PredictionStore, fit: Fit) -> Prediction | None:
    """The prediction; None while another process is making it."""
    try:
        return store.get(fit)
    except BusyElsewhereError:
        return None


@contextmanager
def _in_this_process(
    attempt: Callable[[Fit], Prediction | None], waiting: deque[Fit]
) -> Iterator[Iterator[tuple[Fit, Prediction | None]]]:
    """As `in_processes` does, without one."""

    def made() -> Iterator[tuple[Fit, Prediction | None]]:
        while waiting:
            fit = waiting.popleft()
            try:
                prediction = attempt(fit)
            except Exception as error:  # whatever a predictor raises
                raise TaskError(fit, one_line(error, 300)) from error
            yield fit, prediction

    yield made()
