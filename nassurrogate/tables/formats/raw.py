"""The raw content of a tabular file, before interpretation: named columns of text, numbers or lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from nassurrogate.errors import InputError, brief, nearest
from nassurrogate.tables.faults import Faults

MAX_BYTES: Final = 1 << 28
"""Limit for an uncompressed file. Some never end: /dev/zero, an endless pipe, a gzip bomb."""
MAX_ROWS: Final = 10_000_000
MAX_COLUMNS: Final = 1_000
_UNNAMED: Final = ("", "__index_level_0__", "Unnamed: 0", "unnamed")
"""How pandas writes an unnamed index."""


@dataclass(frozen=True)
class RawTable:
    """Columns as stored in a file, R rows each.

    Args:
        source: the file's name, as messages give it.
        columns: name → R values: text, numbers, lists, dicts, or None.
        places: (R,) number of each row, counted from 1.
        counted_in: `"line"` (of the file) or `"row"` (of the table).
        notes: for the user, on what was skipped.
    """

    source: str
    columns: dict[str, list[object]]
    places: Sequence[int]
    counted_in: str
    notes: list[str] = field(default_factory=list)

    def place(self, row: int) -> str:
        """Where a row (from 0) is, such as `line 12`."""
        return f"{self.counted_in} {self.places[row]}"


def checked_names(names: Sequence[object], source: str) -> tuple[list[str], list[str]]:
    """(names, with "" for columns to skip; notes). Raises `InputError` for too many columns or duplicate names."""
    if len(names) > MAX_COLUMNS:
        raise InputError(
            f"{source} has {len(names)} columns, expected at most {MAX_COLUMNS}; each row must be an architecture: is "
            "the table transposed?"
        )
    found = ["" if name is None else str(name).strip() for name in names]
    faults = Faults(source)
    for name in dict.fromkeys(found):
        if not name.isprintable():
            faults.add(f"the column name {brief(name)} has unprintable characters")
        if name and found.count(name) > 1:
            faults.add(f"{_COUNTS.get(found.count(name), str(found.count(name)))} columns are named {name!r}")
    by_case: dict[str, str] = {}
    for name in filter(None, dict.fromkeys(found)):
        other = by_case.setdefault(name.casefold(), name)
        if other != name:
            faults.add(f"columns {other!r} and {name!r} differ only in case; rename one: --rename NEW={name}")
    faults.raise_any()
    left_out = [name for name in found if name in _UNNAMED]
    notes = [f"{source}: column {brief(name)} is an unnamed index and is skipped" for name in dict.fromkeys(left_out)]
    return ["" if name in _UNNAMED else name for name in found], notes


_COUNTS = {2: "two", 3: "three"}


def require_column(raw: RawTable, name: str, role: str) -> None:
    """Raise `InputError`, with the columns found and the nearest one, if there is no such column."""
    if name not in raw.columns:
        close = nearest(name, raw.columns)
        hint = f"; did you mean {close!r}?" if close else ""
        raise InputError(
            f"{raw.source} has no column {name!r}, {role}; its columns: {', '.join(map(repr, raw.columns))}{hint}"
        )
