"""Reports all problems of a file in a one-line message."""

from __future__ import annotations

from dataclasses import dataclass, field

from nassurrogate.errors import InputError

_MOST_SHOWN = 5
_ENOUGH = 1_000


@dataclass
class Faults:
    """Collects the problems of a file in the order in which they are found: counts all, and keeps the first few.

    Args:
        source: the file's name, as messages give it.

    >>> faults = Faults("mine.csv")
    >>> faults.add("line 3: index is 'x'; expected a whole number")
    >>> faults.as_error()
    InputError("mine.csv, line 3: index is 'x'; expected a whole number")
    """

    source: str
    _shown: list[str] = field(default_factory=list, init=False)
    _number: int = field(default=0, init=False)

    def __len__(self) -> int:
        return self._number

    @property
    def are_enough(self) -> bool:
        """Whether there is no point in reading on: a file of another kind may have a problem in every line."""
        return self._number >= _ENOUGH

    def add(self, fault: str) -> None:
        """Add a problem."""
        self._number += 1
        if self._number <= _MOST_SHOWN:
            self._shown.append(fault)

    def as_error(self) -> InputError:
        """The error for the first few problems, with their total number."""
        if self._number == 1:
            joint = ", " if self._shown[0].startswith(("line ", "lines ", "row ", "rows ")) else ": "
            return InputError(f"{self.source}{joint}{self._shown[0]}")
        shown = "; ".join(f"({number}) {fault}" for number, fault in enumerate(self._shown, start=1))
        more = self._number - _MOST_SHOWN
        return InputError(
            f"{self.source} has {'at least ' if self.are_enough else ''}{self._number} problems: "
            f"{shown}{f'; and {more} more' if more > 0 else ''}"
        )

    def raise_any(self) -> None:
        """Raise `InputError` if there is a problem."""
        if self._number:
            raise self.as_error()
