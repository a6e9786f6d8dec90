"""Architectures without values: a table of which only these count, or a list of one a line."""

from __future__ import annotations

from pathlib import Path

from nassurrogate.errors import InputError
from nassurrogate.spaces import Space
from nassurrogate.tables.faults import Faults
from nassurrogate.tables.file import first_names, read_bytes, unpacked
from nassurrogate.tables.identity import IDENTITY, read_architecture
from nassurrogate.tables.options import TableOptions
from nassurrogate.tables.table import Table, parse_table
from nassurrogate.tables.text import decoded


def read_architectures(space: Space, source: Path | None, options: TableOptions | None = None) -> Table:
    """The architectures of a file, or of stdin for None.

    A file is a table if its first line names a column of architectures, or the options do; else a list of
    architectures, one a line, blank lines and comments (#) left out, which may hold one several times.

    Raises `InputError`, with the line, for what cannot be read.
    """
    name = "stdin" if source is None else str(source)
    content = unpacked(read_bytes(source), name)
    names = first_names(content, name)
    told = options is not None and options != TableOptions()
    if told or (names is not None and any(column.casefold() in IDENTITY for column in names)):
        return parse_table(space, content, name, options)
    archs = []
    faults = Faults(name)
    for number, line in enumerate(decoded(content, name).splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            try:
                archs.append(read_architecture(space, line))
            except InputError as error:
                faults.add(f"line {number}: {error}")
    faults.raise_any()
    return Table(name, archs, [])
