"""Which cores a measurement runs on."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nassurrogate.errors import InputError

_LOG = logging.getLogger(__name__)
_ABOUT_CORES = Path("/sys/devices/system/cpu")


def usable_cores() -> list[int]:
    """The numbers of the cores that this process may use."""
    if sys.platform == "linux":
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def check_threads(threads: int) -> None:
    """Raise `InputError` unless there is a core for each thread."""
    n_cores = len(usable_cores())
    if not 1 <= threads <= n_cores:
        raise InputError(f"threads must be a whole number from 1 to {n_cores} (the cores here), got {threads}")


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Keep the calling thread, and those that it starts, on as many cores; afterwards it may use all it could before.

    A thread that moves to another core finds that core's caches cold. Where the system cannot pin threads, they float.

    >>> with pinned(1):
    ...     len(usable_cores()) if sys.platform == "linux" else 1
    1
    """
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, chosen_cores(before, threads))
    except OSError as error:  # some sandboxes forbid it
        _LOG.warning("cannot pin threads to cores (%s): measurements may spread more", error.strerror)
        yield
        return
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def chosen_cores(usable: set[int], threads: int, about: Path = _ABOUT_CORES) -> list[int]:
    """The fastest of the usable cores, first one of each physical core.

    Among equals, the last ones: the system itself prefers the first for its own work.

    Args:
        usable: numbers of cores.
        threads: how many to choose.
        about: Linux's folder of what it knows about the cores.
    """
    chosen: list[int] = []
    siblings: set[str] = set()
    second: list[int] = []
    for core in sorted(usable, key=lambda core: (-_speed(about / f"cpu{core}"), -core)):
        shared = _read(about / f"cpu{core}" / "topology" / "thread_siblings_list") or str(core)
        (second if shared in siblings else chosen).append(core)
        siblings.add(shared)
    return [*chosen, *second][:threads]


def _speed(core: Path) -> int:
    """A number that is larger for faster cores of one machine; 0 if unknown."""
    text = _read(core / "cpu_capacity") or _read(core / "cpufreq" / "cpuinfo_max_freq")
    return int(text) if text.isdecimal() else 0


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # not every machine has every one of these files
        return ""
