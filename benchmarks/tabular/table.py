"""Ground truth as columns: one float64 array per metric, rows in the official order of the space, NaN where missing."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks.base import LABEL, Benchmark, Evaluation, require_metrics
from nassurrogate.errors import InputError, unknown_choice
from nassurrogate.metric import Direction, Metric, as_metric
from nassurrogate.nan_equality import NanEqual
from nassurrogate.spaces import EnumerableSpace
from nassurrogate.tables.column import mean_over_seeds

TRAIN_TIME = "train_time_s"
_EPOCHS = re.compile(r"_(\d+)ep(?=_)")


@dataclass(frozen=True)
class Column:
    """One metric of every architecture.

    Args:
        values: (size, S) float64, one column per training seed (S = 1 without seeds); NaN where missing.
        source: where the numbers come from.
        note: what a user must know about them, such as the batch size of a latency.
        direction: given by the user for a metric of unknown name; None: follows from the name.
        table: the import it comes from, `"embedded"`, or empty if there is only `source`.
    """

    values: np.ndarray
    source: str
    note: str = ""
    direction: Direction | None = None
    table: str = ""

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float64)
        if values.ndim == 1:
            values = values[:, None]
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    @cached_property
    def mean(self) -> np.ndarray:
        """(size,) mean over the available seeds; NaN if there is none."""
        return mean_over_seeds(self.values)

    @cached_property
    def n_seeds(self) -> np.ndarray:
        """(size,) number of available seeds."""
        count: np.ndarray = (~np.isnan(self.values)).sum(axis=1)
        return count


@dataclass(frozen=True, eq=False)
class Measurement(NanEqual):
    """The answer to one query.

    `value` is NaN if the benchmark lacks it, and `missing` is then the reason. `cost_train_time_s` is the simulated
    time of the training that the query stands for; 0 for metrics that need no training, NaN if unknown.
    """

    metric: str
    value: float
    unit: str
    seed: int | str
    cost_train_time_s: float
    missing: str = ""


@dataclass(frozen=True)
class TabularBenchmark(Benchmark):
    """Measured architectures of one space on one data set.

    Args:
        space: numbers its architectures.
        columns: by metric, rows in the order of the space.
        own_objective: the default objective, if that is not `val_accuracy_pct`.
        unreadable: metric → why its column cannot be read; `""` → why an entire table cannot be read.

    >>> from nassurrogate.benchmarks import load_benchmark
    >>> bench = load_benchmark("nb201", "cifar10")
    >>> round(bench.query(1).value, 3)
    90.769
    """

    space: EnumerableSpace
    dataset: str
    columns: dict[str, Column]
    sources: tuple[str, ...] = field(default=())
    own_objective: str | None = None
    unreadable: dict[str, str] = field(default_factory=dict)

    @cached_property
    def metrics(self) -> dict[str, Metric]:  # type: ignore[override]
        """All metrics, sorted by name."""
        return {name: as_metric(name, self.columns[name].direction) for name in sorted(self.columns)}

    @property
    def objective(self) -> Metric:
        own = self.metrics.get(self.own_objective or "")
        return super().objective if own is None or LABEL in self.columns else own

    def column(self, metric: str) -> Column:
        """All values of a metric. Raises `InputError` for an unknown one."""
        if metric not in self.columns:
            raise self.no_such_metric(metric)
        return self.columns[metric]

    def no_such_metric(self, metric: object, kind: str = "metric") -> InputError:
        """The error for a missing metric: the name is unknown, or the table that has it is damaged."""
        damage = self.unreadable.get(metric, "") if isinstance(metric, str) else ""
        if damage:
            return InputError(f"there is no {metric}: {damage}")
        unknown = super().no_such_metric(metric, kind)
        damaged = self.unreadable.get("")
        return InputError(f"{unknown}; it may be in an import that cannot be read: {damaged}") if damaged else unknown

    def origin(self, metric: str) -> str:
        """Where the values of a metric come from: the name of the import, and its file.

        Raises `InputError` for an unknown metric.
        """
        column = self.column(metric)
        return f"{column.table} ({column.source})" if column.table else column.source

    def query(self, arch: Architecture | str | int, metric: str = LABEL, *, seed: int | str = "mean") -> Measurement:
        """One metric of one architecture: of training seed 0, 1, … or, by default, the mean over the seeds.

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
        lacks = f"{column.source} has no {metric} (seed {seed}) for architecture {index}"
        missing = "" if np.isfinite(value) else lacks
        about = self.metrics[metric]
        cost = self._cost_s(metric, index, seed) if about.needs_training else 0.0
        return Measurement(metric, value, str(about.unit), seed, cost, missing)

    def evaluate(
        self,
        archs: Sequence[Architecture],
        metrics: Sequence[str] | None = None,
        *,
        seed: int | None = None,
        fidelity: int | None = None,
    ) -> list[Evaluation]:
        wanted = require_metrics(self, metrics)
        columns = {name: self.column(self.at_fidelity(name, fidelity)) for name in wanted}
        return [self._one(arch, columns, seed, fidelity) for arch in archs]

    def _one(
        self, arch: Architecture, columns: dict[str, Column], seed: int | None, fidelity: int | None
    ) -> Evaluation:
        index = self.space.index(arch)
        of_seed: int | str = "mean" if seed is None else seed
        found = {name: self.query(arch, self.at_fidelity(name, fidelity), seed=of_seed) for name in columns}
        lacking = [each.missing for each in found.values() if each.missing]
        if lacking:
            return Evaluation(arch, status="missing", reason=lacking[0], seed=seed, fidelity=fidelity)
        trained = [name for name in columns if self.metrics[name].needs_training]
        n_seeds = {name: int(columns[name].n_seeds[index]) if seed is None else 1 for name in trained}
        # One training gives all its metrics.
        cost = max((found[name].cost_train_time_s for name in trained), default=0.0)
        values = {name: each.value for name, each in found.items()}
        return Evaluation(arch, values, n_seeds, cost, seed=seed, fidelity=fidelity)

    def at_fidelity(self, metric: str, fidelity: int | None) -> str:
        """The name of a metric after this many epochs: `val_accuracy_12ep_pct`."""
        if fidelity is None or not self.metrics[metric].needs_training:
            return metric
        stem, _, unit = metric.rpartition("_")
        name = f"{stem}_{fidelity}ep_{unit}"
        if name not in self.columns:
            known = sorted({int(f.group(1)) for column in self.columns if (f := _EPOCHS.search(column))})
            raise unknown_choice("fidelity", fidelity, map(str, known), place=f" of {metric} (epochs)")
        return name

    def lookup(self, archs: Sequence[Architecture], metric: str) -> np.ndarray:
        self._require_free(metric)
        return np.asarray(self.column(metric).mean[self.space.indices(archs)])

    def seeds(self, arch: Architecture, metric: str) -> list[int]:
        found: list[int] = np.flatnonzero(np.isfinite(self.column(metric).values[self.space.index(arch)])).tolist()
        return found

    def _cost_s(self, metric: str, index: int, seed: int | str) -> float:
        """Seconds of the training behind a value, for the number of epochs in the metric's name."""
        epochs = _EPOCHS.search(metric)
        time = self.columns.get(TRAIN_TIME if epochs is None else f"train_time_{epochs.group(1)}ep_s")
        label = self.columns[metric]
        # A column of another table or file is of other trainings.
        if time is None or (time.table, time.source) != (label.table, label.source):
            return float("nan")
        times = time.values[index]
        if isinstance(seed, int):
            return float(times[seed]) if seed < len(times) else float("nan")
        return float(np.nansum(times)) if np.isfinite(times).any() else float("nan")

    @cached_property
    def sha256(self) -> str:
        """Checksum of every number in the table, with the names of the metrics, the space and the data set."""
        digest = hashlib.sha256(json.dumps([self.space.name, self.dataset, list(self.metrics)]).encode())
        for metric in self.metrics:
            digest.update(str(self.columns[metric].values.shape).encode())
            digest.update(np.ascontiguousarray(self.columns[metric].values).tobytes())
        return digest.hexdigest()
