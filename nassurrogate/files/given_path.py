"""Paths, and parts of paths, that callers give."""

from __future__ import annotations

import os
from pathlib import Path

from nassurrogate.errors import InputError, brief


def as_path(given: object, what: str) -> Path:
    """The path. Raises `InputError`, which calls it `what`, if no file can have it.

    >>> as_path("runs/first", "run_dir").name
    'first'
    """
    text = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not isinstance(text, str) or not text:
        raise InputError(f"{what} must be a path, got {brief(given)}")
    try:
        usable = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise InputError(f"{what} must be a valid path, got {brief(given)}")
    return Path(text)


def file_stem(text: str) -> str:
    """A text as part of a file's name: characters that could lead to other folders are replaced.

    >>> file_stem("mine/../../other space")
    'mine-..-..-other-space'
    """
    return "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in text)
