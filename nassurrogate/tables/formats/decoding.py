"""Decodes text files line by line: a whole text can take four times the memory of its bytes."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nassurrogate.errors import InputError

MAX_ROW: Final = 1 << 22
"""The most characters of a row. Some rows never end, such as those with an unclosed quote."""
UTF16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BOMS: Final = (*((mark, "utf-16") for mark in UTF16_MARKS), (codecs.BOM_UTF8, "utf-8-sig"))


@dataclass(frozen=True)
class Text:
    """The text of a file.

    Args:
        content: its bytes.
        source: the file's name, for messages.
        encoding: of the bytes.
        errors: how to treat invalid bytes, as in `bytes.decode`.
    """

    content: bytes
    source: str
    encoding: str
    errors: str = "strict"

    def stream(self) -> io.TextIOWrapper:
        """The characters, with line ends unchanged."""
        return io.TextIOWrapper(io.BytesIO(self.content), self.encoding, self.errors, newline="")

    def lines(self) -> Iterator[str]:
        """All lines, with their ends. Raises `InputError` for a line of more than `MAX_ROW` characters."""
        stream = self.stream()
        number = 0
        while line := stream.readline(MAX_ROW + 1):
            number += 1
            if len(line) > MAX_ROW:
                raise too_long(self.source, f"line {number}")
            yield line

    def begin(self) -> str:
        """The start of the text after blanks, at most a few thousand characters."""
        with self.stream() as stream:
            while part := stream.read(1 << 12):
                if begin := part.lstrip():
                    return begin
        return ""


def too_long(source: str, row: str) -> InputError:
    """The error for a row of more than `MAX_ROW` characters."""
    return InputError(f"{source}, {row} has more than {MAX_ROW:,} characters; expected one architecture per {row[:4]}")


def decoded(content: bytes, source: str) -> Text:
    """The text of a file. Raises `InputError` if it is neither UTF-8 nor UTF-16 with a byte order mark."""
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
    return Text(content, source, encoding)
