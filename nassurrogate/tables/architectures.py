"""Reads architectures without values: from a table, ignoring its other columns, or from a list with one per line."""

from __future__ import annotations

from pathlib import Path

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.metric import ends_with_unit, known_metric
from nassurrogate.spaces import Space
from nassurrogate.tables.faults import Faults
from nassurrogate.tables.fields import IDENTITY, is_architecture, read_architecture
from nassurrogate.tables.formats.decoding import decoded
from nassurrogate.tables.formats.delimited import DELIMITERS, check_start, header_of
from nassurrogate.tables.formats.detection import is_json, read_bytes, refuse_foreign, unpacked
from nassurrogate.tables.formats.parquet import MAGIC as PARQUET
from nassurrogate.tables.formats.raw import check_size
from nassurrogate.tables.naming import Names
from nassurrogate.tables.options import TableOptions
from nassurrogate.tables.table import Table, parse_table


def read_architectures(
    space: Space,
    source: Path | None,
    options: TableOptions | None = None,
    *,
    known: Names | None = None,
) -> Table:
    """The architectures in a file, or on stdin for None.

    A file is read as a table if its first line holds column names: it has separators, or is the name of an identifying
    column or a metric. Otherwise it is a list of architectures, one per line; blank lines and comments (#) are skipped,
    and repeats are allowed.

    Args:
        options: how to read a table.
        known: as in `read_table`.

    Raises `InputError`, with the line, if it cannot be read.
    """
    name = "stdin" if source is None else str(source)
    content = unpacked(read_bytes(source), name)
    if not content.strip():
        raise InputError(f"{name} is empty")
    if options not in (None, TableOptions()) or content.startswith(PARQUET):
        return parse_table(space, content, name, options, known=known)
    refuse_foreign(content, name)
    text = decoded(content, name)
    check_start(text)
    header = header_of(text)
    if (_names_columns(header) or is_json(text)) and not is_architecture(space, header):
        return parse_table(space, content, name, options, known=known)
    archs: list[Architecture] = []
    faults = Faults(name)
    for number, line in enumerate(text.lines(), start=1):
        if line.strip() and not line.startswith("#"):
            check_size(name, len(archs) + 1, 1)
            try:
                archs.append(read_architecture(space, line))
            except InputError as error:
                faults.add(f"line {number}: {error}")
                if faults.are_enough:
                    break
    faults.raise_any()
    return Table(name, archs, [])


def _names_columns(header: str) -> bool:
    if any(delimiter in header for delimiter in DELIMITERS):
        return True
    name = header.strip(' "')
    return name.casefold() in IDENTITY or ends_with_unit(name) or known_metric(name or "?").direction is not None
