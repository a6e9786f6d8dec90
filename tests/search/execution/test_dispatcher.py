"""Who is handed out when, and again after a worker was lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from typing import Any

import pytest

from nassurrogate.benchmarks import CallableBenchmark
from nassurrogate.errors import InputError
from nassurrogate.search.execution.dispatcher import Dispatcher
from nassurrogate.search.execution.evaluation_task import evaluate_there
from nassurrogate.search.queries.evaluator import Asked
from nassurrogate.search.queries.proposals import Proposal
from tests.search.trainings import SPACE, accuracy

TRUTH = CallableBenchmark(SPACE, accuracy)
METRIC = "val_accuracy_pct"
ARCHS = [SPACE.from_choices({"kernel": 3, "width": 16, "depth": depth}) for depth in (1, 2, 3, 4)]


class KilledWorker(Exception):
    """As Dask names it."""


class ByHand(Executor):
    """Runs a call when it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Future[Any]]] = []
        self.attempts: set[str] = set()
        self.is_broken = False

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.is_broken:
            raise BrokenExecutor("no pool")
        assert fn is evaluate_there
        future: Future[Any] = Future()
        self.calls.append((args[1], future))
        self.attempts.add(args[5])
        self.args = args
        return future

    def after(self, n_calls: int) -> list[str]:
        """The architectures that were handed out, once there are so many; then no more follow."""
        deadline = time.monotonic() + 30
        while len(self.calls) < n_calls and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.02)
        return [arch for arch, _ in self.calls]

    def finish(self, place: int) -> None:
        arch, future = self.calls[place]
        future.set_result(evaluate_there(TRUTH, arch, METRIC, None, None))

    def lose(self, place: int, error: BaseException) -> None:
        self.calls[place][1].set_exception(error)


@pytest.fixture
def executor() -> ByHand:
    return ByHand()


@pytest.fixture
def two(executor: ByHand) -> Iterator[Dispatcher]:
    """Two workers."""
    dispatcher = Dispatcher(executor, "the pool", TRUTH, METRIC, None, n_workers=2, deadline=None)
    yield dispatcher
    dispatcher.close()


def asked(number: int) -> Asked:
    return Asked(number, Proposal(ARCHS[number - 1], "search", "random"), None, False, 0)


def start(dispatcher: Dispatcher, n: int = 4) -> list[str]:
    for number in range(1, n + 1):
        dispatcher.start(asked(number))
    return [arch.string for arch in ARCHS[:n]]


def answers(dispatcher: Dispatcher, n: int) -> dict[int, str]:
    """Number and status of the next answers."""
    found = [dispatcher.answer() for _ in range(n)]
    return {query.number: "late" if evaluation is None else evaluation.status for query, evaluation in found}


def test_as_many_as_there_are_workers_the_first_ones_first(executor, two):
    archs = start(two)
    assert executor.after(2) == archs[:2]
    executor.finish(1)
    assert answers(two, 1) == {2: "ok"}
    assert executor.after(3) == archs[:3]
    executor.finish(2)
    executor.finish(0)
    assert executor.after(4) == archs
    executor.finish(3)
    assert answers(two, 3) == {3: "ok", 1: "ok", 4: "ok"}


def test_the_answer_is_the_evaluation_of_the_architecture_that_was_asked(executor, two):
    start(two, 1)
    executor.after(1)
    executor.finish(0)
    query, evaluation = two.answer()
    assert evaluation is not None
    assert evaluation.arch is query.proposal.arch
    assert evaluation.values == {METRIC: accuracy(ARCHS[0])}
    # Nothing but text and numbers travels with the benchmark.
    assert all(arg is None or isinstance(arg, str) for arg in executor.args[1:])


@pytest.mark.parametrize("error", [BrokenExecutor("died"), CancelledError(), RuntimeError("died"), MemoryError()])
def test_a_lost_query_is_handed_out_at_most_three_times(executor, two, error):
    archs = start(two, 1)
    for n_lost in range(3):
        assert executor.after(n_lost + 1) == archs * (n_lost + 1)
        executor.lose(n_lost, error)
    query, evaluation = two.answer()
    assert evaluation is not None
    assert (query.number, evaluation.status) == (1, "failed")
    assert evaluation.reason.startswith("its worker was lost every time, the last time by ")
    assert len(executor.attempts) == 3, "an executor might take equal calls for the same"


def test_a_lost_query_goes_first_and_may_succeed(executor, two):
    archs = start(two)
    executor.after(2)
    executor.lose(0, BrokenExecutor("died"))
    assert executor.after(3) == [*archs[:2], archs[0]]
    executor.finish(2)
    assert answers(two, 1) == {1: "ok"}


def test_suspects_do_not_meet_again(executor, two):
    """Two queries were lost together: one of them may have killed the other's worker."""
    archs = start(two)
    executor.after(2)
    executor.lose(0, KilledWorker())
    executor.lose(1, KilledWorker())
    first, second = executor.after(4)[2:]
    assert {first, second} & {archs[0], archs[1]}
    assert {first, second} != {archs[0], archs[1]}
    suspect = next(place for place in (2, 3) if executor.calls[place][0] in archs[:2])
    executor.lose(suspect, KilledWorker())
    query, evaluation = two.answer()
    assert evaluation is not None
    assert (query.proposal.arch.string, evaluation.status) == (executor.calls[suspect][0], "failed")
    assert len(executor.after(5)) == 5
    assert executor.calls[4][0] in archs[:2]
    executor.finish(4)
    assert list(answers(two, 1).values()) == ["ok"]


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'nassurrogate'"),
        AttributeError("Can't get attribute 'train' on <module '__main__'>"),
        TypeError("cannot pickle '_thread.lock' object"),
        type("PicklingError", (Exception,), {})("it is a lambda"),
    ],
)
def test_evaluations_that_do_not_reach_the_workers_end_the_run(executor, two, error):
    start(two)
    executor.after(2)
    executor.lose(1, error)
    with pytest.raises(
        InputError, match=f"the pool cannot run evaluations .{type(error).__name__}: .*--resume RUN_DIR"
    ):
        two.answer()
    assert len(executor.after(2)) == 2


def test_an_executor_that_takes_nothing_more_ends_the_run(executor, two):
    start(two)
    executor.after(2)
    executor.is_broken = True
    executor.finish(0)
    assert answers(two, 1) == {1: "ok"}
    with pytest.raises(InputError, match=r"the pool cannot run evaluations any more \(BrokenExecutor: no pool\)"):
        two.answer()


def test_what_the_benchmark_refuses_ends_the_run(executor, two):
    start(two)
    executor.after(2)
    executor.calls[0][1].set_result({"refused": "problem.py has changed"})
    with pytest.raises(InputError, match=r"^problem\.py has changed$"):
        two.answer()


def test_nothing_starts_after_the_deadline(executor):
    deadline = time.monotonic() + 0.2
    two = Dispatcher(executor, "the pool", TRUTH, METRIC, None, n_workers=2, deadline=deadline)
    start(two)
    executor.after(2)
    time.sleep(max(0.0, deadline - time.monotonic()))
    executor.lose(1, BrokenExecutor("died"))
    assert answers(two, 3) == {2: "late", 3: "late", 4: "late"}
    executor.finish(0)
    assert answers(two, 1) == {1: "ok"}
    two.close()
    assert len(executor.calls) == 2


def test_closing_cancels_what_has_not_started(executor, two):
    start(two)
    executor.after(2)
    executor.calls[0][1].set_running_or_notify_cancel()
    assert two.close() == [executor.calls[0][1]]
    assert executor.calls[1][1].cancelled()
    assert len(executor.after(2)) == 2
