"""JSON tables: one object per line, or a list of objects; each object is a row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from nassurrogate.errors import InputError, brief
from nassurrogate.tables.faults import Faults
from nassurrogate.tables.formats.raw import MAX_COLUMNS, MAX_ROWS, RawTable, checked_names


def read_records(text: str, source: str) -> RawTable:
    """The table in a JSON text; a key that an object lacks is a missing value. Raises `InputError`."""
    is_list = text.lstrip().startswith("[")
    faults = Faults(source)
    rows: list[dict[str, Any]] = []
    places: list[int] = []
    unit = "row" if is_list else "line"
    names: dict[str, None] = {}
    for place, given in _items(text, source) if is_list else _lines(text, faults):
        if not isinstance(given, dict):
            faults.add(f"{unit} {place} is {brief(given)}; expected an object with a value for each column")
            continue
        if len(rows) == MAX_ROWS:
            raise InputError(f"{source} has more than {MAX_ROWS:,} rows")
        names |= dict.fromkeys(given)
        if len(names) > MAX_COLUMNS:
            raise InputError(f"{source} has more than {MAX_COLUMNS} columns")
        rows.append(given)
        places.append(place)
    faults.raise_any()
    if not rows:
        raise InputError(f"{source} has no rows")
    if not is_list and len(rows) == 1 and all(isinstance(value, dict | list) for value in rows[0].values()):
        raise InputError(
            f"{source} holds one object of columns; expected one object per row: "
            "df.to_json(path, orient='records', lines=True)"
        )
    kept, notes = checked_names(list(names), source)
    columns: dict[str, list[object]] = {
        name: [row.get(key) for row in rows] for name, key in zip(kept, names, strict=True) if name
    }
    return RawTable(source, columns, places, unit, notes)


def _lines(text: str, faults: Faults) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line, object_pairs_hook=_unique)
            except (ValueError, RecursionError) as error:
                faults.add(f"line {number} is not readable JSON ({error})")


def _items(text: str, source: str) -> Iterator[tuple[int, Any]]:
    try:
        given = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source} is not readable JSON ({error})") from error
    yield from enumerate(given, start=1)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses duplicate keys, of which a dict would silently keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two values named {twice!r}")
    return found
