"""Opens a tabular file of any format; the format is detected from the content, never from the name."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from pathlib import Path
from typing import BinaryIO

from nassurrogate.errors import InputError
from nassurrogate.tables.formats.decoding import UTF16_MARKS, Text, decoded
from nassurrogate.tables.formats.delimited import header_of, looks_like_table, read_text
from nassurrogate.tables.formats.parquet import MAGIC as PARQUET
from nassurrogate.tables.formats.parquet import read_parquet
from nassurrogate.tables.formats.raw import MAX_BYTES, RawTable
from nassurrogate.tables.formats.records import read_records

GZIP = b"\x1f\x8b"
FORMATS = "CSV (commas, semicolons or tabs) or JSON lines, plain or gzipped, or Parquet"
_OTHERS = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet; unpack it, or export the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet; export the sheet as CSV",
    b"BZh": "compressed with bzip2; decompress it first",
    b"\xfd7zXZ": "compressed with xz; decompress it first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; decompress it first",
    b"\x80": "a pickle, which may hold code and is never read; write the table as CSV or Parquet",
    b"\x89HDF": "HDF5; write the table as CSV or Parquet",
    b"ARROW1": "an Arrow file; write the table as CSV or Parquet",
    b"SQLite format 3": "an SQLite database; export the table as CSV",
}


def read_bytes(source: Path | None) -> bytes:
    """The content of a file, or of stdin for None. Raises `InputError` if it is unreadable or exceeds `MAX_BYTES`."""
    name = "stdin" if source is None else str(source)
    try:
        if source is not None:
            with source.open("rb") as file:
                content = _limited(file, name)
        elif sys.stdin is None:
            raise InputError("cannot read stdin: it is closed")
        else:
            content = _limited(getattr(sys.stdin, "buffer", None) or io.BytesIO(sys.stdin.read().encode()), name)
    except (OSError, RuntimeError) as error:  # a symlink loop is a RuntimeError
        raise InputError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}") from error
    return content


def _limited(file: BinaryIO, name: str) -> bytes:
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InputError(f"{name} is larger than {MAX_BYTES:,} bytes, the limit for a table")
    return content


def unpacked(content: bytes, name: str) -> bytes:
    """The content, decompressed if gzipped. Raises `InputError` for a damaged file or more than `MAX_BYTES`."""
    if not content.startswith(GZIP):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            return _limited(file, name)  # type: ignore[arg-type]
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name} is a damaged gzip file ({error})") from error


def raw_table(content: bytes, name: str) -> RawTable:
    """The table in a file's content. Raises `InputError` with the cause if it holds none."""
    content = unpacked(content, name)
    if not content.strip():
        raise InputError(f"{name} is empty")
    if content.startswith(PARQUET):
        return read_parquet(content, name)
    refuse_foreign(content, name)
    text = decoded(content, name)
    return read_records(text) if is_json(text) else read_text(text)


def refuse_foreign(content: bytes, name: str) -> None:
    """Raise `InputError` for a file of another kind; the message says what it is and what to do."""
    for magic, what in _OTHERS.items():
        if content.startswith(magic):
            raise InputError(f"{name} is {what} (a table is {FORMATS})")


def may_be_table(head: bytes) -> bool:
    """Whether a file that starts with these bytes may be a table with several columns: Parquet, gzip, JSON or text.

    That includes text that `raw_table` refuses with a reason, such as UTF-16 without a byte order mark.
    """
    if head.startswith((PARQUET, GZIP, *UTF16_MARKS)):
        return True
    if any(head.startswith(magic) for magic in _OTHERS):
        return False
    text = Text(head.replace(b"\0", b""), "", "utf-8-sig", "replace")
    if b"\0" in head and not header_of(text).replace("\t", "").isprintable():
        return False
    return is_json(text) or looks_like_table(text)


def is_json(text: Text) -> bool:
    """Whether a text is read as JSON: it starts with an object or a list of objects."""
    begin = text.begin()
    return begin.startswith("{") or (begin.startswith("[") and begin[1:].lstrip().startswith(("{", "]")))
