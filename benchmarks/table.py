"""Ground truth as columns: one float64 array a metric, rows in the space's official index order, NaN where missing."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, unknown_choice
from nassurrogate.spaces import Space

LABEL = "val_accuracy_pct"
"""The metric a search pays for."""
TEST = "test_accuracy_pct"
"""The metric looked up once, for the final cell."""
TRAIN_TIME = "train_time_s"

_UNITS = {"_pct": "percent", "_ms": "ms", "_s": "s", "_m": "millions", "_mj": "mJ", "_mb": "MB", "_w": "W"}
_PAID = re.compile(r"accuracy|loss|error|train(?:ing)?_time|(?:acc\d*|(?<![a-z0-9])(?:err|top-?\d+))(?![a-z0-9])")


def is_paid(metric: str) -> bool:
    """Whether knowing the metric means training the network (accuracy, loss, training time): such a query costs.

    Names of one's own count too: were `test_acc_pct` free, a search could be bounded by test accuracy.

    >>> is_paid("Test_Acc_pct"), is_paid("val_top1_pct"), is_paid("latency_ms"), is_paid("accelerator_ms")
    (True, True, False, False)
    """
    return _PAID.search(metric.casefold()) is not None


def unit_of(metric: str) -> str:
    """The unit that the metric's name ends with, or `"unknown"`.

    >>> unit_of("latency_ms"), unit_of("params_m"), unit_of("score")
    ('ms', 'millions', 'unknown')
    """
    return next((unit for ending, unit in _UNITS.items() if metric.endswith(ending)), "unknown")


@dataclass(frozen=True)
class Column:
    """One metric of every cell.

    Args:
        values: (size, S) float64, one column a training seed (S = 1 for what has none); NaN where missing.
        source: where the numbers come from.
        note: what a user must know about them, such as the batch size of a latency.
    """

    values: np.ndarray
    source: str
    note: str = ""

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float64)
        if values.ndim == 1:
            values = values[:, None]
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    @cached_property
    def mean(self) -> np.ndarray:
        """(size,) mean over the seeds that are there; NaN where none is."""
        present = ~np.isnan(self.values)
        count = present.sum(axis=1)
        total = np.where(present, self.values, 0.0).sum(axis=1)
        mean: np.ndarray = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
        return mean

    @cached_property
    def n_seeds(self) -> np.ndarray:
        """(size,) how many seeds are there."""
        count: np.ndarray = (~np.isnan(self.values)).sum(axis=1)
        return count


@dataclass(frozen=True)
class Measurement:
    """The answer to one query.

    `value` is NaN if the benchmark lacks it, and `missing` then says why. `cost_train_time_s` is the simulated time of
    the training that the query stands for; 0 for metrics that need no training, NaN if the benchmark does not say.
    """

    metric: str
    value: float
    unit: str
    seed: int | str
    cost_train_time_s: float
    missing: str = ""


@dataclass(frozen=True)
class Benchmark:
    """Measured cells of one space on one data set.

    >>> from nassurrogate.benchmarks import load_benchmark
    >>> bench = load_benchmark("nb201", "cifar10")
    >>> round(bench.query(1).value, 3)
    90.769
    """

    space: Space
    dataset: str
    columns: dict[str, Column]
    sources: tuple[str, ...] = field(default=())

    def metrics(self) -> list[str]:
        """Names of all metrics, sorted."""
        return sorted(self.columns)

    def free_metrics(self) -> list[str]:
        """Metrics that cost no query: what can be known of a cell without training it."""
        return [metric for metric in self.metrics() if not is_paid(metric)]

    def column(self, metric: str) -> Column:
        """All values of a metric. Raises `InputError` for an unknown one."""
        if metric not in self.columns:
            raise unknown_choice("metric", metric, self.metrics(), place=f" of {self.space.name}/{self.dataset}")
        return self.columns[metric]

    def query(self, arch: Architecture | str | int, metric: str = LABEL, *, seed: int | str = "mean") -> Measurement:
        """One metric of one cell: of training seed 0, 1, … or, by default, the mean over the seeds.

        Raises `InputError` for an unknown metric or architecture, or a seed that is neither `"mean"` nor a number ≥ 0.
        """
        column = self.column(metric)
        index = self.space.index(self.space.parse(arch))
        if seed == "mean":
            value = float(column.mean[index])
        elif isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0:
            value = float(column.values[index, seed]) if seed < column.values.shape[1] else float("nan")
        else:
            raise InputError(f"seed must be 'mean' or a number from 0, got {seed!r}")
        missing = "" if np.isfinite(value) else f"{column.source} has no {metric} (seed {seed}) for cell {index}"
        return Measurement(
            metric, value, unit_of(metric), seed, self._cost_s(column, index, seed) if is_paid(metric) else 0.0, missing
        )

    def _cost_s(self, label: Column, index: int, seed: int | str) -> float:
        recorded = self.columns.get(TRAIN_TIME)
        if recorded is None or recorded.source != label.source:  # another table's trainings are not this label's
            return float("nan")
        times = recorded.values[index]
        if isinstance(seed, int):
            return float(times[seed]) if seed < len(times) else float("nan")
        return float(np.nansum(times)) if np.isfinite(times).any() else float("nan")

    @cached_property
    def sha256(self) -> str:
        """Checksum of every number in the table, with the names of the metrics, the space and the data set."""
        digest = hashlib.sha256(json.dumps([self.space.name, self.dataset, self.metrics()]).encode())
        for metric in self.metrics():
            digest.update(str(self.columns[metric].values.shape).encode())
            digest.update(np.ascontiguousarray(self.columns[metric].values).tobytes())
        return digest.hexdigest()
