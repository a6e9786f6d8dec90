"""Errors a user can mend: one line that says what was given, what was expected, and the nearest valid choice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the caller gave is unusable. The message is one line; the command line exits with code 2.

    A path may hold line breaks, escape codes and bytes that are no text: what cannot be printed is shown by its code.

    >>> print(InputError("no file at two\\nlines"))
    no file at two\\nlines
    """

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else ascii(c)[1:-1] for c in message))


def nearest(given: str, choices: Iterable[str]) -> str | None:
    """The choice that resembles `given` most, or None when nothing does.

    >>> nearest("evolutoin", ["random", "evolution"])
    'evolution'
    """
    by_folded = {choice.casefold(): choice for choice in choices}
    close = difflib.get_close_matches(given.casefold(), list(by_folded), n=1, cutoff=0.5)
    return by_folded[close[0]] if close else None


def unknown_choice(kind: str, given: object, choices: Iterable[str], *, place: str = "") -> InputError:
    """An `InputError` for a name that is not among `choices`.

    >>> str(unknown_choice("searcher", "evolutoin", ["random", "evolution"]))
    "unknown searcher 'evolutoin'; known: random, evolution; did you mean 'evolution'?"
    """
    known = list(choices)
    close = nearest(given, known) if isinstance(given, str) else None
    hint = f"; did you mean {close!r}?" if close else ""
    listed = ", ".join(known) if known else "none"
    return InputError(f"unknown {kind} {brief(given)}{place}; known: {listed}{hint}")


def require_name(kind: str, given: object) -> None:
    """Raise `InputError` for a name that is no text: what cannot be hashed or compared is no key of anything.

    >>> require_name("searcher", "evolution")
    """
    if not isinstance(given, str):
        raise InputError(f"{kind} must be a name, got {brief(given)}")


def one_line(error: BaseException, limit: int = 200) -> str:
    """The type and the message of somebody else's error, in one line.

    >>> one_line(ValueError("not\\nso"))
    'ValueError: not so'
    """
    return " ".join(f"{type(error).__name__}: {error}".split())[:limit]


def brief(value: object, limit: int = 80) -> str:
    """`repr(value)` cut to `limit` characters, for use in one-line messages."""
    try:
        text = " ".join(repr(value).splitlines())  # arrays have several
    except Exception:  # whatever somebody else's __repr__ raises while we have something to say about the value
        text = f"a {type(value).__name__}"
    return text if len(text) <= limit else text[: limit - 1] + "…"
