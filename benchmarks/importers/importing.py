"""`import_file`: converts a benchmark file once, into the user's cache."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_field
from pathlib import Path
from typing import Final

from nassurrogate.benchmarks.importers.kinds import IMPORTABLE, Progress, detect_kind, read_official
from nassurrogate.benchmarks.importers.own_table import read_own_table
from nassurrogate.benchmarks.registry import tables_of
from nassurrogate.benchmarks.tabular import store
from nassurrogate.benchmarks.tabular.store import OWN_TABLE
from nassurrogate.errors import InputError, unknown_choice
from nassurrogate.metric import Direction
from nassurrogate.tables import TableOptions


@dataclass(frozen=True)
class ImportSummary:
    """The result of an import.

    Attributes:
        shadowed: unused columns (`data set/metric`) → name of the table used instead, which covers more cells or takes
            precedence. This import comes first if it is chosen as the base (`table=name`).
        replaced: columns (`data set/metric`) that now replace another table's → that table's name.
        notes: for the user, on how the file was read.
    """

    info: store.ImportInfo
    shadowed: dict[str, str]
    replaced: dict[str, str]
    notes: list[str]

    @property
    def name(self) -> str:
        """The import's name."""
        return self.info.name


def import_file(
    space: str,
    path: str | Path,
    *,
    name: str | None = None,
    dataset: str | None = None,
    new_datasets: Sequence[str] = (),
    missing_value: float | None = None,
    options: TableOptions | None = None,
    directions: Mapping[str, Direction] | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> ImportSummary:
    """Converts a benchmark file once, into the user's cache; it is then part of `load_benchmark`.

    Args:
        space: `"nb201"`, `"nb101"` or `"macro"`.
        path: for nb201 the official `NAS-Bench-201-v1_1-096897.pth` or the folder `NATS-tss-v1_0-3ffb9-simple`; for
            nb101 the official `nasbench_full.tfrecord` or `nasbench_only108.tfrecord`, or arrays (see `nb101_npz`); for
            macro the official `nas-bench-macro_cifar10.json` (see `macro_table`); for any space a table of your own
            (see `nassurrogate.tables` and `own_table`). The kind is detected from the content.
        name: name of the import; by default derived from the file name.
        dataset: for a table of your own: the data set of the columns that do not name one.
        new_datasets: for a table of your own: new data sets to allow.
        missing_value: for a table of your own: the number that marks a missing value, such as −1.
        options: for a table of your own: how to read it, including the missing value.
        directions: for a table of your own: metric → `"maximize"` or `"minimize"`, for metrics with unknown names.
        replace: whether an import of the same name is replaced.
        progress: called with (bytes done, total bytes).

    Raises `InputError` for a missing, damaged, foreign or malicious file, or a name that is taken; nothing is kept.
    """
    if space not in IMPORTABLE:
        raise unknown_choice("space", space, IMPORTABLE)
    path = Path(path)
    name = store.check_name(name if name is not None else _default_name(path))
    if not replace and store.import_path(space, name).exists():
        raise InputError(f"an import named {name!r} exists; give another name, or replace it (--replace)")
    options = _completed(options, dataset, new_datasets, missing_value)
    kind = detect_kind(space, path)
    if kind != OWN_TABLE and (directions or options != TableOptions()):
        raise InputError(
            f"{path.name} is an official file, with fixed data sets; dataset, missing_value, the direction of metrics "
            "and other ways to read a table apply only to tables of your own"
        )
    before = tables_of(space).column_owners()
    notes: list[str] = []
    try:
        if kind == OWN_TABLE:
            columns, n_cells, notes = read_own_table(
                space,
                path,
                known=tables_of(space).known_names(),
                options=options,
                directions=directions,
            )
        else:
            columns, n_cells = read_official(path, kind, progress)
    except InputError as error:
        raise error if path.name in str(error) else InputError(f"{path.name}: {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror or error})") from error
    info = store.save_import(
        space,
        name,
        columns,
        kind=kind,
        source_file=os.path.realpath(path),
        source_sha256=_sha256(path),
        n_cells=n_cells,
        replace=replace,
    )
    return ImportSummary(info, *_precedence(info, before), notes)


def _completed(
    options: TableOptions | None, dataset: str | None, new_datasets: Sequence[str], missing_value: float | None
) -> TableOptions:
    """The options together with the arguments beside them. Raises `InputError` for what is given twice."""
    options = options if options is not None else TableOptions()
    if dataset is not None:
        options = replace_field(_without(options, "dataset"), dataset=dataset)
    if new_datasets:
        options = replace_field(_without(options, "new_datasets"), new_datasets=new_datasets)
    if missing_value is not None:
        options = replace_field(_without(options, "missing_value"), missing_value=missing_value)
    return options


def _without(options: TableOptions, name: str) -> TableOptions:
    if getattr(options, name) not in (None, ()):
        raise InputError(f"{name} is given twice, directly and in options; leave one out")
    return options


_SUFFIXES: Final = (".pth", ".csv", ".tsv", ".txt", ".parquet", ".pt", ".tfrecord", ".npz", ".json", ".jsonl")


def _default_name(path: Path) -> str:
    stem = Path(os.path.realpath(path)).name.removesuffix(".pickle.pbz2").removesuffix(".gz")
    stem = stem.removesuffix(Path(stem).suffix) if Path(stem).suffix in _SUFFIXES else stem
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).lstrip("-._")[:80] or "table"


def _sha256(path: Path) -> str:
    """Checksum of a file; of a folder: of its files' names and checksums."""
    if path.is_dir():
        digest = hashlib.sha256()
        for member in sorted(path.glob("*.pickle.pbz2")):
            digest.update(f"{member.name} {_sha256(member)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _precedence(info: store.ImportInfo, before: Mapping[tuple[str, str], str]) -> tuple[dict[str, str], dict[str, str]]:
    """(unused columns → the table used instead, newly used columns → the table used before)."""
    owners = tables_of(info.space).column_owners()
    shadowed, replaced = {}, {}
    for dataset, metrics in info.columns.items():
        for metric in metrics:
            owner = owners.get((dataset, metric))
            if owner is not None and owner != info.name:
                shadowed[f"{dataset}/{metric}"] = owner
                continue
            of_all = dataset == store.ANY_DATASET
            earlier = {table for (d, m), table in before.items() if m == metric and (of_all or d == dataset)}
            if earlier - {info.name}:
                replaced[f"{dataset}/{metric}"] = min(earlier - {info.name})
    return shadowed, replaced
