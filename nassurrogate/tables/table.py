"""Reads a tabular file into checked architectures and values, the same way for every command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.metric import UNKNOWN_UNIT, known_metric
from nassurrogate.spaces import Space
from nassurrogate.tables.column import TableColumn
from nassurrogate.tables.faults import Faults
from nassurrogate.tables.formats.detection import raw_table, read_bytes
from nassurrogate.tables.formats.raw import RawTable, require_column
from nassurrogate.tables.identity import check_order, find_architectures
from nassurrogate.tables.long import find_keys, joined
from nassurrogate.tables.naming import Names, Naming, is_share, read_names
from nassurrogate.tables.options import TableOptions
from nassurrogate.tables.placing import all_datasets, placed
from nassurrogate.tables.renaming import as_written_here, column_called, renamed
from nassurrogate.tables.values import checked_values, is_text, numbers_of, report_no_numbers, unit_question


@dataclass(frozen=True)
class Table:
    """n different architectures and their values.

    Args:
        source: the file's name, as messages give it.
        archs: n architectures.
        columns: one per metric and data set.
        notes: for the user, about what was skipped or reinterpreted.
    """

    source: str
    archs: list[Architecture]
    columns: list[TableColumn]
    notes: list[str] = field(default_factory=list)


def read_table(
    space: Space,
    source: Path | None,
    options: TableOptions | None = None,
    *,
    known: Names | None = None,
) -> Table:
    """The table in a file, or on stdin for None.

    Reads CSV (with commas, semicolons or tabs, in UTF-8 or UTF-16) and JSON lines, plain or gzipped, and Parquet. Each
    row is an architecture; with `options.seed_column`, a training; with a column `dataset`, one data set's results.

    Args:
        space: the space of the architectures.
        source: the file.
        options: how to read what the file leaves open.
        known: names of data sets and metrics that columns may spell in any case and with or without hyphens.

    Raises `InputError`, with all faults of the file in one line.
    """
    name = "stdin" if source is None else str(source)
    return parse_table(space, read_bytes(source), name, options, known=known)


def parse_table(
    space: Space,
    content: bytes,
    name: str,
    options: TableOptions | None = None,
    *,
    known: Names | None = None,
) -> Table:
    """`read_table` for content that is already in memory."""
    options = options if options is not None else TableOptions()
    known = known if known is not None else Names()
    datasets = all_datasets(options, known.datasets)
    raw, notes = as_written_here(renamed(raw_table(content, name), options.rename, datasets))
    faults = Faults(name)
    seed_column, arch_column = (column_called(raw, each) for each in (options.seed_column, options.arch_column))
    if seed_column is not None:
        require_column(raw, seed_column, "asked for by --seed-column")
    keys, reserved, key_notes = find_keys(raw, seed_column, datasets, faults)
    archs, used, identity_notes = find_architectures(raw, space, arch_column, faults, reserved)
    notes = [*raw.notes, *notes, *key_notes, *identity_notes]
    rest = [column for column in raw.columns if column not in (*used, *reserved)]
    columns = _columns(raw, rest, options, faults, notes, Names(datasets, known.metrics))
    if archs is None:
        raise faults.as_error()
    check_order(raw, space, archs, used, faults)
    archs, columns = joined(raw, archs, columns, keys, faults)
    columns = placed(columns, options, datasets, faults)
    faults.raise_any()
    return Table(name, archs, columns, notes)


def _columns(
    raw: RawTable,
    names: Sequence[str],
    options: TableOptions,
    faults: Faults,
    notes: list[str],
    known: Names,
) -> list[TableColumn]:
    """All metrics of the file, with one row of values per row of the file."""
    numbers: dict[str, np.ndarray] = {}
    read, read_notes = read_names(names, known, with_unit=options.unit is not None)
    by_column = {naming.column: naming for naming in read}
    left_out = []
    for name in names:
        values, bad = numbers_of(raw.columns[name])
        if is_text(by_column[name].metric, len(bad), values):
            left_out.append(name)
            continue
        if by_column[name].question:
            faults.add(by_column[name].question)
            continue
        report_no_numbers(raw, name, bad, faults)
        numbers[name] = values
    if left_out:
        notes.append(f"{raw.source}: columns without numbers are skipped: {', '.join(left_out)}")
    notes += [f"{raw.source}: {text}" for column, text in read_notes if column in numbers]
    by_place: dict[tuple[str | None, str], dict[int | None, tuple[Naming, np.ndarray]]] = {}
    unitless = []
    for name, values in numbers.items():
        naming = by_column[name]
        about = known_metric(naming.metric)
        if naming.needs_unit:
            faults.add(unit_question(name, values))
            continue
        if about.unit == UNKNOWN_UNIT:
            unitless.append(name)
        checked, value_notes = checked_values(
            raw, name, about, values, faults, unit=options.unit, is_share=is_share(naming.metric),
            missing_value=options.missing_value,
        )  # fmt: skip
        notes += value_notes
        seeds = by_place.setdefault((naming.dataset, naming.metric), {})
        if naming.seed in seeds:
            faults.add(f"columns {seeds[naming.seed][0].column!r} and {name!r} are the same metric")
            continue
        seeds[naming.seed] = naming, checked
    if unitless:
        notes.append(f"{raw.source}: columns without a unit are read unchanged: {', '.join(unitless)}")
    return [column for key, seeds in by_place.items() if (column := _joined(*key, seeds, faults)) is not None]


def _joined(
    dataset: str | None, metric: str, by_seed: dict[int | None, tuple[Naming, np.ndarray]], faults: Faults
) -> TableColumn | None:
    if len(by_seed) > 1 and None in by_seed:
        columns = ", ".join(repr(naming.column) for naming, _ in by_seed.values())
        faults.add(f"{metric} is given both with and without a seed ({columns}); keep one or the other")
        return None
    seeds = sorted(by_seed, key=lambda seed: -1 if seed is None else seed)
    namings = [by_seed[seed][0] for seed in seeds]
    values = np.stack([by_seed[seed][1] for seed in seeds], axis=1)
    names = tuple(naming.column for naming in namings)
    return TableColumn(metric, dataset, names, tuple(seeds), values, namings[0].new_dataset)
