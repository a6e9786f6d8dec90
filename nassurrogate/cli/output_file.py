"""Checks that a result can be written, made before the work starts."""

from __future__ import annotations

import os
from pathlib import Path

from nassurrogate.errors import InputError
from nassurrogate.files.atomic_file import check_replaceable


def check_writable(out: Path, what: str) -> None:
    """Raise `InputError` if `what` cannot be written to a file; called before the work rather than after it."""
    if out.is_dir():
        raise InputError(f"cannot write {what} to {out}: it is a folder; give the name of a file in it")
    try:
        check_replaceable(out)
    except FileExistsError as error:
        raise InputError(f"cannot write {what} to {out}: {error.strerror}") from error
    existing = next(folder for folder in out.absolute().parents if folder.exists())
    if not existing.is_dir():
        raise InputError(f"cannot write {what} to {out}: {existing} is not a folder")
    if not os.access(existing, os.W_OK):
        raise InputError(f"cannot write {what} to {out}: no permission to write in {existing}")
