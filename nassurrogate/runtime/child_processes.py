"""Processes started by `multiprocessing` that Ctrl-C leaves to their parent, and that end when the parent is killed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler


def send(pipe: Connection, message: object) -> None:
    """As `pipe.send` does, whose frames hold a view of a `BytesIO`.

    Where Ctrl-C or a broken pipe interrupts them, the traceback keeps both. From Python 3.13 on, a garbage collection
    that finds both at once shows "Exception ignored in: <_io.BytesIO …> BufferError", below the last line of a command.
    """
    pipe.send_bytes(bytes(ForkingPickler.dumps(message)))


@contextmanager
def sigint_held() -> Iterator[None]:
    """Hold Ctrl-C back while processes are started: neither they nor their start are interrupted.

    A process that is started halfway has no message that says what to do, and ends with a traceback.
    """
    held: list[int] = []
    in_main = threading.current_thread() is threading.main_thread()  # the only one that Python interrupts
    before = signal.getsignal(signal.SIGINT) if in_main else None  # None: no handler of Python's
    if before is not None:
        # Where this thread blocks the signal, any other thread may get it, such as one of a library.
        signal.signal(signal.SIGINT, lambda number, _: held.append(number))
    try:
        with _sigint_blocked():
            yield
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
            if held:
                signal.raise_signal(signal.SIGINT)


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """A process inherits the blocked signals of the thread that starts it: Ctrl-C does not interrupt its imports."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # The first process would start the tracker, which unblocks the signal for this process and those after it.
    resource_tracker.ensure_running()
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def end_with_parent(*, with_group: bool = False) -> None:
    """In a process that was started: leave Ctrl-C to the parent, and end as soon as it has ended, however it did.

    Args:
        with_group: lead a process group of its own, where the system has them, and end it as a whole.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where signals cannot be blocked
    with_group = with_group and hasattr(os, "setpgrp")
    if with_group:
        os.setpgrp()
    threading.Thread(target=_end_after_parent, args=(with_group,), daemon=True).start()


def _end_after_parent(with_group: bool) -> None:
    parent = parent_process()
    if parent is None:
        return
    parent.join()
    if with_group:
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
