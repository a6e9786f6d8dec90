"""Lets measurements on one machine wait for each other."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterator
from contextlib import contextmanager

from nassurrogate.files.cache_folder import cache_dir
from nassurrogate.files.given_path import file_stem

_LOG = logging.getLogger(__name__)


@contextmanager
def only_measurement() -> Iterator[None]:
    """Hold a lock in the cache folder, which may be shared with other machines: each machine has a lock of its own.

    Two measurements at once would slow each other down. Where there can be no lock, a warning is logged.
    """
    from filelock import FileLock, Timeout

    path = cache_dir() / f"measuring-{file_stem(platform.node()) or 'here'}.lock"
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        _LOG.warning("another measurement is running on this machine; waiting for it to end")
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        _LOG.warning("cannot lock %s (%s): another measurement at the same time would disturb this one", path, reason)
    try:
        yield
    finally:
        lock.release()
