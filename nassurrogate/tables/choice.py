"""Which column of a table a command means by the name of a metric."""

from __future__ import annotations

from collections.abc import Sequence

from nassurrogate.errors import InputError, nearest
from nassurrogate.tables.column import TableColumn
from nassurrogate.tables.naming import known_dataset, new_dataset_error
from nassurrogate.tables.table import Table


def chosen_column(table: Table, metric: str, dataset: str | None, known: Sequence[str]) -> TableColumn:
    """The column of a metric: by the metric's name, with or without its data set, or by the column's own name.

    Args:
        dataset: the data set that is meant; None: the only one that the table has it of.
        known: names of data sets.

    Raises `InputError`, with the columns found and the nearest one, where none or several are meant.
    """
    if dataset is not None:
        given = dataset
        dataset = known_dataset(dataset, [*known, *(c.new_dataset for c in table.columns if c.new_dataset)])
        if dataset is None:
            raise new_dataset_error(given, known)
    meant = [column for column in table.columns if metric in _names(column)]
    # Named with its data set, or by its name in the file, it is that very one.
    exact = [column for column in meant if column.metric != metric]
    found = [column for column in exact or meant if dataset is None or column.dataset in (None, dataset)]
    own = [column for column in found if column.dataset == dataset]
    if len(found) == 1 or len(own) == 1:
        return found[0] if len(found) == 1 else own[0]
    if found:
        datasets = ", ".join(str(column.dataset) for column in found)
        raise InputError(f"{table.source} has {metric} of several data sets ({datasets}); choose one with --dataset")
    columns = [name for column in table.columns for name in column.columns]
    listed = ", ".join(map(repr, columns)) or "none"
    close = nearest(metric, [*columns, *(column.metric for column in table.columns)])
    hint = f"; did you mean --metric {close}?" if close else ""
    of = "" if dataset is None else f" of {dataset}"
    raise InputError(f"{table.source} has no column of numbers named {metric!r}{of}; its columns: {listed}{hint}")


def _names(column: TableColumn) -> tuple[str, ...]:
    """All that a person may call it."""
    return (column.metric, *column.columns, *([f"{column.dataset}_{column.metric}"] if column.dataset else []))
