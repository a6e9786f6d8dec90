"""JSON tables: one object per line, or a list of objects; each object is a row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from nassurrogate.errors import InputError, brief
from nassurrogate.tables.faults import Faults
from nassurrogate.tables.formats.decoding import MAX_ROW, Text, too_long
from nassurrogate.tables.formats.raw import MAX_COLUMNS, Cells, Nested, RawTable, checked_names

_CHUNK: Final = 1 << 18
_BLANKS: Final = re.compile(r"[ \t\r\n]*")


def read_records(text: Text) -> RawTable:
    """The table in a JSON text; a key that an object lacks is a missing value. Raises `InputError`."""
    source = text.source
    is_list = text.begin().startswith("[")
    faults = Faults(source)
    cells = Cells(source)
    unit = "row" if is_list else "line"
    columns: dict[str, Nested] = {}
    holds_columns = True
    for place, given in _items(text) if is_list else _lines(text, faults):
        if faults.are_enough:
            break
        if not isinstance(given, dict):
            faults.add(f"{unit} {place} is {brief(given)}; expected an object with a value for each column")
            continue
        new = [] if columns.keys() >= given.keys() else [name for name in given if name not in columns]
        if len(columns) + len(new) > MAX_COLUMNS:
            raise InputError(f"{source} has more than {MAX_COLUMNS} columns")
        cells.add_row(place, len(columns) + len(new))
        for name in new:
            columns[name] = Nested([None] * (len(cells.places) - 1))
        for name, column in columns.items():
            try:
                column.append(given.get(name))
            except ValueError as error:
                faults.add(f"{unit} {place}: {brief(name)} {error}")
        holds_columns = holds_columns and all(isinstance(value, dict | list) for value in given.values())
    faults.raise_any()
    if not cells.places:
        raise InputError(f"{source} has no rows")
    if not is_list and len(cells.places) == 1 and holds_columns:
        raise InputError(
            f"{source} holds one object of columns; expected one object per row: "
            "df.to_json(path, orient='records', lines=True)"
        )
    kept, notes = checked_names(list(columns), source)
    named = {name: column.plain() for name, column in zip(kept, columns.values(), strict=True) if name}
    return RawTable(source, named, cells.places, unit, notes)


def _lines(text: Text, faults: Faults) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.lines(), start=1):
        if line.strip():
            try:
                given = json.loads(line, object_pairs_hook=_unique)
            except (ValueError, RecursionError) as error:
                faults.add(f"line {number} is not readable JSON ({error})")
                if faults.are_enough:
                    return
                continue
            yield number, given


def _items(text: Text) -> Iterator[tuple[int, Any]]:
    """The elements of a list, one by one: the whole list may not fit into memory."""
    list_ = _List(text)
    list_.skip()
    row = 0
    sign = "" if list_.next_sign() != "]" else list_.skip()
    while sign != "]":
        row += 1
        yield row, list_.element(row)
        sign = list_.next_sign()
        list_.skip()
        if sign not in (",", "]"):
            found = f", got {sign!r}" if sign else "; the list never ends"
            raise list_.unreadable(f"row {row}: expected a comma or ] after it{found}")
    if list_.next_sign():
        raise list_.unreadable("more follows the end of the list")


class _List:
    """Reads a list from a text in parts, each of which holds at least the next element."""

    def __init__(self, text: Text) -> None:
        self._decoder = json.JSONDecoder(object_pairs_hook=_unique)
        self._source = text.source
        self._stream = text.stream()
        self._part, self._at = "", 0
        self._is_end = False
        self.next_sign()

    def next_sign(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            match = _BLANKS.match(self._part, self._at)
            assert match is not None
            self._at = match.end()
            if self._at < len(self._part) or self._is_end:
                return self._part[self._at : self._at + 1]
            self._read()

    def skip(self) -> str:
        """Skip the next character, and return it."""
        self._at += 1
        return self._part[self._at - 1 : self._at]

    def element(self, row: int) -> Any:
        """The next element. Raises `InputError` if it is malformed."""
        self.next_sign()
        while True:
            reason = ""
            try:
                given, end = self._decoder.raw_decode(self._part, self._at)
                if end < len(self._part) or self._is_end:  # otherwise it may continue in the next part
                    if end - self._at > MAX_ROW:
                        raise too_long(self._source, f"row {row}")
                    self._at = end
                    return given
            except json.JSONDecodeError as error:
                reason = error.msg
                if self._is_end:
                    raise self.unreadable(f"row {row}: {reason}") from error
            except InputError:
                raise
            except (ValueError, RecursionError) as error:
                raise self.unreadable(f"row {row}: {error}") from error
            if len(self._part) - self._at > MAX_ROW:
                raise self.unreadable(f"row {row}: {reason}") if reason else too_long(self._source, f"row {row}")
            self._read()

    def unreadable(self, reason: str) -> InputError:
        """The error for a malformed element."""
        return InputError(f"{self._source} is not readable JSON ({reason})")

    def _read(self) -> None:
        more = self._stream.read(_CHUNK)
        self._part, self._at = self._part[self._at :] + more, 0
        self._is_end = not more


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dict; raises `ValueError` for duplicate keys, of which it would silently keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"two values named {brief(name)}")
            seen.add(name)
    return found
