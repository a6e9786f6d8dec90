"""The objects that a pickle may refer back to, without remembering all of them."""

from __future__ import annotations

from typing import Any, Final

from nassurrogate.benchmarks.pickles.globals import SKIPPED, Harmless
from nassurrogate.errors import InputError

MAX_STRINGS: Final = 1 << 20
"""Distinct strings that are remembered at most."""
MAX_MISSED: Final = 1 << 20
_ABSENT: Final = object()


class ForgetfulMemo:
    """Numbered objects, of which the last two generations are remembered, and every distinct string.

    Files refer back over short distances (one training's epochs), except to the names of attributes, which are written
    once and referred to everywhere. Forgotten objects that are referred to are noted in `missed`: a second reading that
    keeps them is exact.

    Args:
        generation: how many objects are a generation.
        keep: numbers never to forget.

    >>> memo = ForgetfulMemo(2, frozenset())
    >>> for number in range(6):
    ...     memo.put(number, [number])
    >>> memo.get(5), memo.get(0), memo.missed
    ([5], <skipped>, {0})
    """

    def __init__(self, generation: int, keep: frozenset[int]) -> None:
        self._generation = generation
        self._keep = keep
        self._young: dict[int, Any] = {}
        self._old: dict[int, Any] = {}
        self._kept: dict[int, Any] = {}
        self._strings: set[str] = set()
        self.missed: set[int] = set()
        self.next_number = 0

    def put(self, number: int, value: Any) -> None:
        """Remembers an object."""
        if number >= self.next_number:
            self.next_number = number + 1
        self._young[number] = value
        if len(self._young) >= self._generation:
            self._forget()

    def _forget(self) -> None:
        for number, value in self._old.items():
            if type(value) is str and value not in self._strings and len(self._strings) < MAX_STRINGS:
                self._strings.add(value)
                self._kept[number] = value
            elif number in self._keep or isinstance(value, Harmless):
                self._kept[number] = value
        self._old, self._young = self._young, {}

    def get(self, number: int) -> Any:
        """The object, or `SKIPPED` if it was forgotten. Raises `InputError` if there never was one."""
        for memo in (self._young, self._old, self._kept):
            value = memo.get(number, _ABSENT)
            if value is not _ABSENT:
                return value
        if number >= self.next_number:
            raise InputError(f"it refers to object {number}, which it never defined: damaged?")
        self.missed.add(number)
        if len(self.missed) > MAX_MISSED:
            raise InputError("it refers back too often to be read in bounded memory")
        return SKIPPED
