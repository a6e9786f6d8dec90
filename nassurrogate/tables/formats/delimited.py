"""Delimited text tables: with commas, semicolons or tabs, in UTF-8 or UTF-16; comment lines are skipped."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Final

from nassurrogate.errors import InputError, brief
from nassurrogate.tables.faults import Faults
from nassurrogate.tables.fields import IDENTITY
from nassurrogate.tables.formats.decoding import MAX_ROW, Text, too_long
from nassurrogate.tables.formats.raw import Cells, RawTable, Texts, checked_names

DELIMITERS: Final = (",", ";", "\t")
_WORDS: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}
_MAX_FIELD: Final = 1 << 20
_AT_ONCE: Final = 1 << 12
"""Rows that are turned into columns at once."""
_SEPARATOR_LINE: Final = re.compile(r"sep=(?P<delimiter>.)\s*", re.IGNORECASE)
"""How Excel declares the delimiter, before the header."""
_OTHER_COMMENT: Final = re.compile(r"//|%|--|;(?:\s|[^;\t,]*[ ][^;]*$)")
"""Comments in other languages. A `;` may also follow an unnamed index: `;arch;val_accuracy_pct`."""


def delimiter_of(header: str) -> str:
    """The most frequent separator in a header; a comma if there is none."""
    return max(DELIMITERS, key=header.count)


def header_of(text: Text) -> str:
    """The first line that is not blank, a comment, or a declared separator; empty if there is none."""
    return _Start(text).header


def looks_like_table(text: Text) -> bool:
    """Whether a text starts like a table with several columns, or like one that `check_start` refuses."""
    start = _Start(text)
    return (
        start.separator_line > 0
        or start.header.casefold().strip(' "') in IDENTITY
        or any(delimiter in start.header for delimiter in DELIMITERS)
        or _OTHER_COMMENT.match(start.header) is not None
    )


def check_start(text: Text) -> None:
    """Raise `InputError` if the header looks like a comment in another language, or the separator is unknown."""
    start = _Start(text)
    if _OTHER_COMMENT.match(start.header):
        raise InputError(
            f"{text.source}, line {start.line} looks like a comment; comments start with # ({brief(start.header, 40)})"
        )
    if start.delimiter not in DELIMITERS:
        raise InputError(
            f"{text.source}, line {start.separator_line} names the separator {start.delimiter!r}; expected a comma, a "
            "semicolon or a tab"
        )


class _Start:
    """The start of a text: its header, and the lines before it."""

    def __init__(self, text: Text) -> None:
        self.header = ""
        self.line = 0
        """Number of the header's line."""
        self.comment, self.comment_line = "", 0
        """The last comment before the header, and its line."""
        self.separator_line = 0
        """The line that names the separator; 0 if there is none."""
        self.delimiter = ""
        for number, line in enumerate(text.lines(), start=1):
            if line.startswith("#"):
                self.comment, self.comment_line = line[1:].strip(), number
            elif not self.separator_line and (match := _SEPARATOR_LINE.fullmatch(line)):
                self.separator_line, self.delimiter = number, match["delimiter"]
            elif line.strip():
                self.header, self.line = line.rstrip("\r\n"), number
                break
        self.delimiter = self.delimiter or delimiter_of(self.header)


def read_text(text: Text) -> RawTable:
    """The table in a text, every field as text. Raises `InputError` if it is malformed, all bad rows in one message."""
    source = text.source
    check_start(text)
    start = _Start(text)
    lines = _Lines(text, start.separator_line)
    reader = csv.reader(lines, delimiter=start.delimiter, strict=True, skipinitialspace=start.delimiter != "\t")
    faults = Faults(source)
    names: list[str] | None = None
    notes: list[str] = []
    cells = Cells(source)
    rows: list[list[str]] = []
    columns: list[Texts] = []
    csv.field_size_limit(_MAX_FIELD)
    try:
        for fields in lines.rows(reader):
            if not fields or (len(fields) == 1 and not fields[0].strip()):
                continue
            if names is None:
                _refuse_no_header(fields, start, lines.last, source)
                names, notes = checked_names(fields, source)
                columns = [Texts(_AT_ONCE) for _ in names]
                continue
            if len(fields) != len(names):
                faults.add(_wrong_length(fields, names, start.delimiter, lines.last))
                if faults.are_enough:
                    break
                continue
            cells.add_row(lines.last, len(names))
            rows.append(fields)
            if len(rows) == _AT_ONCE:
                _append(columns, rows)
    except csv.Error as error:
        raise InputError(f"{source} is not a readable text table (line {lines.last}: {error})") from error
    if names is None:
        raise InputError(f"{source} has only comments; expected a line of column names, then rows")
    faults.raise_any()
    _append(columns, rows)
    if lines.n_comments:
        notes.append(f"{source}: {lines.n_comments} comment line{'s' if lines.n_comments > 1 else ''} (#) skipped")
    if not cells.places:
        raise InputError(f"{source} has no rows below its header")
    named = {name: column for name, column in zip(names, columns, strict=True) if name}
    return RawTable(source, named, cells.places, "line", notes)


def _append(columns: list[Texts], rows: list[list[str]]) -> None:
    """Move rows to the ends of the columns."""
    for column, fields in zip(columns, zip(*rows, strict=True), strict=False):
        column.add_block([field.strip() for field in fields])
    rows.clear()


def _refuse_no_header(fields: list[str], start: _Start, line: int, source: str) -> None:
    """Raise `InputError` if the first row is not a header, because that is missing or commented out."""
    if all(map(_is_number, fields)):
        raise InputError(f"{source}, line {line} holds numbers; expected column names in the first line, not after a #")
    commented_out = _identities(next(csv.reader([start.comment], delimiter=start.delimiter), []), len(fields))
    if commented_out and not _identities(fields, len(fields)):
        raise InputError(f"{source}, line {start.comment_line} looks like a header after a #; remove the #")


def _identities(fields: list[str], length: int) -> bool:
    """Whether these are `length` names, including one of an identifying column."""
    return len(fields) == length and any(field.strip().casefold() in IDENTITY for field in fields)


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _wrong_length(fields: list[str], names: list[str], delimiter: str, line: int) -> str:
    fault = f"line {line} has {len(fields)} fields; the header names {len(names)} columns"
    if len(fields) < len(names):
        return fault
    if delimiter == ",":
        return f"{fault} (a decimal comma? write 91.2, not 91,2)"
    return f"{fault}, separated by {_WORDS[delimiter]}"


class _Lines:
    """The lines of a text without comments between its rows; keeps the current line number."""

    def __init__(self, text: Text, separator_line: int) -> None:
        self._lines = text.lines()
        self._source = text.source
        self._separator_line = separator_line
        self._number = 0
        self._length = 0
        self._between_rows = True
        self.n_comments = 0
        self.last = 0
        """Number of the last line read."""

    def rows(self, reader: Iterator[list[str]]) -> Iterator[list[str]]:
        """The rows that a CSV reader parses. A # inside a quoted field, which may span lines, is not a comment."""
        while True:
            self._between_rows, self._length = True, 0
            try:
                yield next(reader)
            except StopIteration:
                return

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        while True:
            line = next(self._lines)
            self._number += 1
            if self._between_rows and self._number == self._separator_line:
                continue
            if self._between_rows and line.startswith("#"):
                self.n_comments += 1
                continue
            self._between_rows = False
            self.last = self._number
            self._length += len(line)
            if self._length > MAX_ROW:
                raise too_long(self._source, f"line {self._number}")
            return line
