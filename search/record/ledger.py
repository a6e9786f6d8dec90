"""The append-only record of every query: one JSON object per line, on disk before the next query."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias

from nassurrogate.errors import InputError, brief
from nassurrogate.files.atomic_file import write_atomically
from nassurrogate.files.given_path import as_path
from nassurrogate.nan_equality import NanEqual
from nassurrogate.search.record.recorded_fields import ASKED, CHANGED, QUERY, Check, require

FORMAT = "nassurrogate-ledger"
FORMAT_VERSION = 1

Phase: TypeAlias = Literal["init", "search", "confirm"]
PHASES: tuple[Phase, ...] = ("init", "search", "confirm")
LabelKind: TypeAlias = Literal["mean", "single"]
LABEL_KINDS: tuple[LabelKind, ...] = ("mean", "single")


@dataclass(frozen=True, eq=False)
class Query(NanEqual):
    """One ground-truth query.

    Args:
        number: 1, 2, … in the order of evaluation.
        phase: `init`, `search` or `confirm`.
        proposed_by: `random`, `prior` (the predictor's scores without labels), the searcher's name, `equivalent`, or
            `again` for a further training of one evaluated before.
        arch: the string; `index` its official index, None in a space without an order; `key` its canonical key.
        label: value of the objective, in its unit; None if the evaluation failed.
        label_kind: `mean` over the training seeds, or `single`.
        label_seed: the training seed; None for a mean.
        cost_train_time_s: seconds of training, simulated by a table; None if the benchmark does not say.
        predicted_mean: what the surrogate predicted when it was proposed, in the objective's unit; None without one.
        predicted_std: its standard deviation, in the same unit.
        feasible: whether it satisfies every constraint.
        elapsed_s: seconds since the run began.
        values: everything that the evaluation gave, by metric; None in a ledger of an earlier release.
        n_seeds: training seeds behind the label; None in a ledger of an earlier release.
        status: `ok`; or `failed` or `missing`, without a label: the architecture is never evaluated again.
        reason: why the status is not `ok`.
        fidelity: such as a number of epochs; None for the full training.
        asked: 1, 2, … in the order in which the queries were made; None if that is the order of evaluation.
    """

    number: int
    phase: Phase
    proposed_by: str
    arch: str
    index: int | None
    key: str
    label: float | None
    label_kind: LabelKind
    label_seed: int | None
    cost_train_time_s: float | None
    predicted_mean: float | None
    predicted_std: float | None
    feasible: bool
    elapsed_s: float
    values: Mapping[str, float] | None = None
    n_seeds: int | None = None
    status: str = "ok"
    reason: str = ""
    fidelity: int | None = None
    asked: int | None = None

    @property
    def value(self) -> float:
        """The label of a query that is `ok`."""
        assert self.label is not None, f"query {self.number} has no label"
        return self.label


def labelled(queries: Sequence[Query]) -> list[Query]:
    """The queries that gave a label."""
    return [query for query in queries if query.label is not None]


@dataclass(frozen=True)
class AskedRecord:
    """That a query was made, in a run whose evaluations end in another order.

    Args:
        asked: 1, 2, … in the order in which the queries were made.
        arch: the string.
    """

    asked: int
    arch: str


@dataclass(frozen=True)
class WaitedRecord:
    """That the search was asked for a query and had to wait, in a run whose evaluations end in another order."""


@dataclass(frozen=True)
class ChangedRecord:
    """That the run goes on from its labels alone, since what it was asked or started with has changed.

    Args:
        header: of a run that starts now, in place of the ledger's.
    """

    header: dict[str, Any]


Record: TypeAlias = Query | AskedRecord | WaitedRecord | ChangedRecord
_KINDS: dict[str, tuple[type[Record], Mapping[str, Check]]] = {
    "query": (Query, {**QUERY, "phase": PHASES.__contains__}),
    "asked": (AskedRecord, ASKED),
    "waited": (WaitedRecord, {}),
    "changed": (ChangedRecord, CHANGED),
}


@dataclass(frozen=True)
class Ledger:
    """What `read_ledger` found.

    Args:
        header: format version, resolved configuration, package versions, checksum of the table, time of creation.
        queries: all that were written completely.
        torn: whether the run was cut off while it wrote a line; that line is left out.
        records: the queries, and what else was recorded, in the order of the file.
        n_bytes: length of the complete lines.
    """

    header: dict[str, Any]
    queries: tuple[Query, ...]
    torn: bool = False
    records: tuple[Record, ...] = ()
    n_bytes: int = 0


class LedgerError(InputError):
    """The ledger cannot be written any further: the run ends with the queries that it holds."""


class LedgerWriter:
    """Writes a new ledger, header first; every line is on disk when the call returns.

    A line that cannot be written completely is removed again, so that the file stays valid.

    Args:
        path: must not exist.
        header: JSON-able.

    Raises `InputError` if the file exists or cannot be written.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self._n_queries = 0
        if path.exists():
            raise InputError(f"cannot create {path}: it exists")
        line = _line({"record": "header", "format": FORMAT, "format_version": FORMAT_VERSION, **header})
        try:  # completely or not at all: a ledger without its header could not be resumed
            write_atomically(path, lambda file: file.write(line))
            self._handle = os.open(path, os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            raise InputError(f"cannot create {path}: {error.strerror}") from error

    @classmethod
    def reopened(cls, path: Path, ledger: Ledger) -> LedgerWriter:
        """A writer that appends to a ledger that was read; a torn last line is removed."""
        writer = cls.__new__(cls)
        writer.path, writer._n_queries = path, len(ledger.queries)
        try:
            writer._handle = os.open(path, os.O_WRONLY | os.O_APPEND)
            if ledger.torn:
                os.ftruncate(writer._handle, ledger.n_bytes)
                os.fsync(writer._handle)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}") from error
        return writer

    def append_asked(self, number: int, arch: str) -> None:
        """Write that a query was made. Raises `LedgerError` if that fails."""
        self._write({"record": "asked", **asdict(AskedRecord(number, arch))})

    def append_waited(self) -> None:
        """Write that the search had to wait. Raises `LedgerError` if that fails."""
        self._write({"record": "waited"})

    def append_changed(self, header: Mapping[str, Any]) -> None:
        """Write that the run goes on from its labels alone. Raises `LedgerError` if that fails."""
        self._write({"record": "changed", "header": dict(header)})

    def append(self, query: Query) -> None:
        """Write one query. Raises `LedgerError` if that fails; the lines before it stay."""
        self._write({"record": "query", **asdict(query)})
        self._n_queries += 1

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def _write(self, record: Mapping[str, Any]) -> None:
        line = _line(record)
        start = os.fstat(self._handle).st_size
        whole = False
        try:
            done = 0
            while done < len(line):
                done += os.write(self._handle, line[done:])
            os.fsync(self._handle)
            whole = True
        except OSError as error:
            raise LedgerError(
                f"cannot write {self.path}: {error.strerror}; the {self._n_queries} queries written before are safe"
            ) from error
        finally:
            if not whole:  # also after Ctrl-C
                os.ftruncate(self._handle, start)


def _line(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, allow_nan=False) + "\n").encode()


def read_ledger(path: str | Path) -> Ledger:
    """Read a ledger, or the one in a run folder. A torn last line (power cut, `kill -9`) is left out and reported.

    Raises `InputError` for a file that is missing, no ledger, of a newer format, or damaged anywhere but at its end.
    """
    path = as_path(path, "the ledger's path")
    if path.is_dir():
        path = path / "ledger.jsonl"
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"cannot read the ledger {path}: {error.strerror}") from error
    torn = lines.pop() != b""
    records = [_record(line, f"line {number} of {path}") for number, line in enumerate(lines, start=1)]
    if not records or records[0].get("format") != FORMAT:
        raise InputError(f"{path} is not a ledger: its first line is not the header that a run writes")
    header = records[0]
    if header.get("format_version") != FORMAT_VERSION:
        version = header.get("format_version")
        raise InputError(f"{path} has format version {brief(version)}; this release reads {FORMAT_VERSION}")
    found: list[Record] = []
    n_queries = 0
    for number, record in enumerate(records[1:], start=2):
        place = f"line {number} of {path}"
        found.append(one := _checked(record, place))
        if isinstance(one, Query):
            n_queries += 1
            if one.number != n_queries:
                raise InputError(f"{place} is damaged: it is query {one.number}, expected {n_queries}")
    n_bytes = sum(len(line) + 1 for line in lines)
    return Ledger(header, tuple(each for each in found if isinstance(each, Query)), torn, tuple(found), n_bytes)


def _record(line: bytes, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place} is damaged: not a JSON object ({str(error)[:80]})") from error
    if not isinstance(record, dict):
        raise InputError(f"{place} is damaged: expected a JSON object, got {brief(record)}")
    return record


def _checked(record: Mapping[str, Any], place: str) -> Record:
    """The record with its kind's type. Raises `InputError` if a field is unknown, missing or not what it should be."""
    given = {name: value for name, value in record.items() if name != "record"}
    name = record.get("record", "query")
    if not isinstance(name, str) or name not in _KINDS:
        raise InputError(f"{place} is damaged: record is {brief(name)}, expected one of {', '.join(_KINDS)}")
    kind, checks = _KINDS[name]
    known = {field.name: field.default for field in fields(kind)}
    for field in given:
        if field not in known:
            raise InputError(f"{place} is damaged: a record of kind {name} has no field {brief(field)}")
    for field, default in known.items():
        if field not in given and default is MISSING:
            raise InputError(f"{place} is damaged: it lacks {field}")
    found = kind(**given)
    require(vars(found), checks, place)
    if isinstance(found, Query) and (found.label is None) == (found.status == "ok"):
        raise InputError(f"{place} is damaged: label is {brief(found.label)}, but status is {brief(found.status)}")
    return found


def finite_or_none(value: float | None) -> float | None:
    """A Python float, or None for NaN and infinities, which JSON cannot represent."""
    return float(value) if value is not None and math.isfinite(value) else None
