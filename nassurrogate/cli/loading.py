"""Loads everything that a command lists; one broken plug-in must not hide the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from nassurrogate.cli.console import Console
from nassurrogate.errors import InputError

T = TypeVar("T")


def loaded(names: Iterable[str], load: Callable[[str], T], console: Console) -> Iterator[tuple[str, T]]:
    """Each name with what `load` returns for it; where that raises `InputError`, a warning is printed instead."""
    for name in names:
        try:
            found = load(name)
        except InputError as error:
            console.note(f"warning: {error}")
            continue
        yield name, found
