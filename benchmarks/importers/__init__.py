"""Importers of the official files and of users' own tables; `import_file` finds out which one a file needs."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nassurrogate.benchmarks import store
from nassurrogate.benchmarks.table import Column
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.metric import Direction

PTH, NATS_FOLDER, NATS_FILE, OWN_TABLE = "NAS-Bench-201 .pth", "NATS-tss folder", "NATS-tss file", "own table"
TFRECORD, NB101_NPZ = "NAS-Bench-101 TFRecord", "NAS-Bench-101 .npz"
MACRO_TABLE = "NAS-Bench-Macro table"
_OWN = "a CSV or Parquet table with a column 'arch' or 'index'"
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
        shadowed: columns (`data set/metric`) that an earlier table gives too → that table's name. They are not used
            unless this import is chosen as the base (`table=name`).
    """

    info: store.ImportInfo
    shadowed: dict[str, str]

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
    missing_value: float | None = None,
    directions: Mapping[str, Direction] | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> ImportSummary:
    """Converts a benchmark file once, into the user's cache; it is then part of `load_benchmark`.

    Args:
        space: `"nb201"`, `"nb101"` or `"macro"`.
        path: for nb201 the official `NAS-Bench-201-v1_1-096897.pth` or the folder `NATS-tss-v1_0-3ffb9-simple`; for
            nb101 the official `nasbench_full.tfrecord` or `nasbench_only108.tfrecord`, or arrays (see `nb101_npz`); for
            macro the official `nas-bench-macro_cifar10.json` (see `macro_table`); for any space a CSV or Parquet table
            of one's own (see `own_table`). The kind follows from the content.
        name: what the import is called; by default after the file.
        dataset: for an own table: the data set of the columns that do not name one.
        missing_value: for an own table: the number that stands for "missing", such as −1.
        directions: for an own table: metric → `"maximize"` or `"minimize"`, of those whose names are not known.
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
    kind = detect_kind(space, path)
    if kind != OWN_TABLE and (dataset is not None or missing_value is not None or directions):
        raise InputError(
            f"{path.name} is an official file, with fixed data sets; dataset, missing_value and the direction of "
            "metrics apply only to tables of your own"
        )
    if dataset is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", dataset):
        raise InputError(f"a data set cannot be named {brief(dataset)}; expected letters, digits, '_', '-' and '.'")
    try:
        columns, n_cells = _read(space, path, kind, dataset, missing_value, directions, progress)
    except InputError as error:
        raise error if path.name in str(error) else InputError(f"{path.name}: {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror or error})") from error
    info = store.save_import(
        space, name, columns, kind=kind, source_file=str(path.resolve()), source_sha256=_sha256(path), n_cells=n_cells,
        replace=replace,
    )  # fmt: skip
    return ImportSummary(info, _shadowed(info))


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
    if head[:4] == b"PAR1":
        return OWN_TABLE
    first_line = head.split(b"\n", 1)[0].lstrip(b"\xef\xbb\xbf")
    names = [part.strip(b' "\r') for part in first_line.split(b",")]
    if b"arch" in names or b"index" in names:
        return OWN_TABLE
    raise InputError(f"{path.name} is none of what can be imported: {_IMPORTABLE[space]}")


def _nb201_kind(path: Path, head: bytes) -> str | None:
    if head[:1] == b"\x80" or zipfile.is_zipfile(path) or path.suffix in (".pth", ".pt", ".pkl", ".pickle"):
        return PTH
    return NATS_FILE if head[:3] == b"BZh" else None


def _nb101_kind(path: Path, head: bytes) -> str | None:
    from nassurrogate.benchmarks.importers.tfrecord import is_tfrecord

    if path.suffix == ".tfrecord" or is_tfrecord(head):
        return TFRECORD
    return NB101_NPZ if path.suffix == ".npz" or zipfile.is_zipfile(path) else None


def _macro_kind(path: Path, head: bytes) -> str | None:
    begin = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    is_csv = b"test_acc_1" in begin.split(b"\n", 1)[0]
    return MACRO_TABLE if path.suffix == ".json" or begin[:1] == b"{" or is_csv else None


_OFFICIAL_KIND: Final = {"nb201": _nb201_kind, "nb101": _nb101_kind, "macro": _macro_kind}


def _folder_kind(path: Path) -> str:
    if (path / "meta.pickle.pbz2").is_file():
        return NATS_FOLDER
    raise InputError(f"{path} lacks meta.pickle.pbz2: not a folder such as NATS-tss-v1_0-3ffb9-simple")


def _read(
    space: str,
    path: Path,
    kind: str,
    dataset: str | None,
    missing_value: float | None,
    directions: Mapping[str, Direction] | None,
    progress: Progress | None,
) -> tuple[Columns, int]:
    if kind == PTH:
        from nassurrogate.benchmarks.importers.nb201_pth import read_pth

        return read_pth(path, progress=progress)
    if kind == OWN_TABLE:
        from nassurrogate.benchmarks.importers.own_table import read_own_table

        return read_own_table(space, path, dataset=dataset, missing_value=missing_value, directions=directions)
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


_SUFFIXES: Final = (".pth", ".csv", ".parquet", ".pt", ".tfrecord", ".npz", ".json")


def _default_name(path: Path) -> str:
    stem = path.resolve().name.removesuffix(".pickle.pbz2")
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


def _shadowed(info: store.ImportInfo) -> dict[str, str]:
    from nassurrogate.benchmarks.registry import tables_of

    owners = tables_of(info.space).column_owners()
    shadowed = {}
    for dataset, metrics in info.columns.items():
        for metric in metrics:
            owner = owners.get((dataset, metric)) or owners.get((store.ANY_DATASET, metric))
            if owner is not None and owner != info.name:
                shadowed[f"{dataset}/{metric}"] = owner
    return shadowed
