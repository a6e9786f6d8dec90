"""Hands queries to an executor, and hands them out again where a worker is lost."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Collection
from concurrent.futures import CancelledError, Executor, Future
from queue import Empty, SimpleQueue
from typing import Any, Final

from nassurrogate.benchmarks import Benchmark, Evaluation
from nassurrogate.errors import InputError, one_line
from nassurrogate.search.execution.evaluation_task import Answer, evaluate_there, evaluation_of
from nassurrogate.search.queries.evaluator import Asked

MOST_RETRIES: Final = 2
"""How often a query is handed out again after whatever ran it was lost."""
_SEVERAL_LOST: Final = "KilledWorker"
"""The error by which Dask says that it has handed out a call several times, and all of its workers died."""
_NOT_SENT: Final = (ImportError, AttributeError, TypeError)
"""Errors of an executor that cannot send a call to its workers, like those that pickling raises by name."""
_GO_ON: Final = "; --resume RUN_DIR (resume=…) goes on from the ledger"
_WAKE_S: Final = 1.0
"""How often a thread that waits wakes up: on Windows, Ctrl-C does not interrupt a wait."""


class Dispatcher:
    """Evaluates queries through an executor, at most `n_workers` at once, the first one first.

    It hands them out in a thread of its own, so that no worker waits while the search computes the next proposal.

    Args:
        executor: runs evaluations.
        place: what it is, for messages.
        benchmark: the ground truth, which is pickled unless the executor has threads.
        metric: the objective.
        fidelity: of all queries.
        n_workers: how many run at once.
        deadline: value of `time.monotonic()` after which no evaluation starts; None: no limit.
    """

    def __init__(
        self,
        executor: Executor,
        place: str,
        benchmark: Benchmark,
        metric: str,
        fidelity: int | None,
        *,
        n_workers: int,
        deadline: float | None,
    ) -> None:
        self._executor, self._place = executor, place
        self._benchmark, self._metric, self._fidelity = benchmark, metric, fidelity
        self._n_workers, self._deadline = n_workers, deadline
        self._events: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._answers: SimpleQueue[tuple[Asked, Evaluation | None] | BaseException] = SimpleQueue()
        # What follows belongs to the thread.
        self._waiting: deque[Asked] = deque()
        self._running: dict[int, Future[Answer]] = {}
        self._losses: Counter[int] = Counter()
        self._thread = threading.Thread(target=self._work, name="dispatcher", daemon=True)
        self._thread.start()

    def start(self, asked: Asked) -> None:
        """Evaluate a query as soon as a worker is free."""
        self._events.put(lambda: self._waiting.append(asked))

    def answer(self) -> tuple[Asked, Evaluation | None]:
        """Wait for any query that was started: its evaluation, or None if there was no time to start it.

        Raises `InputError` if evaluations cannot be run there.
        """
        while True:
            try:
                found = self._answers.get(timeout=_WAKE_S)
            except Empty:
                continue
            if isinstance(found, BaseException):
                raise found
            return found

    def close(self) -> Collection[Future[Any]]:
        """Hand out nothing more, and cancel what has not started. Returns what still runs."""
        self._events.put(None)
        self._thread.join()
        return [future for future in self._running.values() if not future.cancel()]

    # --- in the thread -------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while (event := self._events.get()) is not None:
                event()
                self._hand_out()
        except BaseException as error:  # raised by `answer`
            self._answers.put(error)

    def _hand_out(self) -> None:
        while len(self._running) < self._n_workers and (asked := self._next()) is not None:
            if self._is_out_of_time:
                self._answers.put((asked, None))
                continue
            arch, attempt = asked.proposal.arch.string, uuid.uuid4().hex
            call = (self._benchmark, arch, self._metric, asked.seed, self._fidelity, attempt)
            try:
                future = self._executor.submit(evaluate_there, *call)
            except Exception as error:  # a broken pool, a lost scheduler
                raise InputError(
                    f"{self._place} cannot run evaluations any more ({one_line(error)}){_GO_ON}"
                ) from error
            self._running[asked.number] = future
            # Called in any thread, and by executors that hold a lock then.
            future.add_done_callback(lambda _, asked=asked: self._events.put(lambda: self._end(asked)))  # type: ignore[misc]

    def _next(self) -> Asked | None:
        """The next query to hand out; only one at a time of those whose workers were lost.

        A query that kills its workers may take others with it, which share them: they must not meet again.
        """
        is_alone = not any(self._losses[number] for number in self._running)
        for place, asked in enumerate(self._waiting):
            if is_alone or not self._losses[asked.number]:
                del self._waiting[place]
                return asked
        return None

    @property
    def _is_out_of_time(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _end(self, asked: Asked) -> None:
        """Take the answer to a query that has ended; if there is none, hand the query out again."""
        future = self._running.pop(asked.number)
        arch, seed = asked.proposal.arch, asked.seed
        try:
            self._answers.put((asked, evaluation_of(future.result(), arch, seed, self._fidelity)))
            return
        except InputError:
            raise
        except (Exception, CancelledError) as caught:  # whatever ran it was lost; a failed training is an answer
            error: BaseException = caught
        if isinstance(error, _NOT_SENT) or type(error).__name__ in ("PicklingError", "UnpicklingError"):
            raise InputError(f"{self._place} cannot run evaluations ({one_line(error)}){_GO_ON}") from error
        self._losses[asked.number] += MOST_RETRIES if type(error).__name__ == _SEVERAL_LOST else 1
        if self._losses[asked.number] <= MOST_RETRIES:
            self._waiting.appendleft(asked)
            return
        reason = f"its worker was lost every time, the last time by {one_line(error)}"
        self._answers.put((asked, Evaluation(arch, status="failed", reason=reason, seed=seed, fidelity=self._fidelity)))
