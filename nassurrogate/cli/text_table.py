"""Plain tables for stdout that fit a terminal without breaking words or operations."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from typing import TextIO

from nassurrogate.errors import printable

NARROWEST = 24
"""The least width of a wrapped column, in characters."""
_GAP = "  "
_BELOW = 8
"""Indent of a last column that is printed below its row."""
_BORDERS = re.compile(
    r"(?<=\s)(?=\S)"  # words
    r"|(?<=\|\+)(?=\|)|(?<=[^\s|+])(?=\|[^\s|+])"  # the nodes, then the edges of an nb201 string
    r"|(?<=,)(?=[^\s\d])"  # lists, but not numbers
)
_NAME = re.compile(r"\s*\S+(?: \S+)*  +(?=\S)")
"""The start of a `name  value` line."""


def aligned(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numeric: Sequence[str] = (),
    keys: int = 1,
    width: int | None = None,
) -> str:
    """A plain table whose lines fit the width of a terminal if possible.

    The last column is wrapped, on a narrow terminal below its row, but never inside a word or an operation of an
    architecture. If the other columns alone are too wide, those that do not fit follow in another table below.

    Args:
        numeric: names of the columns to align on the right; never the last one.
        keys: number of first columns that identify a row; they are repeated in every part.
        width: characters per line; None: the terminal's width, or no limit if stdout is not a terminal.

    >>> print(aligned(["index", "name"], [["7", "a"], ["12", "b"]], numeric=["index"]))
    index  name
        7  a
       12  b
    >>> print(aligned(["cell", "tau", "rho"], [["a", "0.71", "0.89"]], width=12))
    cell  tau
    a     0.71
    <BLANKLINE>
    cell  rho
    a     0.89
    """
    if width is None:
        width = columns_of(sys.stdout)
    rows = [[printable(cell) for cell in row] for row in rows]  # a line break in a file's name would break the table
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    right = [name for name in numeric if name != header[-1]]
    parts = []
    for columns in _parts(widths, keys, width):
        names = [header[i] for i in columns]
        chosen = [[row[i] for i in columns] for row in rows]
        parts.append(_one(names, chosen, [widths[i] for i in columns], right, width))
    return "\n\n".join(parts)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` characters; longer unbreakable pieces get their own lines.

    >>> wrapped("|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|", 27)
    ['|none~0|+|none~0|none~1|+', '|skip_connect~0|none~1', '|none~2|']
    """
    lines = [""]
    for piece in _BORDERS.split(text):
        if lines[-1] and len(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def fitted(text: str, width: int) -> str:
    """The text with lines longer than `width` wrapped.

    The continuation of a `name  value` line is aligned with its value; other lines continue with a small indent.

    >>> print(fitted("best  |none~0|+|none~0|none~1|+|none~0|none~1|none~2|", 32))
    best  |none~0|+|none~0|none~1|+
          |none~0|none~1|none~2|
    """
    lines = []
    for line in text.split("\n"):
        if len(line) <= width:
            lines.append(line)
            continue
        begin = len(line) - len(line.lstrip())
        name = _NAME.match(line)
        margin = begin + 2
        if name is not None and width - name.end() >= NARROWEST:
            begin = margin = name.end()
        first, *rest = wrapped(line[begin:], max(width - margin, 1))
        lines += [line[:begin] + first, *(" " * margin + part for part in rest)]
    return "\n".join(lines)


def columns_of(stream: TextIO | None) -> int:
    """Characters per line: the terminal's width, or no limit if the stream is not a terminal."""
    return shutil.get_terminal_size().columns if is_terminal(stream) else sys.maxsize


def is_terminal(stream: TextIO | None) -> bool:
    """Whether the stream is a terminal."""
    return stream is not None and stream.isatty()


def _parts(widths: Sequence[int], keys: int, width: int) -> list[list[int]]:
    """The columns of each part: one part with all of them, if they fit with the last one wrapped."""
    everything = list(range(len(widths)))
    fixed = _start(widths)
    if fixed + min(widths[-1], NARROWEST) <= width or (widths[-1] > NARROWEST and fixed <= width):
        return [everything]
    parts = [everything[: keys + 1]]
    for i in everything[keys + 1 :]:
        if _start([widths[j] for j in [*parts[-1], i]]) + widths[i] <= width:
            parts[-1].append(i)
        else:
            parts.append([*everything[:keys], i])
    return parts


def _start(widths: Sequence[int]) -> int:
    """Where the last column starts."""
    return sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)


def _one(
    header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[str], width: int
) -> str:
    start = _start(widths)
    beside = width - start >= NARROWEST
    margin = start if beside else _BELOW
    lines = []
    for row in (header, *rows):
        cells = [
            cell.rjust(size) if name in right else cell.ljust(size)
            for cell, size, name in zip(row, widths, header, strict=True)
        ]
        line = _GAP.join(cells).rstrip()
        if len(line) <= width:
            lines.append(line)
            continue
        last = wrapped(row[-1], width - margin)
        lines.append(_GAP.join([*cells[:-1], last.pop(0)] if beside else cells[:-1]).rstrip())
        lines += [" " * margin + part for part in last]
    return "\n".join(lines)
