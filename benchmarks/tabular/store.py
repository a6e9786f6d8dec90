"""The user's imported tables: one safetensors file per import in the user's cache, checked whenever it is read.

Files are written under a lock, to a temporary name, flushed to the disk and then renamed: a reader sees all of a table
or nothing. A tensor named `data set/metric` is a column, (size, seeds) float64; the metadata is JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from nassurrogate.benchmarks.tabular.table import Column
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.files.atomic_file import TEMPORARY_SUFFIX, write_atomically
from nassurrogate.files.cache_folder import CACHE_VARIABLE, cache_dir

FORMAT_VERSION: Final = 1
ANY_DATASET: Final = "*"
"""In place of a data set's name: every data set of the space."""
SUFFIX: Final = ".safetensors"
MAX_FILE_BYTES: Final = 1 << 30
MAX_HEADER_BYTES: Final = 8 << 20
LOCK_TIMEOUT_S: Final = 120.0
EMBEDDED: Final = "embedded"
"""The name of the table that comes with the package, which no import can have."""
OWN_TABLE: Final = "own table"
"""The kind of an import that is not an official file; it takes precedence over published measurements."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


@dataclass(frozen=True)
class ImportInfo:
    """Description of an imported table.

    Attributes:
        kind: which importer read it.
        columns: data set (or `"*"`: every data set) → its metrics.
        n_known: (data set or `"*"`, metric) → number of architectures with a value; −1 in imports of earlier releases.
        damage: why the file cannot be used; empty if no damage is known.
    """

    space: str
    name: str
    path: Path
    kind: str = ""
    source_file: str = ""
    source_sha256: str = ""
    imported_at: str = ""
    n_cells: int = 0
    columns: dict[str, list[str]] = field(default_factory=dict)
    n_known: dict[tuple[str, str], int] = field(default_factory=dict)
    damage: str = ""


@dataclass(frozen=True)
class ImportedTable:
    """An imported table with its values."""

    info: ImportInfo
    columns: dict[tuple[str, str], Column]


def check_name(name: str) -> str:
    """`name` if it can name an import; raises `InputError` otherwise."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(
            f"an import cannot be named {brief(name)}; expected letters, digits, '_', '-', '.', at most 80"
        )
    if name == EMBEDDED:
        raise InputError(f"an import cannot be named {name!r}: that is the table the package comes with")
    return name


def import_path(space: str, name: str) -> Path:
    """Path of an import, which may not exist."""
    return cache_dir() / space / f"{check_name(name)}{SUFFIX}"


# --- writing -------------------------------------------------------------------------------------------------------


def save_import(
    space: str,
    name: str,
    columns: dict[tuple[str, str], Column],
    *,
    kind: str,
    source_file: str,
    source_sha256: str,
    n_cells: int,
    replace: bool = False,
) -> ImportInfo:
    """Stores a table; all of it or nothing.

    Args:
        columns: (data set or `"*"`, metric) → column.
        replace: whether an import of the same name is replaced.

    Raises `InputError` if the name is taken, or if the cache cannot be written.
    """
    path = import_path(space, name)
    meta: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "space": space,
        "name": name,
        "kind": kind,
        "source_file": source_file,
        "source_sha256": source_sha256,
        "imported_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "n_cells": n_cells,
        "columns": [
            {
                "dataset": dataset,
                "metric": metric,
                "source": column.source,
                "note": column.note,
                "direction": column.direction,
                "n_known": int(np.isfinite(column.mean).sum()),
            }
            for (dataset, metric), column in columns.items()
        ],
    }
    tensors = {
        f"{dataset}/{metric}": np.ascontiguousarray(column.values) for (dataset, metric), column in columns.items()
    }
    text = json.dumps(meta, sort_keys=True)
    from safetensors.numpy import save

    data = save(tensors, metadata={"nassurrogate": text, "sha256": _checksum(text, tensors)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent):
            if path.exists() and not replace:
                raise InputError(f"an import named {name!r} exists; give another name, or replace it (--replace)")
            for left_over in path.parent.glob(f".*{TEMPORARY_SUFFIX}"):
                left_over.unlink(missing_ok=True)  # we hold the lock, so its writer was killed
            write_atomically(path, lambda file: file.write(data))
    except OSError as error:
        raise InputError(
            f"cannot write {path} ({error.strerror or error}); set {CACHE_VARIABLE} to a writable folder"
        ) from error
    return _info(path, space, _parse_meta(text))


def remove_import(name: str, space: str = "nb201") -> ImportInfo:
    """Deletes an import, damaged or not, and returns its description. Raises `InputError` for an unknown name."""
    known = {info.name: info for info in list_imports(space)}
    if name not in known:
        raise unknown_choice("import", name, known, place=f" of {space}")
    path = known[name].path
    try:
        with _locked(path.parent):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot remove {path} ({error.strerror or error})") from error
    return known[name]


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / ".lock", timeout=LOCK_TIMEOUT_S):
            yield
    except Timeout as error:
        raise InputError(
            f"another process has been writing to {folder} for {LOCK_TIMEOUT_S:.0f} s; try again"
        ) from error


# --- reading -------------------------------------------------------------------------------------------------------


def list_imports(space: str | None = None) -> list[ImportInfo]:
    """Imports, oldest first. Only the heads of files are read; `damage` describes a damaged one."""
    folder = cache_dir()
    try:
        paths = sorted(folder.glob(f"{space or '*'}/*{SUFFIX}"))
    except OSError as error:
        raise InputError(f"cannot read {folder} ({error.strerror or error})") from error
    infos = []
    for path in paths:
        if not _NAME.fullmatch(path.stem):
            continue
        try:
            infos.append(_info(path, path.parent.name, _read_head(path)[0]))
        except InputError as error:
            infos.append(ImportInfo(path.parent.name, path.stem, path, damage=str(error)))
    return sorted(infos, key=lambda info: (info.imported_at or "~", info.space, info.name))


def check_imports(space: str | None = None) -> list[ImportInfo]:
    """`list_imports` with every byte of every file verified: `damage` is empty if and only if the table can be used."""
    return [table.info for table in load_imports(space)]


def load_imports(space: str | None = None) -> list[ImportedTable]:
    """Every import with its values, oldest first; a damaged one has no columns, and its `info.damage` says why."""
    return [_load_or_explain(info) for info in list_imports(space)]


def _load_or_explain(info: ImportInfo) -> ImportedTable:
    if info.damage:
        return ImportedTable(info, {})
    try:
        return load_import(info.name, info.space)
    except InputError as error:
        return ImportedTable(replace(info, damage=str(error)), {})


def load_import(name: str, space: str = "nb201", *, dataset: str | None = None) -> ImportedTable:
    """An imported table, its checksum verified.

    Args:
        dataset: only columns of this data set, or of every data set, are returned.

    Raises `InputError`, naming the file and what to do, if it is damaged; and for an unknown name.
    """
    path = import_path(space, name)
    if not path.exists():
        raise unknown_choice("import", name, [info.name for info in list_imports(space)], place=f" of {space}")
    meta, text, checksum = _read_head(path)
    again = f"remove it (nassurrogate data remove {name}) and import {meta['source_file'] or 'the source'} again"
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(path.read_bytes())
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, MemoryError) as error:
        raise InputError(f"{path} is damaged ({error}); {again}") from error
    if _checksum(text, tensors) != checksum:
        raise InputError(f"{path} is damaged (its checksum does not match); {again}")
    if meta["space"] != space or meta["name"] != name:
        raise InputError(f"{path} holds the import {meta['name']!r} of {meta['space']!r}: misplaced; {again}")
    columns = {}
    for entry in meta["columns"]:
        if dataset is None or entry["dataset"] in (dataset, ANY_DATASET):
            values = tensors.get(f"{entry['dataset']}/{entry['metric']}")
            if values is None or values.ndim != 2 or values.dtype != np.float64:
                raise InputError(f"{path} lacks a readable column {entry['metric']!r}; {again}")
            columns[entry["dataset"], entry["metric"]] = Column(
                values, entry["source"], entry["note"], entry.get("direction"), meta["name"]
            )
    return ImportedTable(_info(path, space, meta), columns)


def _checksum(text: str, tensors: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(json.dumps([name, str(tensors[name].dtype), tensors[name].shape]).encode())
        digest.update(np.ascontiguousarray(tensors[name]).data)
    return digest.hexdigest()


def _read_head(path: Path) -> tuple[dict[str, Any], str, str]:
    """(metadata, its text, checksum) from the head of a file."""
    again = f"remove it (nassurrogate data remove {path.stem}) and import its source again"
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(f"{path} is larger than any table; {again}")
        with path.open("rb") as file:
            size = struct.unpack("<Q", file.read(8))[0]
            if size > MAX_HEADER_BYTES:
                raise InputError(f"{path} is damaged, or not a nassurrogate table (header of {size} bytes); {again}")
            head = file.read(size)
        strings = json.loads(head)["__metadata__"]
        text, checksum = strings["nassurrogate"], strings["sha256"]
        return _parse_meta(text), text, checksum
    except InputError:
        raise
    except (OSError, struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is damaged, or not a nassurrogate table (unreadable header); {again}") from error


_META_TYPES = {
    "space": str, "name": str, "kind": str, "source_file": str, "source_sha256": str, "imported_at": str,
    "n_cells": int, "columns": list,
}  # fmt: skip


def _parse_meta(text: str) -> dict[str, Any]:
    meta = json.loads(text)
    if meta["format_version"] != FORMAT_VERSION:
        raise InputError(
            f"an import of format version {brief(meta['format_version'])}; expected {FORMAT_VERSION}; import it again"
        )
    for name, kind in _META_TYPES.items():
        if not isinstance(meta[name], kind):
            raise TypeError(name)
    for entry in meta["columns"]:
        if not all(isinstance(entry[name], str) for name in ("dataset", "metric", "source", "note")):
            raise TypeError("columns")
        if entry.get("direction") not in (None, "maximize", "minimize"):  # imports of earlier releases do not have it
            raise TypeError("direction")
        if type(entry.get("n_known", -1)) is not int:
            raise TypeError("n_known")
    return dict(meta)


def _info(path: Path, space: str, meta: dict[str, Any]) -> ImportInfo:
    columns: dict[str, list[str]] = {}
    for entry in meta["columns"]:
        columns.setdefault(entry["dataset"], []).append(entry["metric"])
    n_known = {(entry["dataset"], entry["metric"]): entry.get("n_known", -1) for entry in meta["columns"]}
    fields = {name: meta[name] for name in ("kind", "source_file", "source_sha256", "imported_at", "n_cells")}
    return ImportInfo(space, path.stem, path, columns=columns, n_known=n_known, **fields)
