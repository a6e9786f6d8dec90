"""Finds the column of a metric."""

from __future__ import annotations

from nassurrogate.errors import InputError, nearest
from nassurrogate.tables.column import TableColumn
from nassurrogate.tables.naming import Names, folded
from nassurrogate.tables.renaming import plain_name
from nassurrogate.tables.table import Table


def chosen_column(table: Table, metric: str, dataset: str | None = None) -> TableColumn:
    """The column of a metric.

    Args:
        table: its columns know their data sets.
        metric: the metric's name, with or without the data set, or the column's own name.
        dataset: the data set; None: the only one in the table that has the metric.

    Raises `InputError`, with the columns found and the nearest one, if no column or several match.
    """
    if not any(metric in _names(column) for column in table.columns):
        metric = Names().spelled(plain_name(metric))
    matching = [column for column in table.columns if metric in _names(column)]
    # A name with the data set, or the column's own name, is unambiguous.
    exact = [column for column in matching if column.metric != metric]
    found = exact or matching
    if not exact and dataset is not None and any(column.dataset for column in found):
        wanted = [
            column for column in found if column.dataset is not None and folded(column.dataset) == folded(dataset)
        ]
        if found and not wanted:
            present = ", ".join(str(column.dataset) for column in found)
            raise InputError(
                f"{table.source} has {metric} for {present}, not for {dataset}; drop --dataset, or change it"
            )
        found = wanted
    unnamed = [column for column in found if column.dataset is None]
    if len(found) == 1 or (dataset is None and len(unnamed) == 1):
        return found[0] if len(found) == 1 else unnamed[0]
    if found:
        datasets = ", ".join(str(column.dataset) for column in found)
        raise InputError(f"{table.source} has {metric} for several data sets ({datasets}); choose one with --dataset")
    columns = [name for column in table.columns for name in column.columns]
    listed = ", ".join(map(repr, columns)) or "none"
    close = nearest(metric, [*columns, *(column.metric for column in table.columns)])
    hint = f"; did you mean --metric {close}?" if close else ""
    raise InputError(f"{table.source} has no numeric column {metric!r}; its columns: {listed}{hint}")


def _names(column: TableColumn) -> tuple[str, ...]:
    """All names by which a user may refer to the column."""
    return (column.metric, *column.columns, *([f"{column.dataset}_{column.metric}"] if column.dataset else []))
