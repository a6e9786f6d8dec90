"""A user's own table: one row per architecture, one column per metric, in any format that `nassurrogate.tables` reads.

- `<dataset>_<metric>` belongs to that data set; case and hyphens of its name do not matter. A metric without such a
  prefix (`edgegpu_latency_ms`) belongs to the `dataset` argument, or to every data set if none is given. Metrics that
  need training cannot belong to every data set. New data sets must be declared.
- The better direction follows from the metric's name (see `nassurrogate.metric`) or is given by the user; otherwise
  it stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from nassurrogate.benchmarks.tabular.store import ANY_DATASET
from nassurrogate.benchmarks.tabular.table import Column
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.metric import Direction, as_metric, known_metric
from nassurrogate.spaces import EnumerableSpace, get_space
from nassurrogate.tables import Names, TableColumn, TableOptions, read_table
from nassurrogate.tables.faults import Faults
from nassurrogate.tables.naming import known_dataset

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}")

Columns = dict[tuple[str, str], Column]


def read_own_table(
    space_name: str,
    path: Path,
    *,
    known: Names,
    options: TableOptions | None = None,
    directions: Mapping[str, Direction] | None = None,
) -> tuple[Columns, int, list[str]]:
    """((data set, metric) → column, number of architectures, notes); `"*"` stands for every data set.

    Args:
        known: data sets and metrics.
        options: how to read the file.
        directions: metric, with or without its data set → the better direction, for metrics with unknown names.

    Raises `InputError` for what is refused.
    """
    space = get_space(space_name)
    if not isinstance(space, EnumerableSpace):
        raise InputError(f"space {space.name!r} has no official order, so it has no table; use train --file instead")
    table = read_table(space, path, options, known=known)
    if not table.columns:
        raise InputError(f"{path} has no numeric column besides those that name the architectures")
    notes = list(table.notes)
    kept = _storable(table.columns, known.datasets[0], Faults(str(path)), notes)
    if options is not None and options.dataset is not None:
        default = known_dataset(options.dataset, [*known.datasets, *options.new_datasets])
        if default not in {dataset for dataset, _ in kept}:
            notes.append(f"{path}: every column names its data set, so --dataset {default} has no effect")
    better = _directions(kept, directions or {}, path)
    rows = space.indices(table.archs)
    columns: Columns = {}
    for (belongs_to, metric), column in kept.items():
        if np.isnan(column.values).all():
            notes.append(f"{path}: column {column.columns[0]!r} is empty and is skipped")
            continue
        values = np.full((space.size, len(column.seeds)), np.nan)
        values[rows] = column.values
        note = "" if column.seeds == (None,) else f"seeds {', '.join(map(str, column.seeds))}"
        columns[belongs_to, metric] = Column(values, path.name, note, better.get(metric))
    if not columns:
        raise InputError(f"{path}: column {table.columns[0].columns[0]!r} is empty, and there is no other")
    return columns, len(rows), notes


def _storable(
    columns: Sequence[TableColumn], example: str, faults: Faults, notes: list[str]
) -> dict[tuple[str, str], TableColumn]:
    """(data set or `"*"`, metric) → column. Raises `InputError` for one that cannot be looked up later.

    Args:
        example: a data set, for messages.
    """
    kept: dict[tuple[str, str], TableColumn] = {}
    for column in columns:
        name = column.columns[0]
        about = known_metric(column.metric)
        if name.startswith("_"):
            notes.append(f"{faults.source}: column {name!r} starts with an underscore and is skipped")
        elif not _NAME.fullmatch(column.metric):
            faults.add(
                f"column {brief(name)} is not a metric's name, which has letters, digits, '_', '-' and '.'; rename it: "
                f"--rename NEW={_short(name)}"
            )
        elif column.dataset is None and about.needs_training and about.direction is not None:
            faults.add(
                f"column {name!r} does not name its data set; rename it (--rename {example}_{name}={name}), or give it "
                f"for all (--dataset {example})"
            )
        else:
            kept[column.dataset or ANY_DATASET, column.metric] = column
    faults.raise_any()
    return kept


def _short(name: str) -> str:
    return name if len(name) <= 40 else "OLD"


def _directions(
    placed: Mapping[tuple[str, str], TableColumn], given: Mapping[str, Direction], path: Path
) -> dict[str, Direction]:
    """Metric → the direction that the user gives. Raises `InputError` for a missing column or a contradiction."""
    found: dict[str, Direction] = {}
    for name, direction in given.items():
        named = {
            metric for (dataset, metric), c in placed.items() if name in (metric, f"{dataset}_{metric}", *c.columns)
        }
        if not named:
            raise unknown_choice("metric", name, dict.fromkeys(m for _, m in placed), place=f" of {path}")
        for metric in named:
            as_metric(metric, direction)  # which must not contradict what is known
            if found.setdefault(metric, direction) != direction:
                raise InputError(f"{path}: {metric} cannot be both maximised and minimised")
    return found
