"""NAS-Bench-101 as arrays in an `.npz` file.

`hash` names the cells, one per row: (n, 16) bytes, or (n,) hexadecimal text. Further arrays, all optional:

- `test_acc_mean` (n,): fraction, 108 epochs, mean of the runs;
- `val_acc_4_12_36_108` (m, 4): fractions of one run, and `train_time_s` (m,): seconds at 108 epochs; `val_index` (m,)
  gives the rows, all of them if it is missing;
- `params`, `n_vertices`, `edge_bits`, `ops`: must match the cells, and are not kept.

NaN is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from nassurrogate.benchmarks.base import TEST
from nassurrogate.benchmarks.importers.containers.npz import read_npz
from nassurrogate.benchmarks.importers.nb101_tfrecord import EPOCHS, METRICS, Columns, metric_name
from nassurrogate.benchmarks.tabular.nb101 import DATASET
from nassurrogate.benchmarks.tabular.table import TRAIN_TIME, Column
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.spaces import get_space
from nassurrogate.spaces.nb101.space import NB101

_TEST, _VALIDATION, _TIME, _ROWS = "test_acc_mean", "val_acc_4_12_36_108", "train_time_s", "val_index"
_OF_THE_CELL: Final = ("params", "n_vertices", "edge_bits", "ops")
KNOWN: Final = ("hash", _TEST, _ROWS, _VALIDATION, _TIME, *_OF_THE_CELL)


def read_nb101_npz(path: Path, *, progress: Callable[[int, int], None] | None = None) -> tuple[Columns, int]:
    """((data set, metric) → column, number of cells). Raises `InputError` for anything that the module refuses."""
    arrays = read_npz(path)
    for name in arrays:
        if name not in KNOWN:
            raise unknown_choice("array", name, KNOWN, place=f" in {path.name}")
    space = get_space("nb101")
    assert isinstance(space, NB101)
    cells = _cells(space, arrays)
    for name in _OF_THE_CELL:
        if name in arrays and not np.array_equal(arrays[name], space.cells[name][cells]):
            raise InputError(f"the array {name!r} does not match the cells that 'hash' names")
    found: Columns = {}

    def add(metric: str, rows: np.ndarray, values: np.ndarray, note: str) -> None:
        if not np.isfinite(values).any():
            raise InputError(f"the array of {metric} is empty")
        column = np.full(space.size, np.nan)
        column[cells[rows]] = values
        found[DATASET, metric] = Column(column, path.name, note)

    if _TEST in arrays:
        add(TEST, np.arange(len(cells)), _percent(arrays, _TEST, (len(cells),)), "108 epochs, mean of the runs")
    some = _some_rows(arrays, len(cells))
    if _VALIDATION in arrays:
        accuracies = _percent(arrays, _VALIDATION, (len(some), len(EPOCHS)))
        for place, epochs in reversed(list(enumerate(EPOCHS))):
            add(metric_name(METRICS[2], epochs), some, accuracies[:, place], f"{epochs} epochs, one run")
    if _TIME in arrays:
        add(TRAIN_TIME, some, _numbers(arrays, _TIME, (len(some),), 0, np.inf), "108 epochs")
    if not found:
        raise InputError(f"none of the arrays {_TEST}, {_VALIDATION}, {_TIME} is present")
    if progress is not None:
        progress(path.stat().st_size, path.stat().st_size)
    return found, len(cells)


def _cells(space: NB101, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """(n,) the index of every row."""
    if "hash" not in arrays:
        raise InputError("the array 'hash', which names the cells, is missing")
    hashes = arrays["hash"]
    if hashes.ndim == 1 and hashes.dtype.kind in "SU":
        hashes = _bytes_of(hashes)
    if hashes.ndim != 2 or hashes.dtype != np.uint8 or hashes.shape[1] != 16:
        raise InputError(
            f"the array 'hash' is {hashes.dtype}{hashes.shape}; expected uint8(n, 16), or text of 32 digits"
        )
    if not len(hashes):
        raise InputError("the array 'hash' has no rows")
    indices = space.find(hashes)
    if (indices < 0).any():
        row = int(np.flatnonzero(indices < 0)[0])
        raise InputError(f"row {row} of the array 'hash': no nb101 cell has the hash {hashes[row].tobytes().hex()}")
    if len(np.unique(indices)) < len(indices):
        raise InputError("the array 'hash' names a cell twice")
    return indices


def _bytes_of(names: np.ndarray) -> np.ndarray:
    """(n,) hexadecimal text → (n, 16) uint8."""
    digits = []
    for row, name in enumerate(names.tolist()):
        text = name.decode("latin-1") if isinstance(name, bytes) else name
        if not re.fullmatch(r"[0-9a-f]{32}", text):
            raise InputError(f"row {row} of the array 'hash' is not a hash: {brief(text)}")
        digits.append(text)
    return np.frombuffer(bytes.fromhex("".join(digits)), np.uint8).reshape(-1, 16)


def _some_rows(arrays: dict[str, np.ndarray], n_rows: int) -> np.ndarray:
    """(m,) rows of the validation accuracies and times."""
    if _ROWS not in arrays:
        return np.arange(n_rows)
    rows = arrays[_ROWS]
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or len(np.unique(rows)) < len(rows):
        raise InputError(f"the array {_ROWS!r} is {rows.dtype}{rows.shape}; expected different whole numbers (m,)")
    if len(rows) and not (rows.min() >= 0 and rows.max() < n_rows):
        raise InputError(f"the array {_ROWS!r} points outside the {n_rows} rows of 'hash'")
    return rows.astype(np.int64)


def _percent(arrays: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    return 100 * _numbers(arrays, name, shape, 0, 1)


def _numbers(arrays: dict[str, np.ndarray], name: str, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    """The array as float64, every number in the range or NaN."""
    values = arrays[name]
    if values.shape != shape or values.dtype.kind != "f":
        raise InputError(f"the array {name!r} is {values.dtype}{values.shape}; expected floating point {shape}")
    numbers = values.astype(np.float64)
    wrong = numbers[~((numbers >= low) & (numbers <= high) & ~np.isinf(numbers) | np.isnan(numbers))]
    if wrong.size:
        raise InputError(f"the array {name!r} holds {wrong[0]:g}; expected {low:g} to {high:g}, or NaN")
    return numbers
