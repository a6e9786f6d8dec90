"""Evaluates what a search proposes: one after the other here, or several at once through an executor."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from typing import TypeAlias

from nassurrogate.benchmarks import Benchmark, Evaluation
from nassurrogate.errors import InputError, one_line
from nassurrogate.search.execution.evaluation_task import evaluate_one
from nassurrogate.search.execution.steps import Steps
from nassurrogate.search.queries.evaluator import Asked, Evaluator

_MOST_RETRIES = 2
"""How often an evaluation is handed out again after whatever ran it was lost."""
_LOOK_AT_CLOCK_S = 0.2
"""How often a driver that waits looks whether Ctrl-C was pressed; some platforms do not interrupt a wait."""

Measure: TypeAlias = Callable[[Asked], Evaluation]


class Driver:
    """Evaluates the queries of a search until the budget is spent, or there is no time left.

    With `n_workers` at once, at most `2 · n_workers` queries are pending, and their answers are told in the order of
    the queries: what the search knows at each proposal does not depend on how long a training took, so the run can be
    repeated. With `unordered` at most `n_workers` are pending, and answers are told as they come.

    Args:
        steps: gives the queries.
        evaluator: takes the answers.
        benchmark: the ground truth; with an executor it is pickled unless the executor has threads.
        executor: runs evaluations; None: here, one after the other.
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
        executor: Executor | None = None,
        n_workers: int = 1,
        deadline: float | None = None,
        fidelity: int | None = None,
    ) -> None:
        self._steps, self._evaluator, self._benchmark = steps, evaluator, benchmark
        self._executor = executor
        self._window = window_of(n_workers, unordered=evaluator.unordered)
        self._deadline = deadline
        self._fidelity = fidelity
        self._futures: dict[int, Future[Evaluation]] = {}
        self._losses: dict[int, int] = {}

    def run(self) -> bool:
        """Evaluate everything that the search proposes. Returns whether there was time for all of it."""
        pending = self._evaluator.pending
        try:
            for asked in pending.values():  # those of an interrupted run
                self._start(asked)
            while True:
                self._fill()
                if not pending:
                    return self._steps.is_finished
                asked = next(iter(pending.values())) if not self._evaluator.unordered else self._first_done()
                evaluation = self._answer(asked)
                if evaluation is None:
                    return False
                self._evaluator.tell(asked, evaluation)
        finally:
            for future in self._futures.values():
                future.cancel()

    def _fill(self) -> None:
        """Ask until the window is full, the search waits, or the time is over."""
        while len(self._evaluator.pending) < self._window and not self._is_out_of_time:
            asked = self._steps.next()
            if asked is None:
                return
            self._start(asked)

    @property
    def _is_out_of_time(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _start(self, asked: Asked) -> None:
        if self._executor is not None:
            arch, metric = asked.proposal.arch, self._evaluator.objective.name
            self._futures[asked.number] = self._executor.submit(
                evaluate_one, self._benchmark, arch, metric, asked.seed, self._fidelity
            )

    def _first_done(self) -> Asked:
        """The pending query that is answered first."""
        pending = self._evaluator.pending
        if self._executor is None:
            return next(iter(pending.values()))
        while True:
            for number, asked in pending.items():
                if self._futures[number].done():
                    return asked
            self._wait(self._futures[number] for number in pending)

    def _wait(self, futures: object) -> None:
        wait(list(futures), timeout=_LOOK_AT_CLOCK_S, return_when=FIRST_COMPLETED)  # type: ignore[call-overload]
        if self._is_out_of_time:
            for future in self._futures.values():  # those that have not started
                future.cancel()

    def _answer(self, asked: Asked) -> Evaluation | None:
        """The evaluation of a query, once it is there; None if there was no time to start it."""
        if self._executor is None:
            arch, metric = asked.proposal.arch, self._evaluator.objective.name
            return evaluate_one(self._benchmark, arch, metric, asked.seed, self._fidelity)
        while True:
            future = self._futures[asked.number]
            while not future.done():
                self._wait([future])
            try:
                evaluation = future.result()
            except InputError:
                raise
            except (Exception, CancelledError) as error:  # whatever ran it was lost; a failed training is an answer
                if self._is_out_of_time:
                    return None
                losses = self._losses[asked.number] = self._losses.get(asked.number, 0) + 1
                if losses <= _MOST_RETRIES:
                    self._start(asked)
                    continue
                reason = f"its worker was lost {losses} times, the last time by {one_line(error)}"
                evaluation = Evaluation(
                    asked.proposal.arch, status="failed", reason=reason, seed=asked.seed, fidelity=self._fidelity
                )
            del self._futures[asked.number]
            return evaluation


def window_of(n_workers: int, *, unordered: bool) -> int:
    """How many queries may be pending at once.

    >>> window_of(1, unordered=False), window_of(4, unordered=False), window_of(4, unordered=True)
    (1, 8, 4)
    """
    return n_workers if n_workers == 1 or unordered else 2 * n_workers
