"""A user's own CSV or Parquet table: one row a cell, one column a metric.

`arch` (the official string) or `index` (the official index) says the cell; with both, they must agree in every row.
Every other column is a metric whose name ends with its unit: `_pct`, `_ms`, `_s`, `_mj`, …

- `<dataset>_<metric>` belongs to that data set. A prefix counts as a data set if it is cifar10, cifar100 or
  ImageNet16-120, if it stands before a metric of training in some column (`svhn_val_accuracy_pct` makes `svhn` a data
  set), or if it is the `dataset` argument.
- A metric without such a prefix (`edgegpu_latency_ms`) belongs to the `dataset` argument, or to every data set if none
  is given. Metrics of training cannot belong to every data set.
- `_seed<N>` at the end (`cifar10_val_accuracy_pct_seed777`) makes the column one training seed of the metric.
- Whether a larger value is better follows from the metric's name (see `nassurrogate.metric`), or from what the user
  says; of a name that is not known it stays unknown.

Empty fields are missing values. Times, energies and powers must be positive: −1 for "does not run" would satisfy every
upper bound, so it is refused unless `missing_value=-1` declares it missing.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from nassurrogate.benchmarks.embedded import FILES
from nassurrogate.benchmarks.store import ANY_DATASET
from nassurrogate.benchmarks.table import Column
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.metric import UNITS, Direction, as_metric, ends_with_unit, known_metric
from nassurrogate.spaces import EnumerableSpace, get_space

Columns = dict[str, list[Any]]
"""Column name → one value a row: text from CSV; text, numbers or None from Parquet."""
KNOWN_DATASETS: Final = tuple(FILES)
MISSING: Final = ("", "NA", "N/A", "null", "None")
"""Fields that hold no value, besides `nan`."""
MAX_FILE_BYTES: Final = 1 << 30
MAX_COLUMNS: Final = 1_000
_TRAINING = re.compile(r"(?P<dataset>.+)_(?P<metric>(?:val|test|train)_(?:accuracy|loss|error|time)\w*)")
_SEED = re.compile(r"(?P<metric>.+)_seed(?P<seed>\d{1,9})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def read_own_table(
    space_name: str,
    path: Path,
    *,
    dataset: str | None = None,
    missing_value: float | None = None,
    directions: Mapping[str, Direction] | None = None,
) -> tuple[dict[tuple[str, str], Column], int]:
    """((data set, metric) → column, number of cells) of a CSV or Parquet file; `"*"` stands for every data set.

    Args:
        directions: metric, with or without its data set → which direction is better, of those that are not known.

    Raises `InputError`, with the row's number counted from 1 after the header, for anything the module refuses.
    """
    space = get_space(space_name)
    if not isinstance(space, EnumerableSpace):
        raise InputError(f"space {space.name!r} has no official order, so it has no table; use train --csv instead")
    table = _read_columns(space, path)
    rows = _cells(space, table, path.name)
    metrics = [name for name in table if name not in ("arch", "index")]
    if not metrics:
        raise InputError(f"{path.name} has no metric column besides {', '.join(table)}")
    placed = _place(metrics, dataset, path.name)
    better = _directions(placed, directions or {}, path.name)
    columns: dict[tuple[str, str], Column] = {}
    for (belongs_to, metric), by_seed in placed.items():
        if len(by_seed) > 1 and None in by_seed:
            raise InputError(
                f"{path.name} has {metric} of {belongs_to} both with and without a seed; give one or the other"
            )
        seeds = sorted(by_seed, key=lambda seed: -1 if seed is None else seed)
        values = np.full((space.size, len(seeds)), np.nan)
        for position, seed in enumerate(seeds):
            values[rows, position] = _numbers(table, by_seed[seed], metric, missing_value, path.name)
        note = "" if seeds == [None] else f"seeds {', '.join(map(str, seeds))}"
        if np.isnan(values).all():
            raise InputError(f"{path.name}: column {by_seed[seeds[0]]!r} is empty")
        columns[belongs_to, metric] = Column(values, path.name, note, better.get(metric))
    return columns, len(rows)


def _directions(
    placed: Mapping[tuple[str, str], Any], given: Mapping[str, Direction], source: str
) -> dict[str, Direction]:
    """Metric → the direction that the user gives it. Raises `InputError` for a column that is not there or is known."""
    found: dict[str, Direction] = {}
    for name, direction in given.items():
        named = {metric for dataset, metric in placed if name in (metric, f"{dataset}_{metric}")}
        if not named:
            raise unknown_choice("metric", name, dict.fromkeys(m for _, m in placed), place=f" of {source}")
        for metric in named:
            as_metric(metric, direction)  # which must not contradict what is known
            if found.setdefault(metric, direction) != direction:
                raise InputError(f"{source}: {metric} cannot be both maximised and minimised")
    return found


def _read_columns(space: EnumerableSpace, path: Path) -> Columns:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise InputError(
            f"{path.name} is larger than {MAX_FILE_BYTES >> 20} MiB; a table of {space.size} cells is smaller"
        )
    with path.open("rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    columns = _read_parquet(space, path) if is_parquet else _read_csv(space, path)
    if not len(next(iter(columns.values()))):
        raise InputError(f"{path.name} has no rows")
    return columns


def _read_csv(space: EnumerableSpace, path: Path) -> Columns:
    rows: list[list[str]] = []
    try:
        # The standard reader: it knows which row it is in, and `float` reads every decimal exactly.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True, skipinitialspace=True)
            names: list[object] = [name.strip() for name in next(reader)]
            _check_header(names, path.name)
            for row in filter(None, reader):
                if len(row) != len(names):
                    raise InputError(
                        f"{path.name}, row {len(rows) + 1} has {len(row)} fields; the header names {len(names)} columns"
                    )
                if len(rows) == space.size:
                    raise InputError(
                        f"{path.name} has more than {space.size} rows, the number of cells of {space.name}"
                    )
                rows.append(row)
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} is not a readable CSV table (after row {len(rows)}: {error})") from error
    return {str(name): [row[place].strip() for row in rows] for place, name in enumerate(names)}


def _read_parquet(space: EnumerableSpace, path: Path) -> Columns:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            # Checked before anything is unpacked.
            unpacked = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
            if file.metadata.num_rows > space.size or unpacked > MAX_FILE_BYTES:
                raise InputError(
                    f"{path.name} has more than {space.size} rows, the number of cells of {space.name}, "
                    f"or more than {MAX_FILE_BYTES >> 20} MiB"
                )
            names = list(file.schema_arrow.names)
            _check_header(names, path.name)
            table = file.read()
            return {name: table.column(name).to_pylist() for name in names}
    except (pyarrow.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path.name} is not a readable Parquet table ({reason:.150})") from error


def _check_header(names: list[object], source: str) -> None:
    if len(names) > MAX_COLUMNS:
        raise InputError(f"{source} has {len(names)} columns; at most {MAX_COLUMNS} are read")
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InputError(f"{source} has a column named {brief(name)}; expected letters, digits, '_', '-' and '.'")
        if names.count(name) > 1:
            raise InputError(f"{source} has two columns named {name!r}")
    if "arch" not in names and "index" not in names:
        listed = ", ".join(map(str, names[:8]))
        raise InputError(
            f"{source} has neither a column 'arch' nor 'index' to tell the cells by; its columns: {listed}"
        )


def _cells(space: EnumerableSpace, table: Columns, source: str) -> np.ndarray:
    """(rows,) the official index of every row."""
    rows: np.ndarray | None = None
    if "index" in table:
        given = _as_floats(table, "index", source)
        wrong = ~((given >= 0) & (given < space.size) & (given == np.floor(given)))
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"{source}, row {row + 1}: index {given[row]:.10g} is outside {space.name}; "
                f"indices run from 0 to {space.size - 1}"
            )
        rows = given.astype(np.int64)
    if "arch" in table:
        named = np.empty(len(table["arch"]), dtype=np.int64)
        for row, arch in enumerate(table["arch"]):
            try:
                named[row] = space.index(space.parse(arch if isinstance(arch, str) else str(arch)))
            except InputError as error:
                raise InputError(f"{source}, row {row + 1}: {error}") from error
        if rows is not None and (rows != named).any():
            row = int(np.flatnonzero(rows != named)[0])
            raise InputError(
                f"{source}, row {row + 1}: index {rows[row]} and arch {table['arch'][row]} disagree; the official "
                f"index of that string is {named[row]}"
            )
        rows = named
    assert rows is not None  # the header was checked
    _, first, counts = np.unique(rows, return_index=True, return_counts=True)
    if (counts > 1).any():
        cell = int(rows[first[counts > 1][0]])
        where = (np.flatnonzero(rows == cell) + 1)[:2]
        raise InputError(f"{source}: rows {where[0]} and {where[1]} are both of cell {cell}")
    return rows


def _place(names: list[str], dataset: str | None, source: str) -> dict[tuple[str, str], dict[int | None, str]]:
    """(data set, metric) → training seed (None: no seed is named) → column name."""
    bare = {
        name: (match["metric"], int(match["seed"])) if (match := _SEED.fullmatch(name)) else (name, None)
        for name in names
    }
    prefixes = {*KNOWN_DATASETS, *([dataset] if dataset else [])}
    prefixes |= {match["dataset"] for metric, _ in bare.values() if (match := _TRAINING.fullmatch(metric))}
    placed: dict[tuple[str, str], dict[int | None, str]] = {}
    for name, (full, seed) in bare.items():
        belongs_to, metric = dataset or ANY_DATASET, full
        for prefix in sorted(prefixes, key=len, reverse=True):
            if full.startswith(f"{prefix}_"):
                belongs_to, metric = prefix, full[len(prefix) + 1 :]
                break
        if not ends_with_unit(metric):
            raise InputError(
                f"{source}: column {name!r} does not end with its unit; known: " + ", ".join(f"_{u}" for u in UNITS)
            )
        if belongs_to == ANY_DATASET and known_metric(metric).needs_training:
            raise InputError(
                f"{source}: column {name!r} does not say which data set it is of; name it cifar10_{name}, or give the "
                "data set"
            )
        if seed in placed.setdefault((belongs_to, metric), {}):
            raise InputError(f"{source}: columns {placed[belongs_to, metric][seed]!r} and {name!r} are the same metric")
        placed[belongs_to, metric][seed] = name
    return placed


def _as_floats(columns: Columns, name: str, source: str) -> np.ndarray:
    values = np.empty(len(columns[name]))
    for row, given in enumerate(columns[name]):
        try:
            if isinstance(given, bool | bytes):
                raise ValueError
            values[row] = math.nan if given is None or given in MISSING else float(given)
        except (TypeError, ValueError, OverflowError):
            raise InputError(
                f"{source}, row {row + 1}: {name} is {brief(given)}; expected a number or nothing"
            ) from None
    return values


def _numbers(table: Columns, name: str, metric: str, missing_value: float | None, source: str) -> np.ndarray:
    values = _as_floats(table, name, source)
    if missing_value is not None:
        values = np.where(values == missing_value, np.nan, values)

    def refuse_any(wrong: np.ndarray, expected: str) -> None:
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(f"{source}, row {row + 1}: {name} is {values[row]:g}; expected {expected}")

    refuse_any(np.isinf(values), "a finite number or nothing")
    about = known_metric(metric)
    if about.is_percent:
        refuse_any((values < 0) | (values > 100), "percent, 0 to 100")
        present = values[~np.isnan(values)]
        if about.direction == "maximize" and len(present) and 0 < present.max() <= 1:
            raise InputError(
                f"{source}: {name} is at most {present.max():g}; it looks like fractions, expected percent"
            )
    if about.is_positive:
        refuse_any(
            values <= 0,
            "a positive number or nothing; if it stands for 'does not run', say so with the missing value "
            f"(missing_value={values[values <= 0][0]:g})"
            if (values <= 0).any()
            else "a positive number",
        )
    return values
