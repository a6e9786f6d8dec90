"""The folder of one run: its lock, its ledger, its summary."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nassurrogate.errors import InputError
from nassurrogate.files.atomic_file import write_atomically
from nassurrogate.files.given_path import file_stem
from nassurrogate.search.record.ledger import Ledger, LedgerWriter, read_ledger

if TYPE_CHECKING:
    from filelock import BaseFileLock

LEDGER, SUMMARY, LOCK, PLOTS = "ledger.jsonl", "summary.json", "run.lock", "plots"
EVALUATIONS = "evaluations"
"""Folder of what evaluations of a problem file print."""
FITS = "fits"
"""Folder of what a slow predictor has learned, until the run is finished."""
FINISHED = ("budget", "exhausted")
"""Why a run stops that is finished; another one can be resumed."""


def default_folders(space: str, dataset: str, seed: int) -> Iterator[Path]:
    """`runs/<space>-<dataset>-<seed>-<time>` in the current folder, then the same with `-2`, `-3`, …, endlessly."""
    stem = file_stem(f"{space}-{dataset}-{seed}-{datetime.now():%Y%m%d-%H%M%S}").lstrip(".")
    yield Path("runs") / stem
    for number in itertools.count(2):
        yield Path("runs") / f"{stem}-{number}"


@contextmanager
def open_run(folder: Path | Iterator[Path], header: Mapping[str, Any]) -> Iterator[LedgerWriter]:
    """Create a folder, or take one that holds no run, and lock it against other processes meanwhile.

    Args:
        folder: the folder, or names for a new one; the first one that does not exist is created.
        header: of the ledger; the writer's `path` says where the ledger is.

    Raises `InputError` for a folder that another process writes, that holds a run, or that cannot be written; the
    folder is left as it was.
    """
    if isinstance(folder, Path):
        path, created = folder, _make_folder(folder)
    else:
        path, created = _make_new(folder)
    if not (path / LOCK).exists():
        _refuse_other_run(path)
    lock = _locked(path, created, "choose another one")
    try:
        _refuse_other_run(path)
        try:
            writer = LedgerWriter(path / LEDGER, header)
        except InputError:
            (path / LOCK).unlink(missing_ok=True)
            _remove_empty(created)
            raise
        try:
            yield writer
        finally:
            writer.close()
    finally:
        lock.release()


@contextmanager
def reopen_run(folder: Path) -> Iterator[Ledger]:
    """Lock the folder of an earlier run against other processes, and read its ledger.

    Raises `InputError` for a folder that another process writes, that holds no run, or whose ledger is damaged.
    """
    if not (folder / LEDGER).is_file():
        what = f"holds no run (no {LEDGER})" if folder.is_dir() else "is no folder"
        raise InputError(f"cannot resume {folder}: it {what}; expected the run folder of an earlier search")
    lock = _locked(folder, [], "wait until it has ended")
    try:
        yield read_ledger(folder)
    finally:
        lock.release()


def _locked(path: Path, created: list[Path], hint: str) -> BaseFileLock:
    """A lock of the folder. Raises `InputError` if another process has it, or the folder cannot be written."""
    from filelock import FileLock, Timeout

    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(f"another process is writing the run folder {path}; {hint}") from error
    except OSError as error:
        _remove_empty(created)
        raise InputError(f"cannot write the run folder {path}: {error.strerror}; choose another one") from error
    return lock


def finished_summary(path: Path, n_queries: int) -> dict[str, Any] | None:
    """The summary of a run that spent its budget or found nothing more to evaluate; None for any other run."""
    try:
        summary = json.loads((path / SUMMARY).read_bytes())
        done = summary["stop_reason"] in FINISHED and summary["queries"] == n_queries
    except (OSError, ValueError, KeyError, TypeError):  # it is written again once the run is finished
        return None
    return summary if done else None


def write_summary(path: Path, summary: Mapping[str, Any]) -> None:
    """Write `summary.json` into a run folder, completely or not at all. Raises `InputError` if that fails."""
    target = path / SUMMARY
    text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
    try:
        write_atomically(target, lambda file: file.write(text.encode()))
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror}; the ledger beside it is complete") from error


def _refuse_other_run(path: Path) -> None:
    for name in (LEDGER, SUMMARY):
        if (path / name).exists():
            raise InputError(f"the run folder {path} holds another run ({name}); choose another one")


def _make_folder(path: Path) -> list[Path]:
    """Make the folder with its parents. Returns the new ones, innermost first."""
    new: list[Path] = []
    try:
        new = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove_empty(new)
        raise InputError(f"cannot make the run folder {path}: {error.strerror}; choose another one") from error
    return new


def _make_new(names: Iterator[Path]) -> tuple[Path, list[Path]]:
    """Create the first folder that does not exist. Returns it and all new folders, innermost first."""
    for path in names:
        parents = _make_folder(path.parent)
        try:
            path.mkdir()  # fails where another process was faster
        except FileExistsError:
            continue
        except OSError as error:
            _remove_empty(parents)
            raise InputError(f"cannot make the run folder {path}: {error.strerror}; choose another one") from error
        return path, [path, *parents]
    raise AssertionError("the names never end")


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
