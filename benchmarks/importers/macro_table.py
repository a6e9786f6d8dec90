"""NAS-Bench-Macro: the official `nas-bench-macro_cifar10.json`, or the same as a CSV table.

- JSON: architecture → `test_acc` (three numbers), `params`, `flops`, and `mean_acc` and `std`, which are not kept;
- CSV: the columns `arch`, `test_acc_1`, `test_acc_2`, `test_acc_3`, `params`, `flops`.

All 6,561 networks must be present, accuracies in percent, and every cost as computed here: so a file of another
network, or with digits in another order, is refused.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from nassurrogate.benchmarks.base import TEST
from nassurrogate.benchmarks.tabular.table import Column
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.spaces import get_space
from nassurrogate.spaces.macro.space import DATASET, Macro

N_RUNS: Final = 3
COSTS: Final = ("params", "flops")
COLUMNS: Final = ("arch", *(f"test_acc_{run}" for run in range(1, N_RUNS + 1)), *COSTS)
NOTE: Final = "three trainings; equivalent networks were trained once and share their values"
_IGNORED: Final = ("mean_acc", "std")
MAX_FILE_BYTES: Final = 64 << 20

Row = tuple[str, object, list[object], list[object]]
"""Its place in the file, for messages; architecture; accuracies; params and flops."""


def read_macro_table(
    path: Path, *, progress: Callable[[int, int], None] | None = None
) -> tuple[dict[tuple[str, str], Column], int]:
    """((data set, metric) → column, number of networks). Raises `InputError`, with the line, of what is refused."""
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise InputError(f"{path.name} is larger than {MAX_FILE_BYTES >> 20} MiB; the official file has 1 MiB")
    space = get_space("macro")
    assert isinstance(space, Macro)
    values = np.full((space.size, N_RUNS), np.nan)
    costs = space.exact_costs(space.all())
    place_of: dict[int, str] = {}
    with path.open("rb") as file:
        is_json = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    for place, name, accuracies, given_costs in (_json_rows if is_json else _csv_rows)(path):
        index = _index(space, place, name)
        if index in place_of:
            raise InputError(f"{place}: network {name} occurs twice, first in {place_of[index]}")
        place_of[index] = place
        values[index] = [_percent(place, accuracy) for accuracy in accuracies]
        for what, given, exact in zip(COSTS, given_costs, costs[index].tolist(), strict=True):
            if _number(place, what, given) != exact:
                raise InputError(
                    f"{place}: network {name} has {what} {given}; expected {exact}, as computed from the digits"
                )
    lacking = np.flatnonzero(np.isnan(values[:, 0]))
    if len(lacking):
        first = space.all()[int(lacking[0])].string
        raise InputError(
            f"{len(place_of)} of {space.size} networks are present: {first!r} is missing; import part of a table as "
            "a table of your own, with a column cifar10_test_accuracy_pct"
        )
    if values.max() <= 1:
        raise InputError(f"the accuracies are at most {values.max():g}; they look like fractions, expected percent")
    if progress is not None:
        progress(size, size)
    return {(DATASET, TEST): Column(values, path.name, NOTE)}, len(place_of)


def _index(space: Macro, place: str, name: object) -> int:
    try:
        return space.index(space.parse(name))  # type: ignore[arg-type]
    except InputError as error:
        raise InputError(f"{place}: {error}") from error


def _number(place: str, what: str, value: object) -> float:
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        raise InputError(f"{place}: {what} is {brief(value)}; expected a number") from None
    if not math.isfinite(number):
        raise InputError(f"{place}: {what} is {brief(value)}; expected a finite number")
    return number


def _percent(place: str, value: object) -> float:
    number = _number(place, "a test accuracy", value)
    if not 0 <= number <= 100:
        raise InputError(f"{place}: a test accuracy is {number:g}; expected percent, 0 to 100")
    return number


def _csv_rows(path: Path) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True, skipinitialspace=True)
            names = [name.strip() for name in next(reader)]
            for name in names:
                if name not in COLUMNS:
                    raise unknown_choice("column", name, COLUMNS)
            if sorted(names) != sorted(COLUMNS):
                raise InputError(f"the columns are {', '.join(names)}; expected {', '.join(COLUMNS)}, each once")
            for fields in filter(None, reader):
                place = f"line {reader.line_num}"
                if len(fields) != len(names):
                    raise InputError(f"{place} has {len(fields)} fields; the header names {len(names)} columns")
                row = dict(zip(names, (field.strip() for field in fields), strict=True))
                yield place, row["arch"], [row[name] for name in COLUMNS[1:-2]], [row[name] for name in COSTS]
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} is not a readable CSV table ({error})") from error


def _json_rows(path: Path) -> Iterator[Row]:
    try:
        pairs = json.loads(path.read_bytes(), object_pairs_hook=list)  # a dict would hide repeated keys
    except (ValueError, RecursionError) as error:  # undecodable text is a ValueError too
        raise InputError(f"{path.name} is not readable JSON ({error})") from error
    for name, value in pairs:
        place = f"network {brief(name, 40)}"
        fields = _fields(place, value)
        accuracies = fields["test_acc"]
        if not isinstance(accuracies, list) or len(accuracies) != N_RUNS:
            raise InputError(f"{place}: test_acc is {brief(accuracies)}; expected {N_RUNS} numbers")
        yield place, name, accuracies, [fields[what] for what in COSTS]


def _fields(place: str, value: Any) -> dict[str, Any]:
    expected = ("test_acc", *COSTS)
    is_object = isinstance(value, list) and all(isinstance(pair, tuple) for pair in value)
    fields = dict(value) if is_object else {}
    if not is_object or len(fields) < len(value) or not set(expected) <= set(fields) <= {*expected, *_IGNORED}:
        raise InputError(f"{place} is {brief(value)}; expected {', '.join(expected)}, each once")
    return fields
