"""Reads what a person gives: files of labels, and cells as text."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.spaces import Space

MAX_ROWS = 10_000_000
_INDEX = re.compile(r"[+-]?\d{1,18}", re.ASCII)


def cell_of(space: Space, text: str) -> Architecture:
    """The cell of a string or of an index given as text."""
    text = text.strip()
    return space.parse(int(text) if _INDEX.fullmatch(text) else text)


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
    """The cells and values of a CSV file with the columns `arch` or `index`, and `metric`; other columns are ignored.

    Raises `InputError`, with the number of the line, for whatever cannot be read.
    """
    cells: list[Architecture] = []
    values: list[float] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, skipinitialspace=True)
            names = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = names
            key = next((name for name in ("arch", "index") if name in names), None)
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
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a readable CSV table ({error})") from error
    if not cells:
        raise InputError(f"{path} has no rows")
    return cells, values
