"""Delimited text tables: commas, semicolons or tabs, UTF-8 or UTF-16, without comment lines."""

from __future__ import annotations

import codecs
import csv
import io
from typing import Final

from nassurrogate.errors import InputError
from nassurrogate.tables.faults import Faults
from nassurrogate.tables.formats.raw import MAX_ROWS, RawTable, checked_names

DELIMITERS: Final = (",", ";", "\t")
_WORDS: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}
_BOMS: Final = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"), (codecs.BOM_UTF8, "utf-8-sig"))
_MAX_FIELD: Final = 1 << 20


def decoded(content: bytes, source: str) -> str:
    """The text of a file. Raises `InputError` for what is neither UTF-8 nor UTF-16 with a byte order mark."""
    encoding = next((name for mark, name in _BOMS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{source} is not UTF-8 or UTF-16 text (line {line}: {error.reason}); save it as UTF-8"
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{source} is not text: line {line} has a NUL byte; if it is UTF-16, save it as UTF-8")
    return text


def delimiter_of(header: str) -> str:
    """The most frequent separator in a header; a comma if there is none."""
    return max(DELIMITERS, key=header.count)


def header_of(text: str) -> str:
    """The first line that is neither blank nor a comment; empty if there is none."""
    for line in io.StringIO(text):
        if line.strip() and not line.startswith("#"):
            return line.rstrip("\r\n")
    return ""


def read_text(text: str, source: str) -> RawTable:
    """The table in a text, every field as text. Raises `InputError` if it is malformed, all bad rows in one message."""
    header = header_of(text)
    delimiter = delimiter_of(header)
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=delimiter != "\t")
    faults = Faults(source)
    names: list[str] | None = None
    notes: list[str] = []
    rows: list[list[str]] = []
    places: list[int] = []
    csv.field_size_limit(_MAX_FIELD)
    try:
        for fields in reader:
            if not fields or (len(fields) == 1 and not fields[0].strip()):
                continue
            if names is None:
                if all(_is_number(field) for field in fields):
                    raise InputError(
                        f"{source}, line {lines.last} holds numbers; expected column names in the first line, not "
                        "behind a #"
                    )
                names, notes = checked_names(fields, source)
                continue
            if len(fields) != len(names):
                faults.add(_wrong_length(fields, names, delimiter, lines.last))
                continue
            if len(rows) == MAX_ROWS:
                raise InputError(f"{source} has more than {MAX_ROWS:,} rows")
            rows.append(fields)
            places.append(lines.last)
    except csv.Error as error:
        raise InputError(f"{source} is not a readable text table (line {lines.last}: {error})") from error
    if names is None:
        raise InputError(f"{source} has only comments; expected a line of column names, then rows")
    faults.raise_any()
    if lines.n_comments:
        notes.append(f"{source}: {lines.n_comments} comment line{'s' if lines.n_comments > 1 else ''} (#) skipped")
    if not rows:
        raise InputError(f"{source} has no rows below its header")
    columns: dict[str, list[object]] = {
        name: [row[place].strip() for row in rows] for place, name in enumerate(names) if name
    }
    return RawTable(source, columns, places, "line", notes)


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
    """The lines of a text without comments; remembers the current line number."""

    def __init__(self, text: str) -> None:
        self._stream = io.StringIO(text, newline="")
        self._number = 0
        self.n_comments = 0
        self.last = 0
        """Number of the line that was read last."""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        while True:
            line = next(self._stream)
            self._number += 1
            if line.startswith("#"):
                self.n_comments += 1
                continue
            self.last = self._number
            return line
