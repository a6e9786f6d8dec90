"""Reads what a person gives: files of labels, and cells as text."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.spaces import CellSpace, Space

MAX_ROWS = 10_000_000
MAX_BYTES = 1 << 28
"""Of a file of cells or labels. Some are never at an end: /dev/zero, or a pipe that goes on and on."""


def cell_of(space: Space, text: str) -> Architecture:
    """The architecture that a person writes: its string, or of cells their index."""
    return space.parse_text(text)


def read_text(source: Path | None) -> str:
    """The text of a file, or of stdin for None; line ends as they are.

    Raises `InputError` for what cannot be read, is no UTF-8, or has more than `MAX_BYTES`.
    """
    name = "stdin" if source is None else source
    try:
        if source is not None:
            with source.open("rb") as file:
                content: bytes | str = file.read(MAX_BYTES + 1)
        elif sys.stdin is not None:
            content = getattr(sys.stdin, "buffer", sys.stdin).read(MAX_BYTES + 1)
        else:
            raise InputError("cannot read stdin: it is closed")
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{name} has more than {MAX_BYTES:,} bytes, which no list of cells has")
    try:
        return content if isinstance(content, str) else content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is no text: {error}") from error


def read_cells(space: Space, lines: list[str], place: str) -> list[Architecture]:
    """One cell a line, blank lines left out. Raises `InputError` with the number of the line."""
    cells = []
    for row, line in enumerate(lines, start=1):
        if line.strip():
            try:
                cells.append(cell_of(space, line))
            except InputError as error:
                raise InputError(f"{place}, line {row}: {error}") from error
    return cells


def read_labels(space: Space, path: Path, metric: str) -> tuple[list[Architecture], list[float]]:
    """The architectures and values of a CSV file with a column `arch`, and one of the metric; others are ignored.

    Of cells, whose indices everybody shares, a column `index` will do in the place of `arch`.

    Raises `InputError`, with the number of the line, for whatever cannot be read.
    """
    cells: list[Architecture] = []
    values: list[float] = []
    text = read_text(path)
    try:
        with io.StringIO(text, newline="") as file:
            reader = csv.DictReader(file, strict=True, skipinitialspace=True)
            names = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = names
            keys = ("arch", "index") if isinstance(space, CellSpace) else ("arch",)
            key = next((name for name in keys if name in names), None)
            if key is None:
                raise unknown_choice("column", "arch", names, place=f" of {path}, which says which cell a row is of")
            if metric not in names:
                raise unknown_choice("column", metric, names, place=f" of {path}, named after the metric")
            for row in reader:
                place = f"{path}, line {reader.line_num}"
                if len(cells) == MAX_ROWS:
                    raise InputError(f"{path} has more than {MAX_ROWS:,} rows")
                try:
                    cells.append(cell_of(space, row[key] or ""))
                except InputError as error:
                    raise InputError(f"{place}: {error}") from error
                try:
                    values.append(float(row[metric] or ""))
                except ValueError:
                    raise InputError(f"{place}: {metric} is {brief(row[metric])}; expected a number") from None
    except csv.Error as error:
        raise InputError(f"{path} is not a readable CSV table ({error})") from error
    if not cells:
        raise InputError(f"{path} has no rows")
    return cells, values
