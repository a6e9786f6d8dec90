"""The one door: architectures and values of a tabular file, checked, the same for every command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.metric import UNKNOWN_UNIT, known_metric
from nassurrogate.spaces import EnumerableSpace, Space
from nassurrogate.tables.faults import Faults
from nassurrogate.tables.file import raw_table, read_bytes
from nassurrogate.tables.identity import INDEX, check_order, find_architectures, require_column
from nassurrogate.tables.naming import Naming, is_share, read_names
from nassurrogate.tables.options import TableOptions
from nassurrogate.tables.raw import RawTable
from nassurrogate.tables.values import checked_values, is_text, number_of, numbers_of, tell_no_numbers, unit_question


@dataclass(frozen=True)
class TableColumn:
    """The values of one metric.

    Args:
        metric: its name, without data set and seed.
        dataset: as it is known; None: none is named.
        columns: names in the file, one for each seed.
        seeds: S training seeds, ascending; `(None,)` where none is named.
        values: (n, S) float64 in the metric's unit, NaN where missing.
        new_dataset: what reads like the name of a data set that is not known, in front of the metric.
    """

    metric: str
    dataset: str | None
    columns: tuple[str, ...]
    seeds: tuple[int | None, ...]
    values: np.ndarray
    new_dataset: str = ""

    @property
    def mean(self) -> np.ndarray:
        """(n,) the mean over the seeds that are there; NaN where none is."""
        there = ~np.isnan(self.values)
        total = np.where(there, self.values, 0.0).sum(axis=1)
        mean: np.ndarray = np.divide(total, there.sum(axis=1), out=np.full(len(total), np.nan), where=there.any(axis=1))
        return mean


@dataclass(frozen=True)
class Table:
    """n different architectures and their values.

    Args:
        source: the file's name, as messages give it.
        archs: n architectures.
        columns: of every metric.
        notes: what was left out, or read in a way that a user should know.
    """

    source: str
    archs: list[Architecture]
    columns: list[TableColumn]
    notes: list[str] = field(default_factory=list)


def read_table(
    space: Space, source: Path | None, options: TableOptions | None = None, *, datasets: Sequence[str] = ()
) -> Table:
    """The table of a file, or of stdin for None.

    CSV with commas, semicolons or tabs, in UTF-8 or UTF-16, and JSON lines, each plain or gzipped, and Parquet. One
    row an architecture, or with `options.seed_column` one row a training.

    Args:
        space: whose architectures they are.
        source: the file.
        options: what the file does not say itself.
        datasets: names that are known at the beginning of a column's name, whatever their case and hyphens.

    Raises `InputError`, with all faults of the file in one line.
    """
    name = "stdin" if source is None else str(source)
    return parse_table(space, read_bytes(source), name, options, datasets=datasets)


def parse_table(
    space: Space, content: bytes, name: str, options: TableOptions | None = None, *, datasets: Sequence[str] = ()
) -> Table:
    """`read_table` of what was read already."""
    options = options if options is not None else TableOptions()
    raw = _renamed(raw_table(content, name), options)
    faults = Faults(name)
    reserved = [] if options.seed_column is None else [options.seed_column]
    if reserved:
        require_column(raw, reserved[0], "which is to hold the seeds")
    archs, used, notes = find_architectures(raw, space, options.arch_column, faults, reserved)
    if archs is not None:
        check_order(space, archs, used, faults)
    notes = [*raw.notes, *notes]
    rest = [column for column in raw.columns if column not in (*used, *reserved)]
    if not isinstance(space, EnumerableSpace) and INDEX in rest:
        rest.remove(INDEX)
        notes.append(f"{name}: {space.name} has no official order; the column 'index' is left out")
    columns = _columns(raw, rest, options, faults, notes, datasets)
    if archs is None:
        faults.raise_any()
    assert archs is not None
    archs, columns = _by_seed(raw, archs, columns, options, faults)
    faults.raise_any()
    return Table(name, archs, columns, notes)


def _renamed(raw: RawTable, options: TableOptions) -> RawTable:
    if not options.rename:
        return raw
    olds = list(options.rename.values())
    for new, old in options.rename.items():
        require_column(raw, old, f"which --rename {new}={old} asks for")
        if new in raw.columns and new not in olds:
            raise InputError(f"{raw.source} has a column {new!r} already; --rename {new}={old} would make two of it")
        if olds.count(old) > 1:
            raise InputError(f"--rename gives the column {old!r} two names")
    names = {old: new for new, old in options.rename.items()}
    columns = {names.get(name, name): values for name, values in raw.columns.items()}
    return RawTable(raw.source, columns, raw.places, raw.counted_in, raw.notes)


def _columns(
    raw: RawTable,
    names: Sequence[str],
    options: TableOptions,
    faults: Faults,
    notes: list[str],
    datasets: Sequence[str],
) -> list[TableColumn]:
    """Every metric of the file, one row of values a row of the file."""
    numbers: dict[str, np.ndarray] = {}
    read, said = read_names(names, datasets, with_unit=options.unit is not None)
    by_column = {naming.column: naming for naming in read}
    left_out = []
    for name in names:
        values, bad = numbers_of(raw.columns[name])
        if is_text(known_metric(by_column[name].metric), len(values), len(bad), values):
            left_out.append(name)
            continue
        tell_no_numbers(raw, name, bad, faults)
        numbers[name] = values
    if left_out:
        notes.append(f"{raw.source}: columns of text are left out: {', '.join(left_out)}")
    notes += [f"{raw.source}: {text}" for text in said if text.split("'")[1] in numbers]
    placed: dict[tuple[str | None, str], dict[int | None, tuple[Naming, np.ndarray]]] = {}
    unitless = []
    for name, values in numbers.items():
        naming = by_column[name]
        about = known_metric(naming.metric)
        if naming.needs_unit:
            faults.add(unit_question(name, values))
            continue
        if about.unit == UNKNOWN_UNIT:
            unitless.append(name)
        checked, said = checked_values(
            raw, name, about, values, faults, unit=options.unit, is_share=is_share(naming.metric),
            missing_value=options.missing_value,
        )  # fmt: skip
        notes += said
        seeds = placed.setdefault((naming.dataset, naming.metric), {})
        if naming.seed in seeds:
            faults.add(f"columns {seeds[naming.seed][0].column!r} and {name!r} are the same metric")
            continue
        seeds[naming.seed] = naming, checked
    if unitless:
        notes.append(f"{raw.source}: columns without a unit are kept as they are: {', '.join(unitless)}")
    return [column for key, seeds in placed.items() if (column := _joined(*key, seeds, faults)) is not None]


def _joined(
    dataset: str | None, metric: str, by_seed: dict[int | None, tuple[Naming, np.ndarray]], faults: Faults
) -> TableColumn | None:
    if len(by_seed) > 1 and None in by_seed:
        of = f" of {dataset}" if dataset else ""
        faults.add(f"{metric}{of} is there both with and without a seed; give one or the other")
        return None
    seeds = sorted(by_seed, key=lambda seed: -1 if seed is None else seed)
    namings = [by_seed[seed][0] for seed in seeds]
    values = np.stack([by_seed[seed][1] for seed in seeds], axis=1)
    names = tuple(naming.column for naming in namings)
    return TableColumn(metric, dataset, names, tuple(seeds), values, namings[0].new_dataset)


# --- rows of one architecture ----------------------------------------------------------------------------------------


def _by_seed(
    raw: RawTable, archs: list[Architecture], columns: list[TableColumn], options: TableOptions, faults: Faults
) -> tuple[list[Architecture], list[TableColumn]]:
    """One row an architecture: rows of several seeds are joined, where the user names the column of the seeds."""
    if options.seed_column is None:
        _refuse_repeats(raw, archs, faults)
        return archs, columns
    seeds = _seeds(raw, options.seed_column, faults)
    if seeds is None:
        return archs, columns
    position: dict[Architecture, int] = {}
    at = np.array([position.setdefault(arch, len(position)) for arch in archs])
    every = sorted(set(seeds))
    which = np.searchsorted(every, seeds)
    first: dict[tuple[int, int], int] = {}
    for row, pair in enumerate(zip(at.tolist(), which.tolist(), strict=True)):
        if first.setdefault(pair, row) != row:
            faults.add(
                f"{raw.place(first[pair])} and {raw.place(row)} are both of seed {seeds[row]} of {archs[row].string}"
            )
    joined = []
    for column in columns:
        if column.seeds != (None,):
            faults.add(
                f"{column.columns[0]!r} names a seed, but the rows have seeds of their own in {options.seed_column!r}"
            )
            continue
        joined.append(_spread(column, at, which, len(position), every))
    return list(position), joined


def _spread(column: TableColumn, at: np.ndarray, which: np.ndarray, n: int, seeds: Sequence[int]) -> TableColumn:
    """Values of rows as (n, S); what no training changes, such as a latency, has one value a row and no seeds."""
    values = np.full((n, len(seeds)), np.nan)
    values[at, which] = column.values[:, 0]
    if not known_metric(column.metric).needs_training:
        there = ~np.isnan(values)
        low = np.where(there, values, np.inf).min(axis=1)
        if (low == np.where(there, values, -np.inf).max(axis=1))[there.any(axis=1)].all():
            single = np.where(there.any(axis=1), low, np.nan)[:, None]
            return TableColumn(column.metric, column.dataset, column.columns, (None,), single, column.new_dataset)
    return TableColumn(column.metric, column.dataset, column.columns, tuple(seeds), values, column.new_dataset)


def _seeds(raw: RawTable, name: str, faults: Faults) -> list[int] | None:
    found: list[int] = []
    before = len(faults.found)
    for row, value in enumerate(raw.columns[name]):
        try:
            number = number_of(value)
            if not number.is_integer() or not 0 <= number < 1 << 53:
                raise ValueError
        except ValueError:
            faults.add(f"{raw.place(row)}: seed {value!r} in column {name!r} is no whole number from 0")
            continue
        found.append(int(number))
    return found if len(faults.found) == before else None


def _refuse_repeats(raw: RawTable, archs: list[Architecture], faults: Faults) -> None:
    rows: dict[Architecture, list[int]] = {}
    for row, arch in enumerate(archs):
        rows.setdefault(arch, []).append(row)
    several = [(arch, found) for arch, found in rows.items() if len(found) > 1]
    if several:
        arch, found = several[0]
        shown = f"cell {arch.index}" if isinstance(arch.space, EnumerableSpace) else str(arch)
        more = f" ({len(several):,} architectures have several rows)" if len(several) > 1 else ""
        faults.add(
            f"{raw.counted_in}s {raw.places[found[0]]} and {raw.places[found[1]]} are both of {shown}{more}; if each "
            "row is one training, name the column of its seed (--seed-column NAME), or give every seed a column "
            "(val_accuracy_pct_seed0, val_accuracy_pct_seed1, ...)"
        )
