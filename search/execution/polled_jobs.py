"""Executors whose jobs have to be asked whether they are done, such as submitit's."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Protocol

_POLL_S = 0.5
"""How often jobs are asked. Those of Slurm are files on a shared disk."""


class Job(Protocol):
    """A call that was submitted: a `submitit.Job`, or anything of its interface; `cancel` is optional."""

    def done(self) -> bool:
        """Whether `result` returns at once."""

    def result(self) -> Any:
        """What the call returned. Raises an exception if it failed, or was lost."""


class Jobs(Protocol):
    """Takes calls: a submitit executor, or anything of its interface."""

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Job:
        """Submit a call."""


class PolledJobs(Executor):
    """An executor of `concurrent.futures` around one that knows no futures.

    Args:
        jobs: takes the calls.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._running: dict[Future[Any], Job] = {}
        self._lock = threading.Lock()
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="polled-jobs", daemon=True)
        self._thread.start()

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        assert not options
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        job = self._jobs.submit(function, *args)
        with self._lock:
            self._running[future] = job
        return future

    def _poll(self) -> None:
        while not self._is_closed.wait(_POLL_S):
            with self._lock:
                running = dict(self._running)
            for future, job in running.items():
                try:
                    if not job.done():
                        continue
                    result = job.result()
                except Exception as error:  # whatever the queue says of a lost job
                    future.set_exception(error)
                else:
                    future.set_result(result)
                with self._lock:
                    del self._running[future]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel what runs."""
        self._is_closed.set()
        self._thread.join()
        for job in self._running.values():
            with contextlib.suppress(Exception):  # it may just have ended
                job.cancel()  # type: ignore[attr-defined]
        self._running.clear()
