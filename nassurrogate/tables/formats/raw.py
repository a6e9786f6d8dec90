"""The raw content of a tabular file, before interpretation: named columns of text, numbers or lists."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from nassurrogate.errors import InputError, brief, nearest
from nassurrogate.tables.faults import Faults

MAX_BYTES: Final = 1 << 28
"""Limit for an uncompressed file. Some never end, such as /dev/zero, an endless pipe or a gzip bomb."""
MAX_ROWS: Final = 2_000_000
MAX_CELLS: Final = 20_000_000
"""Limit for rows × columns, of which a compressed file can hold many in a few bytes."""
MAX_NAME: Final = 200
MAX_COLUMNS: Final = 1_000
_UNNAMED: Final = ("", "__index_level_0__", "Unnamed: 0", "unnamed")
"""How pandas writes an unnamed index."""


@dataclass(frozen=True)
class RawTable:
    """Columns as stored in a file, R rows each.

    Args:
        source: the file's name, for messages.
        columns: name → R values: text, numbers, truth values, lists, dicts, or None.
        places: (R,) number of each row, counted from 1.
        counted_in: `"line"` (of the file) or `"row"` (of the table).
        notes: for the user, about what was skipped.
    """

    source: str
    columns: Mapping[str, Sequence[object]]
    places: Sequence[int]
    counted_in: str
    notes: list[str] = field(default_factory=list)

    def place(self, row: int) -> str:
        """Where a row (from 0) is, such as `line 12`."""
        return f"{self.counted_in} {self.places[row]}"


class Cells:
    """Counts the rows and cells of a table while it is read, and records where each row is.

    Args:
        source: the file's name, for messages.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self.places = array("q")

    def add_row(self, place: int, n_columns: int) -> None:
        """Count a row. Raises `InputError` if the table becomes too large."""
        self.places.append(place)
        check_size(self._source, len(self.places), n_columns)


def check_size(source: str, n_rows: int, n_columns: int) -> None:
    """Raise `InputError` for a table that is too large."""
    if n_rows > MAX_ROWS:
        raise InputError(f"{source} has more than {MAX_ROWS:,} rows, the limit for a table")
    if n_rows * n_columns > MAX_CELLS:
        raise InputError(
            f"{source} has more than {MAX_CELLS:,} values in its {n_columns:,} columns, the limit for a table; leave "
            "out the columns that you do not need"
        )


class Texts(Sequence[object]):
    """A column of texts without NUL, kept in blocks: as single objects they would take ten times the memory.

    Args:
        block_size: texts in every block but the last.
    """

    def __init__(self, block_size: int) -> None:
        self._size = block_size
        self._blocks: list[str] = []
        self._length = 0
        self._open = -1
        self._opened: list[str] = []

    def add_block(self, texts: Sequence[str]) -> None:
        """Add a block."""
        self._blocks.append("\0".join(texts))
        self._length += len(texts)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[object]:
        for block in self._blocks:
            yield from block.split("\0")

    def __getitem__(self, at: int | slice) -> object:  # type: ignore[override]
        if isinstance(at, slice):
            return [self[row] for row in range(*at.indices(len(self)))]
        block, row = divmod(range(self._length)[at], self._size)
        if block != self._open:
            self._open, self._opened = block, self._blocks[block].split("\0")
        return self._opened[row]


class Nested(Sequence[object]):
    """A column that may hold lists and dicts, which it keeps as JSON in a tenth of the memory.

    Args:
        values: the first values; none of them is a list or a dict.
    """

    _MAX_DEPTH: Final = 100

    def __init__(self, values: list[object]) -> None:
        self._values = values
        self._holds_some = False

    def append(self, value: object) -> None:
        """Add a value. Raises `ValueError` for lists that are nested too deeply."""
        if isinstance(value, dict | list):
            value = self._packed(value)
            self._holds_some = True
        self._values.append(value)

    def extend(self, values: Iterable[object]) -> None:
        """`append` for each value."""
        for value in values:
            self.append(value)

    def plain(self) -> Sequence[object]:
        """The same values, as a list if none of them is a list or a dict."""
        return self if self._holds_some else self._values

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[object]:
        for value in self._values:
            yield json.loads(value) if isinstance(value, bytes) else value

    def __getitem__(self, at: int | slice) -> object:  # type: ignore[override]
        if isinstance(at, slice):
            return [self[row] for row in range(*at.indices(len(self)))]
        value = self._values[at]
        return json.loads(value) if isinstance(value, bytes) else value

    def _packed(self, value: object) -> bytes:
        try:
            packed = json.dumps(value, default=str, separators=(",", ":")).encode()
        except RecursionError:
            raise ValueError("is nested too deeply") from None
        if packed.count(b"[") + packed.count(b"{") > self._MAX_DEPTH:
            depth = deepest = 0
            for sign in packed:
                depth += (sign in b"[{") - (sign in b"]}")
                deepest = max(deepest, depth)
            if deepest > self._MAX_DEPTH:
                raise ValueError("is nested too deeply")
        return packed


def checked_names(names: Sequence[object], source: str) -> tuple[list[str], list[str]]:
    """The names, with "" for columns to skip, and notes. Raises `InputError` for too many or duplicate columns."""
    if len(names) > MAX_COLUMNS:
        raise InputError(
            f"{source} has {len(names)} columns, expected at most {MAX_COLUMNS}; each row must be an architecture: is "
            "the table transposed?"
        )
    found = ["" if name is None else str(name).strip() for name in names]
    faults = Faults(source)
    for name in dict.fromkeys(found):
        if len(name) > MAX_NAME:
            faults.add(f"the column name {brief(name)} has {len(name):,} characters; expected at most {MAX_NAME}")
        elif not name.isprintable():
            faults.add(f"the column name {brief(name)} has unprintable characters")
        if name and found.count(name) > 1:
            faults.add(f"{_COUNTS.get(found.count(name), str(found.count(name)))} columns are named {brief(name)}")
    by_case: dict[str, str] = {}
    for name in filter(None, dict.fromkeys(found)):
        other = by_case.setdefault(name.casefold(), name)
        if other != name:
            faults.add(
                f"columns {brief(other)} and {brief(name)} differ only in case; rename one: --rename "
                f"NEW={name[:MAX_NAME]}"
            )
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
