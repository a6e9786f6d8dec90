"""Renames columns: by the user's choice, and to standard spellings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from nassurrogate.errors import InputError
from nassurrogate.metric import UNITS
from nassurrogate.tables.formats.raw import RawTable, require_column
from nassurrogate.tables.naming import known_dataset

PLACEHOLDER = "{dataset}"


def renamed(raw: RawTable, rename: Mapping[str, str], datasets: Sequence[str]) -> RawTable:
    """The table with the names that the user gives; `{dataset}` stands for every known data set.

    Raises `InputError` for a missing column, and for duplicate names.
    """
    names: dict[str, str] = {}
    for new, old in rename.items():
        for column, name in _matches(raw, new, old, datasets).items():
            if column in names:
                raise InputError(f"--rename gives the column {column!r} two names, {names[column]!r} and {name!r}")
            names[column] = name
    columns = {names.get(name, name): values for name, values in raw.columns.items()}
    if len(columns) < len(raw.columns):
        new = next(new for new in names.values() if [names.get(name, name) for name in raw.columns].count(new) > 1)
        raise InputError(f"{raw.source} would have two columns named {new!r} after --rename; give another name")
    return replace(raw, columns=columns)


def _matches(raw: RawTable, new: str, old: str, datasets: Sequence[str]) -> dict[str, str]:
    """Old name → new name, for every column that matches."""
    if PLACEHOLDER not in old:
        # Messages may use the standard spelling of a column.
        old = next((name for name in raw.columns if plain_name(name) == old), old) if old not in raw.columns else old
        require_column(raw, old, f"asked for by --rename {new}={old}")
        return {old: new}
    before, _, after = old.partition(PLACEHOLDER)
    found = {}
    for name in raw.columns:
        middle = name[len(before) : len(name) - len(after)]
        if name == f"{before}{middle}{after}" and (dataset := known_dataset(middle, datasets)) is not None:
            found[name] = new.replace(PLACEHOLDER, dataset)
    if not found:
        listed = ", ".join(map(repr, raw.columns))
        raise InputError(
            f"{raw.source} has no column like {old!r}, asked for by --rename {new}={old}; data sets: "
            f"{', '.join(datasets) or 'none'}; its columns: {listed}"
        )
    return found


def as_written_here(raw: RawTable) -> tuple[RawTable, list[str]]:
    """The table with standard spellings, such as `latency_ms` for `latency (ms)`, and notes."""
    columns: dict[str, Sequence[object]] = {}
    notes = []
    first: dict[str, str] = {}
    for name, values in raw.columns.items():
        plain = plain_name(name)
        other = plain if plain in raw.columns and plain != name else first.get(plain)
        if other is not None:
            raise InputError(
                f"{raw.source}: columns {other!r} and {name!r} are both {plain}; rename one: --rename NEW={name}"
            )
        first[plain] = name
        if plain != name:
            notes.append(f"{raw.source}: {name!r} is read as {plain!r}")
        columns[plain] = values
    return replace(raw, columns=columns), notes


def column_called(raw: RawTable, name: str | None) -> str | None:
    """The standard spelling of a column's name in the file."""
    return name if name is None or name in raw.columns or plain_name(name) not in raw.columns else plain_name(name)


def plain_name(name: str) -> str:
    """The standard spelling of a column's name, without blanks and brackets.

    >>> plain_name("latency (ms)"), plain_name("val_acc%")
    ('latency_ms', 'val_acc_pct')
    """
    stem, unit = _split_unit(name.strip())
    if stem and (unit == "%" or unit.casefold() in UNITS):
        name = f"{stem}_{'pct' if unit == '%' else unit}"
    return re.sub(r"\s+", "_", name)


def _split_unit(name: str) -> tuple[str, str]:
    """The stem and the unit of `latency (ms)`, `latency=[ms]` or `val_acc%`; two empty strings for other names."""
    if name.endswith("%"):
        return name[:-1].rstrip(" \t=_"), "%"
    if not name.endswith((")", "]")):
        return "", ""
    begin = max(name.rfind("("), name.rfind("["))
    unit = name[begin + 1 : -1].strip()
    return ("", "") if begin < 0 or ")" in unit or "]" in unit else (name[:begin].rstrip(" \t="), unit)
