"""Finds the column of a table that a metric's name refers to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nassurrogate.errors import InputError, nearest
from nassurrogate.tables.column import TableColumn
from nassurrogate.tables.naming import known_dataset, new_dataset_error
from nassurrogate.tables.renaming import plain_name
from nassurrogate.tables.table import Table


def chosen_column(table: Table, metric: str, dataset: str | None, known: Sequence[str]) -> TableColumn:
    """The column of a metric, by the metric's name, with or without its data set, or by the column's own name.

    Args:
        dataset: the data set; None: the only one for which the table has the metric.
        known: names of known data sets.

    Raises `InputError`, with the columns found and the nearest one, if none or several match.
    """
    if dataset is not None:
        given = dataset
        dataset = known_dataset(dataset, [*known, *(c.new_dataset for c in table.columns if c.new_dataset)])
        if dataset is None:
            raise new_dataset_error(given, known)
    if not any(metric in _names(column) for column in table.columns):
        metric = plain_name(metric)
    meant = [column for column in table.columns if metric in _names(column)]
    # A name with the data set, or the column's own name, leaves no choice.
    found = [column for column in meant if column.metric != metric and metric != _bare(column)] or meant
    own = [column for column in found if _dataset_of(column) == dataset]
    found = own or [column for column in found if dataset is None or _dataset_of(column) is None]
    if len(found) == 1:
        (column,) = found
        asked_bare = column.new_dataset and metric == _bare(column)
        return replace(column, metric=metric, dataset=column.new_dataset) if asked_bare else column
    if found:
        datasets = ", ".join(str(_dataset_of(column)) for column in found)
        raise InputError(f"{table.source} has {metric} for several data sets ({datasets}); choose one with --dataset")
    columns = [name for column in table.columns for name in column.columns]
    listed = ", ".join(map(repr, columns)) or "none"
    close = nearest(metric, [*columns, *(column.metric for column in table.columns)])
    hint = f"; did you mean --metric {close}?" if close else ""
    place = "" if dataset is None else f" for {dataset}"
    raise InputError(f"{table.source} has no numeric column {metric!r}{place}; its columns: {listed}{hint}")


def _dataset_of(column: TableColumn) -> str | None:
    return column.dataset or column.new_dataset or None


def _bare(column: TableColumn) -> str:
    """The metric without its data set, whether that is known or not."""
    return column.metric[len(column.new_dataset) + 1 :] if column.new_dataset else column.metric


def _names(column: TableColumn) -> tuple[str, ...]:
    """All names that a user may give it."""
    full = [f"{column.dataset}_{column.metric}"] if column.dataset else []
    return (column.metric, _bare(column), *column.columns, *full)
