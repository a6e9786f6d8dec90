"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

TEMPORARY_SUFFIX: Final = ".tmp"
"""A process that is killed while it writes leaves a hidden file of this suffix in the folder of the target."""


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file that holds, whatever happens meanwhile, all that `write` writes or what was there before.

    Args:
        path: the target, replaced if it is there; a link stays a link, and what it leads to is replaced.
        write: writes the content into the open file.

    Raises `OSError` where the folder is not there or cannot be written, the disk is full, or the path is there and no
    regular file. Whatever `write` raises passes through.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder, "note"), lambda file: file.write(b"whole"))
    ...     Path(folder, "note").read_text(), len(os.listdir(folder))
    ('whole', 1)
    """
    target = Path(os.path.realpath(path))
    check_replaceable(target)
    # Not mkstemp's, which nobody else could read; not the target's name and more, which could be too long a name.
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
    """Raise `FileExistsError` for a path that is there and leads to no regular file: a device, a pipe, a folder."""
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "that is there and no regular file", str(path))


def _flush_folder(folder: Path) -> None:
    """Let the new name outlive a power cut, where the system can: without it the old file may come back, whole."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):  # some file systems cannot, some folders must not be read; the file is whole
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
