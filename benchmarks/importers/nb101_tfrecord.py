"""The official NAS-Bench-101 files `nasbench_full.tfrecord` and `nasbench_only108.tfrecord`, without TensorFlow.

A record is the JSON list of module hash, epochs, adjacency bits, operations, and a Base64 message of one training:

    ModelMetrics:   1 evaluation_data (repeated EvaluationData: at the start, halfway, at the end)
    EvaluationData: 1 current_epoch, 2 training_time (s), 3 train, 4 validation, 5 test accuracy (fractions)

Other fields are skipped. The trainings of a cell for one number of epochs are its runs, in the order of the file.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from nassurrogate.benchmarks.importers.containers.protobuf import read_fields
from nassurrogate.benchmarks.importers.containers.tfrecord import read_records
from nassurrogate.benchmarks.tabular.nb101 import DATASET
from nassurrogate.benchmarks.tabular.table import Column
from nassurrogate.errors import InputError, brief
from nassurrogate.spaces import get_space
from nassurrogate.spaces.nb101.space import NB101

EPOCHS: Final = (4, 12, 36, 108)
RUNS: Final = 3
METRICS: Final = ("train_time{}_s", "train_accuracy{}_pct", "val_accuracy{}_pct", "test_accuracy{}_pct")
"""In the order of their field numbers in EvaluationData, from 2."""
_REPORT_EVERY: Final = 10_000
"""Records between two reports of progress."""

_REMEMBERED: Final = 1 << 14
"""Cells whose graphs have been checked lately, at most."""

Columns = dict[tuple[str, str], Column]


def read_tfrecord(path: Path, *, progress: Callable[[int, int], None] | None = None) -> tuple[Columns, int]:
    """((data set, metric) → column, one value per run; number of cells).

    Raises `InputError`, with the offset of the record, for a file that is damaged or of another kind.
    """
    total = os.stat(path).st_size
    trainings = _Trainings()
    with path.open("rb") as file:
        for number, (offset, record) in enumerate(read_records(file)):
            try:
                trainings.add(record)
            except InputError as error:
                raise InputError(f"the record at byte {offset}: {error}") from error
            if progress is not None and number % _REPORT_EVERY == 0:
                progress(offset, total)
    if progress is not None:
        progress(total, total)
    return trainings.columns(path.name), trainings.n_cells


def metric_name(form: str, epochs: int) -> str:
    """A metric of `METRICS` after that many epochs.

    >>> metric_name("val_accuracy{}_pct", 108), metric_name("val_accuracy{}_pct", 12)
    ('val_accuracy_pct', 'val_accuracy_12ep_pct')
    """
    return form.format("" if epochs == EPOCHS[-1] else f"_{epochs}ep")


class _Trainings:
    """The trainings of all records, by cell and run."""

    def __init__(self) -> None:
        space = get_space("nb101")
        assert isinstance(space, NB101)
        self._space = space
        self._values: dict[int, np.ndarray] = {}
        self._checked: dict[int, tuple[str, str]] = {}
        self._runs = {epochs: np.zeros(space.size, dtype=np.uint8) for epochs in EPOCHS}

    @property
    def n_cells(self) -> int:
        """Number of cells with a training."""
        return int(np.count_nonzero(np.any(list(self._runs.values()), axis=0)))

    def add(self, record: bytes) -> None:
        """Take in one record."""
        name, epochs, bits, ops, metrics = _row(record)
        index = self._cell(name, bits, ops)
        if type(epochs) is not int or epochs not in EPOCHS:
            raise InputError(f"epochs are {brief(epochs)}; expected one of {', '.join(map(str, EPOCHS))}")
        run = int(self._runs[epochs][index])
        if run == RUNS:
            raise InputError(f"cell {name} has more than {RUNS} runs of {epochs} epochs")
        if epochs not in self._values:
            self._values[epochs] = np.full((len(METRICS), self._space.size, RUNS), np.nan)
        self._values[epochs][:, index, run] = _last_evaluation(metrics, epochs)
        self._runs[epochs][index] = run + 1

    def _cell(self, name: str, bits: str, ops: str) -> int:
        """The index of the cell; its name must be the hash of its graph."""
        index = self._space.index(self._space.parse(name))
        if self._checked.get(index) == (bits, ops):
            return index
        names = ops.split(",")
        if len(bits) != len(names) ** 2 or set(bits) - {"0", "1"}:
            raise InputError(
                f"the adjacency of cell {name} is {brief(bits)}; expected {len(names) ** 2} digits 0 and 1"
            )
        known = self._space.to_spec(self._space.parse(index))
        if bits != "".join(str(bit) for line in known.matrix for bit in line) or names != known.ops:
            # Not the official generator's order of vertices: the hash shows whether it is the same cell.
            matrix = [
                [int(bit) for bit in bits[start : start + len(names)]] for start in range(0, len(bits), len(names))
            ]
            found = self._space.from_spec(matrix, names)
            if found.string != name:
                raise InputError(f"the graph of cell {name} has the hash {found}")
        if len(self._checked) >= _REMEMBERED:  # a cell's records are close together
            self._checked.clear()
        self._checked[index] = bits, ops
        return index

    def columns(self, source: str) -> Columns:
        """(data set, metric) → column."""
        if not self._values:
            raise InputError("the file holds no record")
        found = {}
        for epochs in reversed(EPOCHS):
            if epochs in self._values:
                runs = int(self._runs[epochs].max())
                note = f"{epochs} epochs, {runs} run{'s' if runs > 1 else ''} in the order of the file"
                for form, values in zip(METRICS, self._values[epochs], strict=True):
                    found[DATASET, metric_name(form, epochs)] = Column(values[:, :runs], source, note)
        return found


def _row(record: bytes) -> list[Any]:
    """[hash, epochs, adjacency, operations, metrics]."""
    try:
        row = json.loads(record)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {brief(record)}") from error
    if not isinstance(row, list) or len(row) != 5 or not all(isinstance(row[place], str) for place in (0, 2, 3, 4)):
        raise InputError(f"expected [hash, epochs, adjacency, operations, metrics], got {brief(row)}")
    return row


def _last_evaluation(text: str, epochs: int) -> list[float]:
    """Time in seconds and accuracies in percent, in the order of `METRICS`."""
    try:
        message = base64.b64decode(text)
    except (ValueError, binascii.Error) as error:
        raise InputError(f"metrics that are not Base64: {brief(text)}") from error
    evaluations = [value for number, value in read_fields(message) if number == 1 and isinstance(value, bytes)]
    if not evaluations:
        raise InputError("metrics without an evaluation")
    last = dict(read_fields(evaluations[-1]))
    values = [last.get(number) for number in range(1, len(METRICS) + 2)]
    if not all(isinstance(value, float) for value in values):
        raise InputError(f"the last evaluation lacks a number: epoch, time, accuracies are {values}")
    epoch, seconds, *accuracies = (float(value) for value in values if isinstance(value, float))
    if epoch != epochs:
        raise InputError(f"the last evaluation is after epoch {epoch:g}; expected {epochs}")
    if not (seconds >= 0 and np.isfinite(seconds) and all(0 <= value <= 1 for value in accuracies)):
        raise InputError(f"expected seconds and accuracies from 0 to 1, got {seconds:g}, {accuracies}")
    return [seconds, *(100 * value for value in accuracies)]
