"""What a tabular file holds before anything is read into it: named columns of text, numbers or lists, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from nassurrogate.errors import InputError, brief, nearest
from nassurrogate.tables.faults import Faults

MAX_BYTES: Final = 1 << 28
"""Of a file, unpacked. Some never end: /dev/zero, a pipe that goes on and on, a bomb of zeros in a few kilobytes."""
MAX_ROWS: Final = 10_000_000
MAX_COLUMNS: Final = 1_000
_UNNAMED: Final = ("", "__index_level_0__", "Unnamed: 0", "unnamed")
"""How pandas writes an index that nobody named."""


@dataclass(frozen=True)
class RawTable:
    """Columns as they stand in a file, R rows each.

    Args:
        source: the file's name, as messages give it.
        columns: name → R values: text, numbers, lists, dicts, or None.
        places: (R,) the number of every row, counted from 1.
        counted_in: `"line"`, lines of the file, or `"row"`, rows of the table.
        notes: what was left out, for the user.
    """

    source: str
    columns: dict[str, list[object]]
    places: Sequence[int]
    counted_in: str
    notes: list[str] = field(default_factory=list)

    def place(self, row: int) -> str:
        """`line 12`, of row number `row` from 0."""
        return f"{self.counted_in} {self.places[row]}"


def checked_names(names: Sequence[object], source: str) -> tuple[list[str], list[str]]:
    """(names, "" for columns to leave out; notes). Raises `InputError` for too many, and for two of one name."""
    if len(names) > MAX_COLUMNS:
        raise InputError(
            f"{source} has {len(names)} columns; at most {MAX_COLUMNS} are read, and a row is an architecture: is it "
            "transposed?"
        )
    found = ["" if name is None else str(name).strip() for name in names]
    faults = Faults(source)
    for name in dict.fromkeys(found):
        if not name.isprintable():
            faults.add(f"a column is named {brief(name)}, with characters that cannot be printed")
        if name and found.count(name) > 1:
            faults.add(f"there are {_COUNTS.get(found.count(name), str(found.count(name)))} columns named {name!r}")
    by_case: dict[str, str] = {}
    for name in filter(None, dict.fromkeys(found)):
        other = by_case.setdefault(name.casefold(), name)
        if other != name:
            faults.add(f"the columns {other!r} and {name!r} differ in case only; rename one: --rename NEW={name}")
    faults.raise_any()
    left_out = [name for name in found if name in _UNNAMED]
    notes = [f"{source}: the column {brief(name)} has no name and is left out" for name in dict.fromkeys(left_out)]
    return ["" if name in _UNNAMED else name for name in found], notes


_COUNTS = {2: "two", 3: "three"}


def require_column(raw: RawTable, name: str, role: str) -> None:
    """Raise `InputError`, with the columns found and the nearest one, unless the column is there."""
    if name not in raw.columns:
        close = nearest(name, raw.columns)
        hint = f"; did you mean {close!r}?" if close else ""
        raise InputError(
            f"{raw.source} has no column {name!r}, {role}; its columns: {', '.join(map(repr, raw.columns))}{hint}"
        )
