"""Paths and parts of paths, as a caller gives them."""

from __future__ import annotations

import os
from pathlib import Path

from nassurrogate.errors import InputError, brief


def as_path(given: object, what: str) -> Path:
    """The path, if it can be one of a file; `what` names it in the `InputError` that is raised otherwise.

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
        raise InputError(f"{what} must be a path that a file can have, got {brief(given)}")
    return Path(text)


def file_stem(text: str) -> str:
    """A text as a part of a file's name: a name of one's own may hold what leads to other folders.

    >>> file_stem("mine/../../other space")
    'mine-..-..-other-space'
    """
    return "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in text)
