"""Queries of a benchmark that is not a table, each made once: answers, failures too, are kept in the run folder."""

from __future__ import annotations

import hashlib
import json
import logging
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks.base import Benchmark, Evaluation
from nassurrogate.benchmarks.experiments import append_lines, numbered_lines
from nassurrogate.errors import InputError
from nassurrogate.files.given_path import file_stem
from nassurrogate.metric import Metric
from nassurrogate.spaces import Space

logger = logging.getLogger(__name__)

FORMAT = "nassurrogate-queries 1"
FAILURES_AT_START, FAILURES_IN_A_ROW = 5, 50
"""After so many failures in a row the queries end: 5 at the start, 50 later on."""
OnQuery: TypeAlias = Callable[[int, int, str], None]
"""Called with (queries made, queries planned, the architecture)."""


class Queries:
    """The objective of single architectures: looked up if that costs nothing, otherwise queried once and kept.

    Args:
        benchmark: what is queried.
        objective: the metric.
        folder: where answers are kept, as JSON lines; None: nowhere.

    Attributes:
        free: whether the objective costs no query.
        made: how many queries were made.
        read: how many answers of an earlier run were used.
        failed: how many architectures gave no value.
    """

    def __init__(self, benchmark: Benchmark, objective: Metric, folder: Path | None) -> None:
        self.benchmark, self.objective = benchmark, objective
        self.free = _is_free(benchmark, objective)
        self.made = self.read = self.failed = self.planned = 0
        self.on_query: OnQuery | None = None
        self._reason = ""
        self._failed_in_a_row = 0
        self._found: dict[str, float | None] = {}
        self._path = None if folder is None or self.free else folder / f"{_file_name(benchmark, objective)}.jsonl"
        self._stored = {} if self._path is None else _read(self._path)

    @property
    def n_stored(self) -> int:
        """How many answers of earlier runs there are."""
        return len(self._stored)

    def value(self, arch: Architecture) -> float | None:
        """The objective of one architecture; None if it has none.

        Raises `InputError` after too many failures in a row.
        """
        if arch.string not in self._found:
            value = self._found[arch.string] = self._answer(arch)
            self._count(value)
        return self._found[arch.string]

    def _answer(self, arch: Architecture) -> float | None:
        name = self.objective.name
        if self.free:
            known = float(self.benchmark.lookup([arch], name)[0])
            return known if np.isfinite(known) else None
        if arch.string in self._stored:
            self.read += 1
            value, self._reason = self._stored[arch.string]
            return value
        (found,) = self.benchmark.evaluate([arch], [name])
        value = float(found.values[name]) if found.status == "ok" and np.isfinite(found.values[name]) else None
        self._reason = "" if value is not None else found.reason or found.status
        self.made += 1
        if self.made == 1 and value is not None and self.objective.is_percent and 0.0 < value < 1.0:
            logger.warning(
                "the first %s is %.4g, which looks like a fraction, but %s is in percent; return 100 times the value, "
                "or declare the unit: objective=Metric('accuracy', unit='fraction', direction=%r)",
                name, value, name, self.objective.direction,
            )  # fmt: skip
        self._keep(found, value)
        if self.on_query is not None:
            self.on_query(self.made + self.read, max(self.planned, self.made + self.read), arch.string)
        return value

    def _count(self, value: float | None) -> None:
        self._failed_in_a_row = 0 if value is not None else self._failed_in_a_row + 1
        self.failed += value is None
        from_the_start = self._failed_in_a_row == len(self._found)
        if self._failed_in_a_row >= (FAILURES_AT_START if from_the_start else FAILURES_IN_A_ROW):
            raise InputError(
                f"{self._failed_in_a_row} evaluations in a row gave no {self.objective.name}; the last reason: "
                f"{self._reason or 'it is missing'}"
            )

    def _keep(self, found: Evaluation, value: float | None) -> None:
        if self._path is None:
            return
        line = {"arch": found.arch.string, "value": value, "status": found.status, "reason": self._reason}
        try:
            if not self._path.exists():
                append_lines(self._path, {"format": FORMAT, **_identity(self.benchmark, self.objective)})
            append_lines(self._path, line)
        except OSError as error:
            raise InputError(f"cannot write {self._path}: {error.strerror or error}") from error


def _read(path: Path) -> dict[str, tuple[float | None, str]]:
    """Architecture → value and reason; damaged lines are left out. Raises `InputError` for a foreign file."""
    try:
        lines = list(numbered_lines(path))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if lines and (lines[0][1] or {}).get("format") != FORMAT:
        raise InputError(f"{path} is not a nassurrogate query file; move it away, or choose another folder")
    found: dict[str, tuple[float | None, str]] = {}
    for number, line in lines[1:]:
        answer = line or {}
        value = answer.get("value", "missing")
        fits = value is None or (isinstance(value, float | int) and not isinstance(value, bool) and np.isfinite(value))
        if fits and isinstance(answer.get("arch"), str):
            found[answer["arch"]] = (None if value is None else float(value), str(answer.get("reason", "")))
        else:
            logger.warning("%s: line %d is damaged; its architecture is evaluated again", path, number)
    return found


def _is_free(benchmark: Benchmark, objective: Metric) -> bool:
    if objective.name not in benchmark.free_metrics():  # a function may return a latency too
        return False
    try:
        example = benchmark.space.sample(1, np.random.default_rng(0))
    except InputError:
        return False
    return bool(np.isfinite(benchmark.lookup(example, objective.name)).all())


# --- identity ------------------------------------------------------------------------------------------------------


def _file_name(benchmark: Benchmark, objective: Metric) -> str:
    readable = file_stem(f"queries-{benchmark.space.name}-{benchmark.dataset}-{objective.name}")
    text = json.dumps(_identity(benchmark, objective), sort_keys=True)
    return f"{readable[:150]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _identity(benchmark: Benchmark, objective: Metric) -> dict[str, Any]:
    """Everything visible that answers depend on: a changed function is another one."""
    return {
        "space": benchmark.space.name,
        "space_sha256": _hash_space(benchmark.space),
        "dataset": benchmark.dataset,
        "metric": objective.name,
        "sources": list(benchmark.sources),
        "sha256": benchmark.sha256,
        "code": _code(getattr(benchmark, "_evaluate", benchmark.evaluate)),
    }


def _hash_space(space: Space) -> str:
    """Distinguishes spaces of one name: their declaration, and what a few architectures cost."""
    archs = space.sample_at_most(8, np.random.default_rng(0))
    costs = {metric: values.tolist() for metric, values in space.formula_costs(archs).items()}
    described = [space.fingerprint(), space.canonical_keys(archs), costs]
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()


def _code(function: Any) -> list[str]:
    """A function's name, instructions, constants and the plain values that it closes over."""
    bound = [_plain(getattr(function, "args", ())), _plain(getattr(function, "keywords", {}))]  # of a partial
    function = getattr(function, "func", function)
    name = getattr(function, "__qualname__", type(function).__qualname__)
    parts = [getattr(function, "__module__", None) or "", name, *bound]
    inner = getattr(function, "__func__", function)
    called = inner if hasattr(inner, "__code__") else vars(type(function)).get("__call__")
    code = getattr(called, "__code__", None)
    if code is not None:
        parts.append(hashlib.sha256("\0".join(_instructions(code)).encode()).hexdigest())
    parts += [_plain(_content(cell)) for cell in getattr(inner, "__closure__", None) or ()]
    parts += [_plain(value) for value in getattr(inner, "__defaults__", None) or ()]
    return parts


def _instructions(code: types.CodeType) -> Iterator[str]:
    yield from (code.co_code.hex(), repr(code.co_names))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _instructions(constant)
        else:
            yield _plain(constant)


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _plain(value: Any) -> str:
    """A value as text that is the same in every process."""
    if isinstance(value, str | int | float | bool | bytes) or value is None:
        return repr(value)
    if isinstance(value, tuple | list):
        return f"{type(value).__name__}({', '.join(map(_plain, value))})"
    if isinstance(value, dict):
        return f"dict({', '.join(f'{_plain(key)}: {_plain(entry)}' for key, entry in value.items())})"
    if isinstance(value, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    return getattr(value, "__qualname__", type(value).__qualname__)
