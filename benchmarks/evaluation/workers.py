"""Fits in processes of their own, one thread each; all of them end when the work, or whoever asked for it, does."""

from __future__ import annotations

import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from typing import Any

from nassurrogate.benchmarks.evaluation.fit import Fit, Prediction
from nassurrogate.benchmarks.evaluation.prediction_store import BusyElsewhereError, PredictionStore
from nassurrogate.errors import InputError, one_line

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")

Done = Callable[[Fit, Prediction], None]
"""Called for every fit as soon as it is there, in no particular order."""


def make_fits(fits: Sequence[Fit], store: PredictionStore, jobs: int, done: Done) -> None:
    """Make and store all these fits; those that another process is making meanwhile are waited for.

    Args:
        jobs: how many processes; 1 makes them all in this one.

    Raises `InputError` where a predictor refuses its labels, `RuntimeError` where one fails or a process dies: what
    was finished before stands in the store, and no process is left behind.
    """
    waiting = deque(fits)
    if min(jobs, len(fits)) > 1:
        with _workers(min(jobs, len(fits)), store) as workers:
            _share_out(waiting, workers, done)
        return
    while waiting:
        fit = waiting.popleft()
        try:
            prediction = store.get(fit)
        except BusyElsewhereError:
            waiting.append(fit)
        except InputError as error:
            raise InputError(f"{describe(fit)}: {error}") from error
        except Exception as error:  # whatever a predictor raises: say on which fit
            raise RuntimeError(f"{describe(fit)}: {one_line(error, 300)}") from error
        else:
            done(fit, prediction)


def describe(fit: Fit) -> str:
    """Which fit it is, in words.

    >>> describe(Fit({"split": 3}, "nb201", "gradient-boosting:default", {}, "val_accuracy_pct", 3, "cpu", [1, 2], []))
    'gradient-boosting:default at 2 labels, split 3'
    """
    return f"{fit.predictor} at {len(fit.cells)} labels, split {fit.about['split']}"


def _share_out(waiting: deque[Fit], workers: list[tuple[Any, Connection]], done: Done) -> None:
    idle = [pipe for _, pipe in workers]
    working: dict[Connection, Fit] = {}
    while waiting or working:
        while waiting and idle:
            pipe = idle.pop()
            fit = working[pipe] = waiting.popleft()
            try:
                pipe.send(fit)
            except OSError as error:
                raise _death(workers, pipe, fit) from error
        for ready in connection.wait(list(working)):
            assert isinstance(ready, Connection)
            fit = working.pop(ready)
            try:
                kind, result = ready.recv()
            except (EOFError, OSError) as error:
                raise _death(workers, ready, fit) from error
            idle.append(ready)
            if kind == "done":
                done(fit, result)
            elif kind == "busy":
                waiting.append(fit)
            elif kind == "refused":
                raise InputError(f"{describe(fit)}: {result}")
            else:
                told, trace = result
                raise RuntimeError(f"{describe(fit)}: {told}") from RuntimeError(trace)


def _death(workers: list[tuple[Any, Connection]], pipe: Connection, fit: Fit) -> RuntimeError:
    process = next(process for process, own in workers if own is pipe)
    process.join(timeout=5)
    return RuntimeError(
        f"{describe(fit)}: its process ended with exit code {process.exitcode} (out of memory? in a script, jobs > 1 "
        'needs `if __name__ == "__main__":`)'
    )


@contextmanager
def _workers(number: int, store: PredictionStore) -> Iterator[list[tuple[Any, Connection]]]:
    """Processes that wait for fits, with their pipes."""
    context = get_context("spawn")  # a fork would copy the locks of threads that it has not
    workers: list[tuple[Any, Connection]] = []
    try:
        with _as_helpers():
            for _ in range(number):
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, args=(theirs, store), daemon=True)
                process.start()
                theirs.close()  # so that the end of the process is seen
                workers.append((process, ours))
        yield workers
    finally:
        for process, pipe in workers:
            pipe.close()
            process.terminate()
        for process, _ in workers:
            process.join()


@contextmanager
def _as_helpers() -> Iterator[None]:
    """Processes started inside use one thread, and leave Ctrl-C, which reaches all of them, to this one.

    Libraries read these variables when they are first imported; a new process inherits which signals are blocked.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    masked = hasattr(signal, "pthread_sigmask") and signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if masked is not False:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(pipe: Connection, store: PredictionStore) -> None:
    """What a process does: fits that it is sent, until nobody sends any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where signals cannot be blocked
    while True:
        try:
            fit = pipe.recv()
        except (EOFError, OSError):
            return
        answer: tuple[str, Any]
        try:
            answer = "done", store.get(fit)
        except BusyElsewhereError:
            answer = "busy", None
        except InputError as error:
            answer = "refused", str(error)
        except Exception as error:  # whatever a predictor raises is told by the first process
            answer = "failed", (one_line(error, 300), traceback.format_exc())
        try:
            pipe.send(answer)
        except OSError:
            return
