"""The executor of a run: none, processes of this machine, Dask, or one that the user made."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from nassurrogate.benchmarks import Benchmark, Problem
from nassurrogate.search.settings.request import SearchRequest


@contextmanager
def open_executor(request: SearchRequest, truth: Benchmark) -> Iterator[Executor | None]:
    """Where the evaluations of a run go; None: they run here, one after the other.

    Args:
        request: what was asked for.
        truth: evaluates; the processes of a problem are ended first, so that nothing waits for what they run.
    """
    if request.executor is not None:
        yield request.executor
    elif isinstance(truth, Problem):  # each thread has a process of its own
        with ThreadPoolExecutor(request.workers) as threads:
            try:
                yield None if request.workers == 1 else threads
            finally:
                truth.close()
    elif request.workers == 1:
        yield None
    else:
        with ProcessPoolExecutor(request.workers, mp_context=get_context("spawn")) as processes:
            yield processes
