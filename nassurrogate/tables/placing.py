"""Assigns columns to data sets: by their names or by the user's choice; new data sets must be declared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nassurrogate.errors import InputError, brief
from nassurrogate.tables.column import TableColumn
from nassurrogate.tables.faults import Faults
from nassurrogate.tables.naming import known_dataset, new_dataset_error
from nassurrogate.tables.options import TableOptions

_DATASET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


def all_datasets(options: TableOptions, known: Sequence[str]) -> list[str]:
    """The known data sets and those that the user declares as new. Raises `InputError` if one is not new or invalid.

    Args:
        known: none for a space whose tables have no data sets.
    """
    for name in options.new_datasets:
        if not _DATASET.fullmatch(name):
            raise InputError(f"a data set cannot be named {brief(name)}; expected letters, digits, '_', '-' and '.'")
        if (same := known_dataset(name, known)) is not None:
            raise InputError(f"data set {name!r} is not new: {same!r} is known; drop --new-dataset")
    return [*known, *options.new_datasets]


def placed(
    columns: Sequence[TableColumn], options: TableOptions, datasets: Sequence[str], faults: Faults
) -> list[TableColumn]:
    """The columns with their data sets; those that name none get the one of the options.

    Args:
        datasets: all known ones; none for a space whose tables have no data sets: then names are kept unsplit.
    """
    default = options.dataset
    if default is not None and datasets:
        default = known_dataset(default, datasets)
        if default is None:
            raise new_dataset_error(str(options.dataset), datasets)
    found: dict[tuple[str | None, str], TableColumn] = {}
    for column in columns:
        name = column.columns[0]
        if column.new_dataset and datasets:
            faults.add(str(new_dataset_error(column.new_dataset, datasets, column=name)))
            continue
        place = column.dataset or default, column.metric
        if place in found:
            of = f" for {place[0]}" if place[0] else ""
            faults.add(f"columns {found[place].columns[0]!r} and {name!r} are both {column.metric}{of}")
            continue
        found[place] = replace(column, dataset=place[0], new_dataset="")
    return list(found.values())
