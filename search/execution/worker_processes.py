"""Processes of this machine that evaluate what cannot run in a thread: the user's Python functions."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from multiprocessing import get_context, process
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

from nassurrogate.errors import InputError, one_line
from nassurrogate.runtime.child_processes import end_with_parent, send, sigint_held

_GRACE_S = 2.0
"""Time of an idle process for what it does at its exit."""
_UNGUARDED = 'a script that uses several workers needs `if __name__ == "__main__":` around what it runs'


class WorkerDiedError(RuntimeError):
    """A process ended during a call. The message says how."""


class WorkerProcesses(Executor):
    """Calls functions in processes, one call at a time each.

    Unlike those of a `ProcessPoolExecutor`, a process that dies costs only its own call, and is replaced; all of them
    end when this process is killed; and `shutdown(cancel_futures=True)` waits for none. Each is a new interpreter that
    keeps what it has loaded for later calls. Ctrl-C does not reach them.

    Args:
        n_workers: how many at most; they are started as they are needed.
        shared: an argument of many calls, which is sent to every process once.
        name: what `shared` is, for messages.

    Raises `InputError` if `shared` cannot be sent to other processes, or none can be started.
    """

    def __init__(self, n_workers: int, shared: object, name: str) -> None:
        if getattr(process.current_process(), "_inheriting", False):
            raise InputError(_UNGUARDED)
        self._shared = shared
        self._lock = threading.Lock()
        self._is_closed = False
        self._busy: set[_Worker] = set()
        self._idle: list[_Worker] = []
        try:
            self._give_back(self._taken())
        except WorkerDiedError as error:
            raise InputError(f"no worker process can be started: the first one {error}; {_UNGUARDED}") from error
        except _NotSentError as error:
            raise InputError(
                f"{name} cannot be sent to other processes ({error}); define it by `def` at the top of a module, or "
                "pass executor=ThreadPoolExecutor(N) if threads will do"
            ) from error
        self._threads = ThreadPoolExecutor(n_workers)

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        return self._threads.submit(self._call, function, args, options)

    def _call(self, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        worker = self._taken()
        try:
            passed = [_Shared() if arg is self._shared else arg for arg in args]
            value, failure = worker.asked(lambda: send(worker.pipe, (function, passed, options)))
        except BaseException:
            self._drop(worker)
            raise
        self._give_back(worker)
        if failure is not None:
            raise RuntimeError(failure)
        return value

    def _taken(self) -> _Worker:
        """A process that waits, or a new one. Raises `WorkerDiedError` or `_NotSentError` if it does not start."""
        with self._lock:
            if self._is_closed:
                raise WorkerDiedError("was closed")
            # Started under the lock, so that `shutdown` sees it.
            worker = self._idle.pop() if self._idle else _Worker()
            self._busy.add(worker)
        try:
            worker.make_ready(self._shared)
        except BaseException:
            self._drop(worker)
            raise
        return worker

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
            if not self._is_closed:
                self._idle.append(worker)
                return
        worker.end()

    def _drop(self, worker: _Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
        worker.end()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes; with `cancel_futures`, in the midst of what they run."""
        if not cancel_futures:
            self._threads.shutdown(wait=wait)
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            for worker in self._busy:  # the thread that waits for it sees it end
                worker.kill()
        for worker in idle:
            worker.pipe.close()
        for worker in idle:
            worker.end(_GRACE_S)
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)


class _Worker:
    """One process, and the pipe to it."""

    def __init__(self) -> None:
        context = get_context("spawn")  # a forked process would inherit locks without the threads that hold them
        self.pipe, theirs = context.Pipe()
        # Not a daemon: those may not start processes, as data loaders do.
        self._process = context.Process(target=_serve, args=(theirs,), daemon=False)
        with sigint_held():
            self._process.start()
        theirs.close()  # so that the pipe ends with the process
        self._is_ready = False

    def make_ready(self, shared: object) -> None:
        """Send what all calls share, once. Raises `WorkerDiedError`, `_NotSentError`."""
        if self._is_ready:
            return
        try:
            pickled = bytes(ForkingPickler.dumps(shared))
        except InputError:  # it says what is wrong
            raise
        except Exception as error:  # whatever the user's own class raises
            raise _NotSentError(one_line(error)) from error
        reason = self.asked(lambda: self.pipe.send_bytes(pickled))
        if reason is not None:
            raise _NotSentError(reason)
        self._is_ready = True

    def asked(self, send_question: Callable[[], None]) -> Any:
        """The answer to what is sent. Raises `WorkerDiedError`."""
        try:
            send_question()
            return self.pipe.recv()
        except (EOFError, OSError) as error:
            self._process.join(_GRACE_S)
            raise WorkerDiedError(f"ended with exit code {self._process.exitcode}") from error

    def kill(self) -> None:
        """Kill the process, and those that it started."""
        pid = self._process.pid
        if hasattr(os, "killpg") and pid is not None and self._process.exitcode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # it leads no group yet
                os.killpg(pid, signal.SIGKILL)
        self._process.kill()

    def end(self, grace_s: float = 0.0) -> None:
        """Kill the process, and free what it took.

        Args:
            grace_s: seconds that it has to end by itself, once its pipe is closed.
        """
        self.pipe.close()
        if grace_s:
            self._process.join(grace_s)
        self.kill()
        self._process.join()


class _Shared:
    """Stands for the object that a process was sent before."""


class _NotSentError(Exception):
    """What all calls share does not reach a process. The message says why."""


def _serve(pipe: Connection) -> None:
    """What a process does: read what calls share, then answer calls until no more come."""
    end_with_parent(with_group=True)
    with contextlib.suppress(EOFError, OSError):  # the parent has closed the pipe
        try:
            shared = pipe.recv()
        except (EOFError, OSError):
            raise
        except BaseException as error:  # whatever the import of the user's module raises
            send(pipe, one_line(error))
            return
        send(pipe, None)
        while True:
            send(pipe, _answer(pipe, shared))


def _answer(pipe: Connection, shared: object) -> tuple[Any, str | None]:
    """What the next call returns, or what it raises, in words."""
    function, args, options = pipe.recv()
    try:
        return function(*(shared if isinstance(arg, _Shared) else arg for arg in args), **options), None
    except Exception as error:
        return None, one_line(error)
