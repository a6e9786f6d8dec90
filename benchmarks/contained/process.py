"""A program in a process group of its own, which ends with this process, however that ends."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import IO, Final, Literal, TypeAlias

from nassurrogate.errors import InputError

Stream: TypeAlias = Literal["out", "err"]

_GUARD: Final = ("/bin/sh", "-c", "trap '' HUP INT TERM; read _; kill -KILL 0")
"""Leads the group, and kills it when its stdin ends: a process that is killed closes its pipes.

It is a process of its own, as a thread of the program may not run when it should: a busy extension module blocks it.
"""
_POLL_S: Final = 0.1
"""How often to check whether the program has ended: its pipes may stay open in processes that it started."""
_KILL_WAIT_S: Final = 10.0
"""How long a killed process may take to end; one that waits for a broken disk or driver takes for ever."""
_CHUNK: Final = 1 << 16

_all: Final[weakref.WeakSet[ContainedProcess]] = weakref.WeakSet()


class TimeLimitError(Exception):
    """A program took longer than it may."""


class ContainedProcess:
    """A running program whose stdout and stderr are read here.

    It is in a process group of its own, so Ctrl-C in a terminal does not reach it. All processes of the group are
    killed by `kill` and `end`, and when this process dies. `end` must be called in any case.

    Args:
        command: the program and its arguments.
        cwd: the folder that it runs in; None: the current one.
        stdin: what it reads; None: what `send` sends.

    Raises `InputError` on Windows, `OSError` if the program cannot be started.

    >>> echo = ContainedProcess(["cat"], stdin=b"hello")
    >>> list(echo.output()), echo.exit_code
    ([('out', b'hello')], 0)
    >>> echo.end()
    """

    def __init__(self, command: Sequence[str], *, cwd: Path | None = None, stdin: bytes | None = None) -> None:
        if os.name != "posix":
            raise InputError("evaluations in processes of their own need Linux or macOS")
        self.is_killed = False
        """Whether `kill` was called."""
        self._is_ended = False
        self._lock = threading.Lock()
        self._pipes: dict[Stream, IO[bytes]] = {}
        self._guard = subprocess.Popen(
            _GUARD, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0
        )
        try:
            with _input(stdin) as source:
                self._process = subprocess.Popen(
                    command,
                    cwd=cwd,
                    stdin=source,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    process_group=self._guard.pid,
                )
        except BaseException:
            self._kill_group()
            _reap(self._guard)
            raise
        for name, pipe in (("out", self._process.stdout), ("err", self._process.stderr)):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self._pipes[name] = pipe  # type: ignore[index]
        _all.add(self)

    @property
    def exit_code(self) -> int | None:
        """The exit code; −n for signal n; None while the program runs."""
        return self._process.poll()

    def send(self, data: bytes) -> None:
        """Write to the program's stdin; to one that has ended, nothing."""
        assert self._process.stdin is not None, "its whole stdin was given"
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def output(self, deadline: float | None = None) -> Generator[tuple[Stream, bytes], None, None]:
        """What the program writes to stdout and stderr, as it comes, until it has ended.

        Args:
            deadline: a time of `time.monotonic()`; None: no limit.

        Raises `TimeLimitError` at the deadline.
        """
        with selectors.DefaultSelector() as selector:
            for name, pipe in self._pipes.items():
                selector.register(pipe, selectors.EVENT_READ, name)
            while True:
                has_ended = self.exit_code is not None
                if has_ended:  # what it started ends with it, so the pipes run dry
                    self._kill_group()
                left = _POLL_S if deadline is None else deadline - time.monotonic()
                if left <= 0 and not has_ended:
                    raise TimeLimitError
                ready = selector.select(0 if has_ended else min(left, _POLL_S))
                for key, _ in ready:
                    data = os.read(key.fd, _CHUNK)
                    if data:
                        yield key.data, data
                    else:
                        selector.unregister(key.fileobj)
                if has_ended and not ready:
                    return

    def waiting(self, stream: Stream) -> Iterator[bytes]:
        """What the program has written and nobody has read yet."""
        pipe = self._pipes[stream]
        with contextlib.suppress(BlockingIOError):
            while data := os.read(pipe.fileno(), _CHUNK):
                yield data

    def kill(self) -> None:
        """Kill the group, from any thread; the one that reads the output sees it end."""
        with self._lock:
            self.is_killed = True
            if not self._is_ended:
                self._kill_group()

    def close_input(self) -> None:
        """Let the program read the end of its stdin."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def end(self, grace_s: float = 0.0) -> None:
        """Kill the group, and free what it took.

        Args:
            grace_s: seconds that the program has to end by itself.
        """
        with self._lock:
            if self._is_ended:
                return
            self._is_ended = True
            self.close_input()
            try:
                if grace_s > 0:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(grace_s)
            finally:
                self._kill_group()
                _reap(self._process)
                _reap(self._guard)
                for pipe in self._pipes.values():
                    pipe.close()

    def _forget(self) -> None:
        """In a forked copy of this process: leave the program to the original, whose death it would not see."""
        self._is_ended = True
        for process in (self._process, self._guard):
            process.returncode = 0  # it is not a child of this process
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

    def _kill_group(self) -> None:
        # No other group has this number as long as the guard is not reaped. macOS refuses where all are dead.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._guard.pid, signal.SIGKILL)


def _forget_all() -> None:
    for process in _all:
        process._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def how_it_ended(exit_code: int) -> str:
    """The end of a process in words.

    >>> how_it_ended(3), how_it_ended(-9)
    ('exited with code 3', 'was killed by signal 9 (out of memory?)')
    """
    if exit_code >= 0:
        return f"exited with code {exit_code}"
    number = -exit_code
    if number == signal.SIGKILL:
        return f"was killed by signal {number} (out of memory?)"
    names = {one.value: one.name for one in signal.Signals}
    return f"was killed by signal {number}" + (f" ({names[number]})" if number in names else "")


@contextlib.contextmanager
def _input(stdin: bytes | None) -> Iterator[int | IO[bytes]]:
    """A pipe; or a file with that content, which a program may leave unread without blocking anybody."""
    if stdin is None:
        yield subprocess.PIPE
        return
    with tempfile.TemporaryFile() as file:
        file.write(stdin)
        file.seek(0)
        yield file


def _reap(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_KILL_WAIT_S)
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
