"""Files that are written completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

TEMPORARY_SUFFIX: Final = ".tmp"
"""A process that is killed while writing leaves a hidden file with this suffix in the target's folder."""


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that it holds, even after a crash, either the complete new content or the old one.

    Args:
        path: the target, replaced if it exists; a link is kept, and its target replaced.
        write: writes the content into the open file.

    Raises `OSError` if the folder does not exist or is not writable, the disk is full, or the path is not a regular
    file. Errors of `write` pass through.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder, "note"), lambda file: file.write(b"whole"))
    ...     Path(folder, "note").read_text(), len(os.listdir(folder))
    ('whole', 1)
    """
    target = Path(os.path.realpath(path))
    check_replaceable(target)
    # Not made by mkstemp, so that others can read it; not named after the target, as that name could be too long.
    temporary = target.parent / f".nassurrogate-{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
    try:
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_folder(target.parent)


def check_replaceable(path: Path) -> None:
    """Raise `FileExistsError` for an existing path that is not a regular file: a device, a pipe, a folder."""
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "it exists and is not a regular file", str(path))


def _flush_folder(folder: Path) -> None:
    """Make the rename survive a power cut, where the system can; otherwise the old file may come back, complete."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):  # not on every file system, nor for unreadable folders; the file is complete
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
