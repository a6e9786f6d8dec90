"""Errors that a user can fix: one line with the given value, what was expected, and the nearest valid choice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_LEAST_LETTERS = 3
"""Shorter names are not treated as abbreviations."""
_LEAST_STEM = 5
"""The shortest common stem of two related words, such as `evaluation` and `evaluate`."""


class InputError(ValueError):
    """Invalid input from the caller. The message is one line; the command line exits with code 2.

    Unprintable characters, which a path may contain, are shown by their codes.

    >>> print(InputError("no file at two\\nlines"))
    no file at two\\nlines
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def printable(text: str, *, keep: str = "") -> str:
    """The text with control characters, such as escape codes, shown by their codes.

    Args:
        keep: control characters to leave alone, such as a line break.

    >>> print(printable("a file named \\x1b[31mred"))
    a file named \\x1b[31mred
    """
    if text.translate(dict.fromkeys(map(ord, keep))).isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in text)


def nearest(given: str, choices: Iterable[str]) -> str | None:
    """The choice that was probably meant, allowing for typos and abbreviations; None if none is close.

    In order of preference: equal except for case and punctuation; the fewest typos (at most one in a name of 3 letters,
    two in 6, three in 10); the shortest choice whose words abbreviate the given ones, or are abbreviated by them. Ties
    go to the first choice.

    >>> nearest("evolutoin", ["random", "evolution"])
    'evolution'
    >>> nearest("val_acc", ["val_loss", "val_accuracy_pct"])
    'val_accuracy_pct'
    >>> nearest("report", ["score", "predictors"])
    """
    asked = _words(given)
    letters = "".join(asked)
    mistyped: list[tuple[int, str]] = []
    abbreviated: list[tuple[int, str]] = []
    for choice in choices:
        words = _words(choice)
        name = "".join(words)
        allowed = _allowed_errors(min(len(letters), len(name)))
        errors = _typing_errors(letters, name, allowed) if letters and name else allowed + 1
        if errors <= allowed:
            mistyped.append((errors, choice))
        elif _abbreviates(asked, words) or _abbreviates(words, asked):
            abbreviated.append((len(name), choice))
    close = mistyped or abbreviated
    return min(close, key=lambda entry: entry[0])[1] if close else None


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", name.casefold())


def _allowed_errors(letters: int) -> int:
    return (letters >= 3) + (letters >= 6) + (letters >= 10)


def _abbreviates(short: Sequence[str], long: Sequence[str]) -> bool:
    """Whether the words of one name abbreviate words of the other, in order."""
    if sum(map(len, short)) < _LEAST_LETTERS:
        return False
    rest = iter(long)
    return all(any(_stands_for(word, other) for other in rest) for word in short)


def _stands_for(word: str, other: str) -> bool:
    if word == other or (len(word) > 1 and other.startswith(word)):
        return True
    shorter = min(len(word), len(other))
    stem = max(_LEAST_STEM, shorter - 2)
    return shorter >= stem and word[:stem] == other[:stem]


def _typing_errors(given: str, meant: str, most: int) -> int:
    """The optimal string alignment distance, capped at `most + 1`.

    It counts letters to add, drop, replace or swap with a neighbour, where no letter is edited twice.
    """
    if abs(len(given) - len(meant)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for i, letter in enumerate(given, start=1):
        before, last, row = row, before, [i]
        for j, other in enumerate(meant, start=1):
            least = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == meant[j - 2] and given[i - 2] == other:
                least = min(least, last[j - 2] + 1)
            row.append(least)
        if min(row) > most:
            return most + 1
    return row[-1]


_LONGEST_LIST = 200
"""Characters of a list of known names; the nearest one is named anyway."""


def unknown_choice(kind: str, given: object, choices: Iterable[str], *, place: str = "") -> InputError:
    """An `InputError` for a name that is not among `choices`.

    >>> str(unknown_choice("searcher", "evolutoin", ["random", "evolution"]))
    "unknown searcher 'evolutoin'; known: random, evolution; did you mean 'evolution'?"
    """
    known = list(choices)
    close = nearest(given, known) if isinstance(given, str) else None
    hint = f"; did you mean {close!r}?" if close else ""
    listed = ", ".join(known) if known else "none"
    if len(listed) > _LONGEST_LIST:
        kept = listed[:_LONGEST_LIST].rpartition(", ")[0]
        listed = f"{kept}, … ({len(known)} in all)"
    return InputError(f"unknown {kind} {brief(given)}{place}; known: {listed}{hint}")


def require_name(kind: str, given: object) -> None:
    """Raise `InputError` for a name that is not text.

    >>> require_name("searcher", "evolution")
    """
    if not isinstance(given, str):
        raise InputError(f"{kind} must be a name, got {brief(given)}")


def one_line(error: BaseException, limit: int = 200) -> str:
    """The type and the message of another package's error, in one line.

    >>> one_line(ValueError("not\\nso"))
    'ValueError: not so'
    >>> one_line(MemoryError())
    'MemoryError'
    """
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")[:limit]


def brief(value: object, limit: int = 80) -> str:
    """`repr(value)` cut to `limit` characters, for use in one-line messages."""
    try:
        text = " ".join(repr(value).splitlines())  # arrays have several
    except Exception:  # a user's __repr__ may raise anything
        text = f"a {type(value).__name__}"
    return text if len(text) <= limit else text[: limit - 1] + "…"
