"""Detects which importer a file needs, from its content."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nassurrogate.benchmarks.tabular.store import OWN_TABLE
from nassurrogate.benchmarks.tabular.table import Column
from nassurrogate.errors import InputError
from nassurrogate.tables.formats.detection import may_be_table, refuse_foreign

PTH, NATS_FOLDER, NATS_FILE = "NAS-Bench-201 .pth", "NATS-tss folder", "NATS-tss file"
TFRECORD, NB101_NPZ = "NAS-Bench-101 TFRecord", "NAS-Bench-101 .npz"
MACRO_TABLE = "NAS-Bench-Macro table"
_OWN = "a table of your own (CSV, JSON lines, Parquet) with a column 'arch' or 'index'"
IMPORTABLE: Final = {
    "nb201": f"NAS-Bench-201-v1_1-096897.pth, the folder NATS-tss-v1_0-3ffb9-simple, or {_OWN}",
    "nb101": f"nasbench_full.tfrecord, nasbench_only108.tfrecord, an .npz file with an array 'hash', or {_OWN}",
    "macro": f"nas-bench-macro_cifar10.json, the same as CSV (arch, test_acc_1, test_acc_2, …), or {_OWN}",
}
"""Space → what can be imported for it."""

Progress = Callable[[int, int], None]
"""Called now and then with the bytes done and the bytes in all."""
Columns = dict[tuple[str, str], Column]


def detect_kind(space: str, path: Path) -> str:
    """The kind of a file. Raises `InputError` if no importer reads it."""
    try:
        if path.is_dir() and space == "nb201":
            return _folder_kind(path)
        if path.exists() and not path.is_file():  # a device never ends, and a pipe cannot be read twice
            raise InputError(f"{path} is not a regular file; save it as one first")
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
        raise InputError(f"{path.name} is not a file that can be imported; expected {IMPORTABLE[space]}")
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
"""Suffixes that no official file of NAS-Bench-201 has: errors in such files are reported by `nassurrogate.tables`."""


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


def read_official(path: Path, kind: str, progress: Progress | None) -> tuple[Columns, int]:
    """((data set, metric) → column, number of architectures) of an official file of this kind."""
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
