"""Turns the training records of the official NAS-Bench-201 and NATS-Bench files into columns of numbers.

Both benchmarks keep, for a cell and a schedule (12 or 200 epochs), an `ArchResults` state: a dictionary with
`arch_index`, `arch_str`, `dataset_seed` and `all_results`: (data set, seed) → `ResultsCount` state, the record of one
training. Names of the evaluation sets are those of the paper (Dong & Yang, arXiv 2001.00326).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from nassurrogate.benchmarks.tabular.table import Column
from nassurrogate.errors import InputError, brief
from nassurrogate.spaces.nb201.space import NB201

NAN: Final = float("nan")
OFFICIAL_SEEDS: Final = (777, 888, 999)
MAX_SEEDS: Final = 16
SETS: Final = ("x-valid", "x-test", "ori-test")
FIELDS: Final = (
    "epochs", "flops_m", "params_m", "latency_s", "train_time_s",
    *(f"{name} {what}" for name in SETS for what in ("accuracy", "loss")),
)  # fmt: skip
"""The fields kept of a training; accuracies and losses are those after its last epoch."""
MAX_EPOCHS: Final = 10_000


class Rule(NamedTuple):
    """Source of one of our metrics: schedule (epochs), the table's data set, field, factor to our unit."""

    epochs: str
    dataset: str
    field: str
    factor: float = 1.0


def _rules(train: str, test: str, valid_set: str, test_set: str) -> dict[str, Rule]:
    return {
        "val_accuracy_pct": Rule("200", train, f"{valid_set} accuracy"),
        "val_loss_nats": Rule("200", train, f"{valid_set} loss"),
        "test_accuracy_pct": Rule("200", test, f"{test_set} accuracy"),
        "test_loss_nats": Rule("200", test, f"{test_set} loss"),
        "train_time_s": Rule("200", train, "train_time_s"),
        "val_accuracy_12ep_pct": Rule("12", train, f"{valid_set} accuracy"),
        "train_time_12ep_s": Rule("12", train, "train_time_s"),
        "latency_ms": Rule("200", train, "latency_s", 1e3),
        "table_flops_m": Rule("200", train, "flops_m"),
        "table_params_m": Rule("200", train, "params_m"),
    }


RULES: Final = {
    "cifar10": _rules("cifar10-valid", "cifar10", "x-valid", "ori-test"),
    "cifar100": _rules("cifar100", "cifar100", "x-valid", "x-test"),
    "ImageNet16-120": _rules("ImageNet16-120", "ImageNet16-120", "x-valid", "x-test"),
}
"""Our data set → metric → its source. Our cifar10 is cifar10-valid for labels: trained on 25,000 images, validated on
the other 25,000; its test accuracy is that of the training on all 50,000, as in the paper's tables."""


def shrink(record: dict[Any, Any]) -> Any:
    """A `ResultsCount` state reduced to its `FIELDS`; any other dictionary unchanged.

    Called on every dictionary of a file while it is read, so that the bulk of the file, the numbers of every epoch, is
    dropped at once.
    """
    return _trial(record) if "eval_acc1es" in record and "train_acc1es" in record else record


def _trial(record: Mapping[str, Any]) -> array[float]:
    epochs = record.get("epochs")
    if not isinstance(epochs, int) or not 0 < epochs <= MAX_EPOCHS:
        raise InputError(f"a training record has epochs={brief(epochs)}; expected a number from 1 to {MAX_EPOCHS}")
    last = f"@{epochs - 1}"
    values = [epochs, _number(record, "flop"), _number(record, "params"), _latency(record), _train_time(record)]
    for name in SETS:
        values += [_entry(record, "eval_acc1es", name + last), _entry(record, "eval_losses", name + last)]
    return array("d", values)


def _as_float(value: object, what: str) -> float:
    if value is None:
        return NAN
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"a training record has {what}={brief(value)}; expected a number")
    return float(value)


def _number(record: Mapping[str, Any], name: str) -> float:
    return _as_float(record.get(name), name)


def _entry(record: Mapping[str, Any], name: str, key: str) -> float:
    entries = record.get(name)
    if not isinstance(entries, dict):
        raise InputError(f"a training record has {name}={brief(entries)}; expected a dictionary")
    return _as_float(entries.get(key), f"{name}[{key!r}]")


def _latency(record: Mapping[str, Any]) -> float:
    """Mean of the measured latencies in seconds; the files have −1 or nothing if it was not measured."""
    measured = record.get("latency")
    if measured is None:
        return NAN
    if not isinstance(measured, list):
        raise InputError(f"a training record has latency={brief(measured)}; expected a list of numbers")
    mean = sum(_as_float(value, "latency") for value in measured) / len(measured) if measured else NAN
    return mean if mean > 0 else NAN


def _train_time(record: Mapping[str, Any]) -> float:
    """Simulated seconds of the whole training."""
    times = record.get("train_times")
    return sum(_as_float(value, "train_times") for value in times.values()) if isinstance(times, dict) else NAN


class TrialTable:
    """Collects the trainings of every cell, then gives them as columns.

    Args:
        source: name of the file, for the columns and for messages.
    """

    def __init__(self, source: str) -> None:
        self._space = NB201()
        self._source = source
        self._values: dict[tuple[str, str, int], np.ndarray] = {}
        self._seeds: set[int] = set()
        self.cells: set[int] = set()

    def add(self, arch: str, schedules: object) -> None:
        """The trainings of one cell: {"12" or "200": `ArchResults` state}. Raises `InputError` for anything else."""
        index = self._space.index(self._space.parse(arch))
        if index in self.cells:
            raise InputError(f"cell {index} occurs twice")
        if not isinstance(schedules, dict) or not schedules:
            raise InputError(f"the record of cell {index} is {brief(schedules)}; expected its 12 and 200 epoch results")
        for schedule, results in schedules.items():
            self._add_results(index, arch, str(schedule), results)
        self.cells.add(index)

    def _add_results(self, index: int, arch: str, schedule: str, results: object) -> None:
        if not isinstance(results, dict) or not isinstance(results.get("all_results"), dict):
            raise InputError(f"the {schedule}-epoch record of cell {index} lacks 'all_results'")
        named = results.get("arch_str")
        if named != arch:
            raise InputError(f"the record of cell {brief(arch, 120)} claims to be of cell {brief(named, 120)}")
        for key, trial in results["all_results"].items():
            if isinstance(trial, dict):
                trial = shrink(trial)
            if not isinstance(trial, array) or type(key) is not tuple or len(key) != 2:
                raise InputError(
                    f"the record of cell {index} has {brief(key)}: {brief(trial)}; expected (data set, seed)"
                )
            dataset, seed = key
            if not isinstance(dataset, str) or isinstance(seed, bool) or not isinstance(seed, int):
                raise InputError(f"the record of cell {index} has the key {brief(key)}; expected (data set, seed)")
            self._store(index, schedule, dataset, seed, trial)

    def _store(self, index: int, schedule: str, dataset: str, seed: int, trial: array[float]) -> None:
        self._seeds.add(seed)
        if len(self._seeds) > MAX_SEEDS:
            raise InputError(f"more than {MAX_SEEDS} training seeds; the benchmark has three: {OFFICIAL_SEEDS}")
        if schedule in ("12", "200") and trial[0] != float(schedule):
            raise InputError(f"cell {index}: a {schedule}-epoch record is of {trial[0]:.0f} epochs")
        place = (schedule, dataset, seed)
        if place not in self._values:
            if len(self._values) >= 16 * MAX_SEEDS:
                raise InputError("more data sets and schedules than the benchmark has")
            self._values[place] = np.full((len(FIELDS), self._space.size), NAN)
        self._values[place][:, index] = trial

    def columns(self) -> dict[tuple[str, str], Column]:
        """(data set, metric) → column, one value per seed; metrics that the file has for no cell are left out."""
        official = [seed for seed in OFFICIAL_SEEDS if seed in self._seeds]
        seeds = [*official, *sorted(self._seeds - set(official))]
        columns: dict[tuple[str, str], Column] = {}
        for dataset, rules in RULES.items():
            for metric, rule in rules.items():
                matrix = self._matrix(rule, seeds)
                if metric.endswith("_pct"):
                    _check_percent(matrix, f"{dataset}/{metric}")
                if np.isfinite(matrix).any():
                    columns[dataset, metric] = Column(matrix, self._source, self._note(metric, rule, seeds))
        if not columns:
            raise InputError(f"{self._source} holds no results of the data sets {', '.join(RULES)}")
        return columns

    def _matrix(self, rule: Rule, seeds: list[int]) -> np.ndarray:
        missing = np.full(self._space.size, NAN)
        field = FIELDS.index(rule.field)
        columns = []
        for seed in seeds:
            values = self._values.get((rule.epochs, rule.dataset, seed))
            columns.append(missing if values is None else values[field] * rule.factor)
        while len(columns) > 1 and np.isnan(columns[-1]).all():
            columns.pop()
        matrix = np.stack(columns, axis=1)
        if np.isinf(matrix).any():
            raise InputError(f"{self._source} holds an infinite {rule.field} of {rule.dataset}")
        return matrix

    def _note(self, metric: str, rule: Rule, seeds: list[int]) -> str:
        where = f"{rule.dataset}, {rule.field}, {rule.epochs} epochs, seeds {', '.join(map(str, seeds))}"
        if metric == "latency_ms":
            return f"{where}; one GPU, per evaluation batch; device and batch size: unknown, the file does not say"
        return f"{where}; as printed in the source, flops_m and params_m are exact" if "table_" in metric else where


def _check_percent(values: np.ndarray, name: str) -> None:
    present = values[~np.isnan(values)]
    if len(present) and (present.min() < 0 or present.max() > 100):
        raise InputError(f"{name} holds {present.min():g} to {present.max():g}; an accuracy in percent is 0 to 100")
    if len(present) and not math.isclose(present.max(), 0.0) and present.max() <= 1.0 and len(present) > 10:
        raise InputError(f"{name} holds at most {present.max():g}, which looks like a fraction; expected percent")
