"""The processes of a problem that wait for work: as many as there were evaluations at once."""

from __future__ import annotations

import atexit
import os
import threading
from pathlib import Path

from nassurrogate.benchmarks.problems.child_process import ChildProcess

_pools: dict[tuple[Path, str], ChildPool] = {}
_lock = threading.Lock()


class ChildPool:
    """Processes of one problem file. An evaluation takes one, and gives it back if it can be used again.

    Args:
        path: of the problem file.
        sha256: of its bytes.
    """

    def __init__(self, path: Path, sha256: str) -> None:
        self._path, self._sha256 = path, sha256
        self._idle: list[ChildProcess] = []
        self._busy: set[ChildProcess] = set()
        self._lock = threading.Lock()

    def take(self) -> ChildProcess:
        """A process that waits, or a new one."""
        dead = []
        with self._lock:
            child = None
            while self._idle and child is None:
                last = self._idle.pop()
                if last.is_alive:
                    child = last
                else:
                    dead.append(last)
            # Started under the lock, so that `close` sees it.
            child = child or ChildProcess(self._path, self._sha256)
            self._busy.add(child)
        for one in dead:
            one.end()
        return child

    def give_back(self, child: ChildProcess) -> None:
        """Let other evaluations use it."""
        with self._lock:
            self._busy.discard(child)
            if not child.process.is_killed:
                self._idle.append(child)
                return
        child.end()

    def drop(self, child: ChildProcess) -> None:
        """End it."""
        with self._lock:
            self._busy.discard(child)
        child.end()

    def close(self) -> None:
        """End all processes; evaluations that run raise `EvaluationStoppedError`."""
        with self._lock:
            idle, self._idle = self._idle, []
            for child in self._busy:
                child.process.kill()
        for child in idle:
            child.process.close_input()
        for child in idle:
            child.end(with_grace=True)

    def forget(self) -> None:
        """In a forked copy of this process, which has no processes yet."""
        self._lock = threading.Lock()
        self._idle, self._busy = [], set()


def pool_of(path: Path, sha256: str) -> ChildPool:
    """The pool of a problem file in this process, which all copies of a `Problem` share."""
    with _lock:
        if not _pools:
            atexit.register(_close_all)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=_forget_all)
        return _pools.setdefault((path, sha256), ChildPool(path, sha256))


def _close_all() -> None:
    for pool in list(_pools.values()):
        pool.close()


def _forget_all() -> None:
    global _lock
    _lock = threading.Lock()
    for pool in _pools.values():
        pool.forget()
