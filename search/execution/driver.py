"""Evaluates what a search proposes: one after the other here, or several at once through an executor."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection
from concurrent.futures import Future, wait
from typing import Any, Protocol

from nassurrogate.benchmarks import Benchmark, Evaluation, Problem
from nassurrogate.search.execution.dispatcher import Dispatcher
from nassurrogate.search.execution.evaluation_task import evaluate_one
from nassurrogate.search.execution.executors import Workers
from nassurrogate.search.execution.steps import Steps
from nassurrogate.search.queries.evaluator import Asked, Evaluator

_STOP_S, _MOST_STOPS = 0.1, 20
"""How long evaluations that were stopped have to return, and how often they are stopped at most."""


class Driver:
    """Evaluates the queries of a search until the budget is spent, or there is no time left.

    With `n_workers` at once, at most `2 · n_workers` queries are pending, and their answers are told in the order of
    the queries: what the search knows at each proposal does not depend on how long a training took, so the run can be
    repeated. With `unordered` at most `n_workers` are pending, and answers are told as they come.

    Args:
        steps: gives the queries.
        evaluator: takes the answers.
        benchmark: the ground truth; the processes of a problem end with the run.
        workers: run the evaluations; None: they run here, one after the other.
        n_workers: how many run at once.
        deadline: value of `time.monotonic()` after which no evaluation starts; None: no limit.
        fidelity: of all queries.
    """

    def __init__(
        self,
        steps: Steps,
        evaluator: Evaluator,
        benchmark: Benchmark,
        *,
        workers: Workers | None = None,
        n_workers: int = 1,
        deadline: float | None = None,
        fidelity: int | None = None,
    ) -> None:
        self._steps, self._evaluator, self._benchmark = steps, evaluator, benchmark
        self._workers, self._n_workers = workers, n_workers
        self._window = window_of(n_workers, unordered=evaluator.unordered)
        self._deadline = deadline
        self._fidelity = fidelity
        self._answered: dict[int, Evaluation | None] = {}
        """By number, answers that were not told yet; None for a query that there was no time to start."""

    def run(self) -> bool:
        """Evaluate everything that the search proposes. Returns whether there was time for all of it."""
        metric, pending = self._evaluator.objective.name, self._evaluator.pending
        lane: _Lane
        if self._workers is None:
            lane = _Here(self._benchmark, metric, self._fidelity, self._deadline)
        else:
            lane = Dispatcher(
                self._workers.executor,
                self._workers.place,
                self._benchmark,
                metric,
                self._fidelity,
                n_workers=self._n_workers,
                deadline=self._deadline,
            )
        try:
            for asked in pending.values():  # those of an interrupted run
                lane.start(asked)
            while True:
                self._fill(lane)
                if not pending:
                    return self._steps.is_finished or self._is_spent
                asked, evaluation = self._next_answer(lane)
                if evaluation is None:
                    return False
                self._evaluator.tell(asked, evaluation)
        finally:
            self._stop(lane.close())

    def _fill(self, lane: _Lane) -> None:
        """Ask until the window is full, the search waits, or the time is over."""
        while len(self._evaluator.pending) < self._window and not is_over(self._deadline):
            asked = self._steps.next()
            if asked is None:
                return
            lane.start(asked)

    @property
    def _is_spent(self) -> bool:
        """Whether the search ends, since the whole budget was spent when the time was over."""
        return self._evaluator.n_asked == self._evaluator.budget and self._steps.next() is None

    def _stop(self, running: Collection[Future[Any]]) -> None:
        """End the processes of a problem, those that run evaluations included: they would go on for hours."""
        if not isinstance(self._benchmark, Problem):
            return
        for _ in range(_MOST_STOPS):
            self._benchmark.close()
            if not wait(running, timeout=_STOP_S).not_done:  # none has just started
                return

    def _next_answer(self, lane: _Lane) -> tuple[Asked, Evaluation | None]:
        """The next query to tell, with its answer."""
        pending, answered = self._evaluator.pending, self._answered
        while True:
            first = next(iter(pending.values()))
            for asked in pending.values() if self._evaluator.unordered else [first]:
                if answered.get(asked.number) is not None:
                    return asked, answered.pop(asked.number)
            if first.number in answered and (len(answered) == len(pending) or not self._evaluator.unordered):
                return first, None
            asked, evaluation = lane.answer()
            answered[asked.number] = evaluation


class _Lane(Protocol):
    """Evaluates queries somewhere; `Dispatcher` describes its methods."""

    def start(self, asked: Asked) -> None: ...

    def answer(self) -> tuple[Asked, Evaluation | None]: ...

    def close(self) -> Collection[Future[Any]]: ...


class _Here:
    """Evaluates in this thread, one query after the other.

    Args:
        benchmark: the ground truth.
        metric: the objective.
        fidelity: of all queries.
        deadline: value of `time.monotonic()` after which no evaluation starts; None: no limit.
    """

    def __init__(self, benchmark: Benchmark, metric: str, fidelity: int | None, deadline: float | None) -> None:
        self._benchmark, self._metric, self._fidelity, self._deadline = benchmark, metric, fidelity, deadline
        self._waiting: deque[Asked] = deque()

    def start(self, asked: Asked) -> None:
        self._waiting.append(asked)

    def answer(self) -> tuple[Asked, Evaluation | None]:
        asked = self._waiting.popleft()
        if is_over(self._deadline):
            return asked, None
        return asked, evaluate_one(self._benchmark, asked.proposal.arch, self._metric, asked.seed, self._fidelity)

    def close(self) -> Collection[Future[Any]]:
        return ()


def is_over(deadline: float | None) -> bool:
    """Whether a value of `time.monotonic()` has passed."""
    return deadline is not None and time.monotonic() >= deadline


def window_of(n_workers: int, *, unordered: bool) -> int:
    """How many queries may be pending at once.

    >>> window_of(1, unordered=False), window_of(4, unordered=False), window_of(4, unordered=True)
    (1, 8, 4)
    """
    return n_workers if n_workers == 1 or unordered else 2 * n_workers
