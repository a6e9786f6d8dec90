"""Tables with several rows per architecture: one per training seed, or one per data set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.metric import known_metric
from nassurrogate.spaces import EnumerableSpace
from nassurrogate.tables.column import TableColumn
from nassurrogate.tables.faults import Faults
from nassurrogate.tables.formats.raw import RawTable
from nassurrogate.tables.naming import known_dataset, new_dataset_error
from nassurrogate.tables.values import number_of

DATASET = "dataset"
_SEEDS = re.compile(r"(?:^|_)(?:seed|run|trial)(?:$|_)", re.IGNORECASE)
_STEPS = ("epoch", "epochs", "step", "iteration")
_MOST_FAULTS = 20


@dataclass(frozen=True)
class Keys:
    """Distinguish the rows of one architecture, (R,) each.

    Args:
        seeds: training seeds; None if there is no such column.
        datasets: data sets; None if there is no such column.
    """

    seeds: list[int] | None = None
    datasets: list[str] | None = None


def find_keys(
    raw: RawTable, seed_column: str | None, datasets: Sequence[str], faults: Faults
) -> tuple[Keys, list[str], list[str]]:
    """The keys, the names of their columns, and notes.

    A column named `dataset` is a key if the space has known data sets.
    """
    used, notes = [], []
    seeds, of = None, None
    if seed_column is not None:
        seeds = _seeds(raw, seed_column, faults)
        used.append(seed_column)
    name = next((column for column in raw.columns if column.casefold() == DATASET), None)
    if name is not None and datasets and name not in used:
        of = _datasets(raw, name, datasets, faults)
        used.append(name)
        if of is not None:
            notes.append(f"{raw.source}: column {name!r} gives the data set of each row: {', '.join(sorted(set(of)))}")
    return Keys(seeds, of), used, notes


def _seeds(raw: RawTable, name: str, faults: Faults) -> list[int] | None:
    found: list[int] = []
    bad = 0
    for row, value in enumerate(raw.columns[name]):
        try:
            number = number_of(value)
            if not number.is_integer() or not 0 <= number < 1 << 53:
                raise ValueError
        except ValueError:
            bad += 1
            if bad <= _MOST_FAULTS:
                faults.add(f"{raw.place(row)}: the seed in {name!r} is {value!r}; expected a whole number from 0")
            continue
        found.append(int(number))
    return None if bad else found


def _datasets(raw: RawTable, name: str, known: Sequence[str], faults: Faults) -> list[str] | None:
    values = ["" if value is None else str(value) for value in raw.columns[name]]
    known_as = {value: known_dataset(value, known) for value in dict.fromkeys(values)}
    for value, dataset in known_as.items():
        if dataset is None:
            faults.add(f"{raw.place(values.index(value))}: {new_dataset_error(value, known)}")
    return None if None in known_as.values() else [str(known_as[value]) for value in values]


def joined(
    raw: RawTable, archs: list[Architecture], columns: list[TableColumn], keys: Keys, faults: Faults
) -> tuple[list[Architecture], list[TableColumn]]:
    """The n different architectures, and one column per metric and data set with their values by seed."""
    _refuse_repeats(raw, archs, keys, faults)
    if keys.seeds is None and keys.datasets is None:
        return archs, columns
    position: dict[Architecture, int] = {}
    at = np.array([position.setdefault(arch, len(position)) for arch in archs])
    every = sorted(set(keys.seeds or ()))
    which = np.searchsorted(every, keys.seeds) if keys.seeds is not None else np.zeros(len(archs), dtype=np.int64)
    found = []
    for column in columns:
        if keys.seeds is not None and column.seeds != (None,):
            faults.add(f"column {column.columns[0]!r} names a seed, but the table also has a seed column")
            continue
        if keys.datasets is not None and column.dataset is not None:
            faults.add(f"column {column.columns[0]!r} names a data set, but the table also has a column {DATASET!r}")
            continue
        for dataset in dict.fromkeys(keys.datasets or [column.dataset or ""]):
            rows = np.ones(len(archs), dtype=bool)
            if keys.datasets is not None:
                rows = np.array([own == dataset for own in keys.datasets])
            of_one = replace(column, dataset=dataset or None, values=column.values[rows])
            found.append(_spread(of_one, at[rows], which[rows], len(position), every))
    return list(position), found


def _spread(column: TableColumn, at: np.ndarray, which: np.ndarray, n: int, seeds: Sequence[int]) -> TableColumn:
    """The values of the rows as (n, S); metrics without training, such as a latency, get one value and no seeds."""
    if not seeds:
        values = np.full((n, column.values.shape[1]), np.nan)
        values[at] = column.values
        return replace(column, values=values)
    values = np.full((n, len(seeds)), np.nan)
    values[at, which] = column.values[:, 0]
    if not known_metric(column.metric).needs_training:
        present = ~np.isnan(values)
        low = np.where(present, values, np.inf).min(axis=1)
        if (low == np.where(present, values, -np.inf).max(axis=1))[present.any(axis=1)].all():
            return replace(column, values=np.where(present.any(axis=1), low, np.nan)[:, None])
    return replace(column, seeds=tuple(seeds), values=values)


def _refuse_repeats(raw: RawTable, archs: list[Architecture], keys: Keys, faults: Faults) -> None:
    rows: dict[tuple[object, ...], list[int]] = {}
    nothing: list[None] = [None] * len(archs)
    seeds, datasets = keys.seeds or nothing, keys.datasets or nothing
    for row, key in enumerate(zip(archs, seeds, datasets, strict=True)):
        rows.setdefault(key, []).append(row)
    several = [(key, found) for key, found in rows.items() if len(found) > 1]
    if not several:
        return
    (arch, seed, dataset), found = several[0]
    assert isinstance(arch, Architecture)
    shown = f"cell {arch.index}" if isinstance(arch.space, EnumerableSpace) else str(arch)
    shown += "".join(f", {what} {key}" for what, key in (("seed", seed), ("data set", dataset)) if key is not None)
    more = f" ({len(several):,} architectures have several rows)" if len(several) > 1 else ""
    faults.add(
        f"{raw.counted_in}s {raw.places[found[0]]} and {raw.places[found[1]]} are both for {shown}{more}"
        f"{_remedy(raw, keys)}"
    )


def _remedy(raw: RawTable, keys: Keys) -> str:
    step = next((name for name in raw.columns if name.casefold() in _STEPS), None)
    if step is not None:
        return f"; its column {step!r} suggests one row per {step.rstrip('s')}: keep only the last one of each training"
    if keys.seeds is not None:
        return "; keep one of them"
    seed = next((name for name in raw.columns if _SEEDS.search(name)), "NAME")
    return (
        f"; if each row is one training, name its seed column (--seed-column {seed}), or use one column per seed "
        "(METRIC_seed0, METRIC_seed1, ...)"
    )
