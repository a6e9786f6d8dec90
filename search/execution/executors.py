"""Where the evaluations of a run go: here, to processes of this machine, to Dask, or to an executor of the user's."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from nassurrogate.benchmarks import Benchmark, CallableBenchmark, Problem, TabularBenchmark
from nassurrogate.search.execution.dask_scheduler import DaskExecutor, dask_executor
from nassurrogate.search.execution.polled_jobs import PolledJobs
from nassurrogate.search.execution.worker_processes import WorkerProcesses
from nassurrogate.search.settings.request import SearchRequest


@dataclass(frozen=True)
class Workers:
    """What runs evaluations, several at once.

    Args:
        executor: runs them.
        place: what it is, for messages.
    """

    executor: Executor
    place: str


@contextmanager
def open_workers(request: SearchRequest) -> Iterator[Workers | None]:
    """Where the evaluations of a run go; None: they run here, one after the other.

    Args:
        request: what was asked for.

    Raises `InputError` if they cannot go there. Only what was opened here is closed.
    """
    truth, given = request.benchmark, request.executor
    if request.dask is not None:
        with dask_executor(request.dask) as executor:
            yield Workers(executor, f"the Dask scheduler at {request.dask}")
    elif isinstance(given, Executor):
        yield Workers(DaskExecutor.around(given), f"the given {type(given).__name__}")
    elif given is not None:
        with _closed(PolledJobs(given)) as executor:
            yield Workers(executor, f"the given {type(given).__name__}")
    elif request.workers == 1:
        yield None
    elif isinstance(truth, Problem | TabularBenchmark):  # a problem has a process for each thread
        with _closed(ThreadPoolExecutor(request.workers)) as executor:
            yield Workers(executor, "this process")
    else:
        with _closed(WorkerProcesses(request.workers, truth, _name(truth))) as executor:
            yield Workers(executor, "the worker processes")


@contextmanager
def _closed(executor: Executor) -> Iterator[Executor]:
    """The executor. What it still runs when the run has ended, as after Ctrl-C, nobody waits for."""
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _name(benchmark: Benchmark) -> str:
    """What the user knows it as."""
    return benchmark.sources[0] if isinstance(benchmark, CallableBenchmark) else f"the {type(benchmark).__name__}"
