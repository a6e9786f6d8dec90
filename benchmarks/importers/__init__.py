"""Importers of the official files and of users' own tables; `import_file` finds out which one a file needs."""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_field
from pathlib import Path
from typing import Final

from nassurrogate.benchmarks.importers.own_table import read_own_table
from nassurrogate.benchmarks.registry import tables_of
from nassurrogate.benchmarks.tabular import store
from nassurrogate.benchmarks.tabular.store import OWN_TABLE
from nassurrogate.benchmarks.tabular.table import Column
from nassurrogate.errors import InputError, unknown_choice
from nassurrogate.metric import Direction
from nassurrogate.tables import TableOptions
from nassurrogate.tables.formats.content import may_be_table, refuse_foreign

PTH, NATS_FOLDER, NATS_FILE = "NAS-Bench-201 .pth", "NATS-tss folder", "NATS-tss file"
TFRECORD, NB101_NPZ = "NAS-Bench-101 TFRecord", "NAS-Bench-101 .npz"
MACRO_TABLE = "NAS-Bench-Macro table"
_OWN = "a table of your own (CSV, JSON lines, Parquet) with a column 'arch' or 'index'"
_IMPORTABLE: Final = {
    "nb201": f"NAS-Bench-201-v1_1-096897.pth, the folder NATS-tss-v1_0-3ffb9-simple, or {_OWN}",
    "nb101": f"nasbench_full.tfrecord, nasbench_only108.tfrecord, an .npz file with an array 'hash', or {_OWN}",
    "macro": f"nas-bench-macro_cifar10.json, the same as CSV (arch, test_acc_1, test_acc_2, …), or {_OWN}",
}
"""Space → what can be imported for it."""

Progress = Callable[[int, int], None]
"""Called now and then with the bytes done and the bytes in all."""
Columns = dict[tuple[str, str], Column]


@dataclass(frozen=True)
class ImportSummary:
    """What an import brought.

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
            (see `nassurrogate.tables` and `own_table`). The kind follows from the content.
        name: name of the import; by default derived from the file name.
        dataset: for an own table: the data set of the columns that do not name one.
        new_datasets: for an own table: new data sets to allow.
        missing_value: for an own table: the number that marks a missing value, such as −1.
        options: for an own table: how to read it, including the missing value.
        directions: for an own table: metric → `"maximize"` or `"minimize"`, for metrics with unknown names.
        replace: whether an import of the same name is replaced.
        progress: called with the bytes done and in all.

    Raises `InputError` for a missing, damaged, foreign or malicious file, or a name that is taken; nothing is kept.
    """
    if space not in _IMPORTABLE:
        raise unknown_choice("space", space, _IMPORTABLE)
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
            columns, n_cells = _read(path, kind, progress)
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
    """The options with what was given beside them. Raises `InputError` for what is given twice."""
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


def detect_kind(space: str, path: Path) -> str:
    """Which importer the file needs. Raises `InputError` if none does."""
    try:
        if path.is_dir() and space == "nb201":
            return _folder_kind(path)
        if path.exists() and not path.is_file():  # a device never ends, and a pipe cannot be read twice
            raise InputError(f"{path} is no regular file; save it as one first")
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror or error})") from error
    if not head:
        raise InputError(f"{path} is empty")
    official = _OFFICIAL_KIND[space](path, head)
    if official is not None:
        return official
    refuse_foreign(head, path.name)
    if not may_be_table(head):
        raise InputError(f"{path.name} is none of what can be imported: {_IMPORTABLE[space]}")
    return OWN_TABLE


_OF_TABLES: Final = (
    ".csv",
    ".tsv",
    ".xlsx",
    ".xls",
    ".ods",
    ".parquet",
    ".json",
    ".jsonl",
    ".txt",
    ".gz",
    ".bz2",
    ".xz",
    ".zst",
)
"""Ends of names that no official file of NAS-Bench-201 has: `nassurrogate.tables` says what is wrong with them."""


def _nb201_kind(path: Path, head: bytes) -> str | None:
    if path.suffix.lower() in _OF_TABLES:
        return None
    if head[:1] == b"\x80" or zipfile.is_zipfile(path) or path.suffix in (".pth", ".pt", ".pkl", ".pickle"):
        return PTH
    return NATS_FILE if head[:3] == b"BZh" else None


def _nb101_kind(path: Path, head: bytes) -> str | None:
    from nassurrogate.benchmarks.importers.containers.tfrecord import is_tfrecord

    if path.suffix == ".tfrecord" or is_tfrecord(head):
        return TFRECORD
    return NB101_NPZ if path.suffix == ".npz" or zipfile.is_zipfile(path) else None


def _macro_kind(path: Path, head: bytes) -> str | None:
    begin = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    names = {name.strip(b' "\r') for name in begin.split(b"\n", 1)[0].split(b",")}
    # A dict of dicts; one object per line is a user's own table.
    is_official = begin[:1] == b"{" and (path.suffix == ".json" or re.match(rb'\{\s*"[^"]*"\s*:\s*\{', begin))
    is_csv = {b"test_acc_1", b"test_acc_2", b"test_acc_3"} <= names and bool({b"params", b"flops"} & names)
    return MACRO_TABLE if is_official or is_csv else None


_OFFICIAL_KIND: Final = {"nb201": _nb201_kind, "nb101": _nb101_kind, "macro": _macro_kind}


def _folder_kind(path: Path) -> str:
    if (path / "meta.pickle.pbz2").is_file():
        return NATS_FOLDER
    raise InputError(f"{path} lacks meta.pickle.pbz2: not a folder such as NATS-tss-v1_0-3ffb9-simple")


def _read(path: Path, kind: str, progress: Progress | None) -> tuple[Columns, int]:
    if kind == PTH:
        from nassurrogate.benchmarks.importers.nb201_pth import read_pth

        return read_pth(path, progress=progress)
    if kind == TFRECORD:
        from nassurrogate.benchmarks.importers.nb101_tfrecord import read_tfrecord

        return read_tfrecord(path, progress=progress)
    if kind == NB101_NPZ:
        from nassurrogate.benchmarks.importers.nb101_npz import read_nb101_npz

        return read_nb101_npz(path, progress=progress)
    if kind == MACRO_TABLE:
        from nassurrogate.benchmarks.importers.macro_table import read_macro_table

        return read_macro_table(path, progress=progress)
    from nassurrogate.benchmarks.importers.nats_tss import read_nats_file, read_nats_folder

    return (read_nats_folder if kind == NATS_FOLDER else read_nats_file)(path, progress=progress)


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
