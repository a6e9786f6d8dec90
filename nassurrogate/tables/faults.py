"""Reports everything that is wrong with a file in a single one-line message."""

from __future__ import annotations

from dataclasses import dataclass, field

from nassurrogate.errors import InputError

_MOST_SHOWN = 5


@dataclass
class Faults:
    """Collects the problems of a file in the order in which they are found.

    Args:
        source: the file's name, as messages give it.

    >>> faults = Faults("mine.csv")
    >>> faults.add("line 3: index is 'x'; expected a whole number")
    >>> faults.as_error()
    InputError("mine.csv, line 3: index is 'x'; expected a whole number")
    """

    source: str
    found: list[str] = field(default_factory=list)

    def add(self, fault: str) -> None:
        """Add a problem."""
        self.found.append(fault)

    def as_error(self) -> InputError:
        """The error for the first few problems, with their total number."""
        if len(self.found) == 1:
            joint = ", " if self.found[0].startswith(("line ", "lines ", "row ", "rows ")) else ": "
            return InputError(f"{self.source}{joint}{self.found[0]}")
        shown = "; ".join(f"({number}) {fault}" for number, fault in enumerate(self.found[:_MOST_SHOWN], start=1))
        more = len(self.found) - _MOST_SHOWN
        return InputError(
            f"{self.source} has {len(self.found)} faults: {shown}{f'; and {more} more' if more > 0 else ''}"
        )

    def raise_any(self) -> None:
        """Raise `InputError` if there is a problem."""
        if self.found:
            raise self.as_error()
