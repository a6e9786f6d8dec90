"""Ground truth that trains: what a function and a program, which return metrics by name, have in common."""

from __future__ import annotations

import logging
import math
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from numbers import Number
from typing import Any

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks.base import Benchmark, Evaluation, require_metrics
from nassurrogate.errors import InputError, brief, nearest, one_line, printable, require_name
from nassurrogate.metric import Metric, MetricLike, as_metric, known_metric
from nassurrogate.spaces import SpaceLike, get_space

_log = logging.getLogger(__name__)


class EvaluationFailedError(Exception):
    """An evaluation gave no values. The message is the reason, in one line."""


class EvaluationStoppedError(RuntimeError):
    """The benchmark was closed during an evaluation, which says nothing about the architecture."""


class TrainingBenchmark(Benchmark):
    """Evaluates architectures one by one, by `train`, which a subclass implements.

    The first architecture that lacks a metric which earlier ones had is logged.

    Args:
        space: the space, or its name.
        metrics: what a training returns; the first is the objective.
        dataset: name of the training data; exact costs may depend on it. None: those of the space's own data set.

    Raises `InputError` for an invalid argument.
    """

    def __init__(self, space: SpaceLike, metrics: MetricLike | Sequence[MetricLike], dataset: str | None) -> None:
        self.space = get_space(space)
        given = [metrics] if isinstance(metrics, str | Metric) else metrics
        if not isinstance(given, Sequence) or not given:
            raise InputError(f"metrics must name what evaluate returns, the objective first, got {brief(given)}")
        self.returned = [as_metric(metric) for metric in given]
        """What a training returns; the first is the objective."""
        if dataset is not None:
            require_name("dataset", dataset)
        self.costs_of = dataset
        """The data set that exact costs are of; None: the space's own."""
        self.dataset = "own" if dataset is None else dataset
        self._seen: set[str] = set()
        self._has_noted_lack = False

    @property
    def objective(self) -> Metric:
        return self.returned[0]

    @cached_property
    def metrics(self) -> dict[str, Metric]:  # type: ignore[override]
        """What a training returns, and the exact costs of the space."""
        found = {metric.name: metric for metric in self.returned}
        for name in self.space.costs(self.space.sample(1, np.random.default_rng(0)), self.costs_of):
            found.setdefault(name, Metric(name, None, known_metric(name).direction, False, "architecture"))
        return found

    def evaluate(
        self,
        archs: Sequence[Architecture],
        metrics: Sequence[str] | None = None,
        *,
        seed: int | None = None,
        fidelity: int | None = None,
    ) -> list[Evaluation]:
        wanted = [self.at_fidelity(metric, fidelity) for metric in require_metrics(self, metrics)]
        trained = [name for name in wanted if self.metrics[name].needs_training or name in self._names]
        free = {name: self.lookup(archs, name).tolist() for name in wanted if name not in trained}
        found = []
        for place, arch in enumerate(archs):
            each = self.train(arch, trained, seed, fidelity) if trained else Evaluation(arch, cost_s=0.0)
            if each.status == "ok":
                self._note_lack(each)
                each = replace(each, values={**{name: values[place] for name, values in free.items()}, **each.values})
            found.append(each)
        return found

    @abstractmethod
    def train(
        self, arch: Architecture, wanted: Sequence[str], seed: int | None = None, fidelity: int | None = None
    ) -> Evaluation:
        """Train once. Its result has the metrics that the training returned, without the costs of the space.

        Args:
            arch: of the space.
            wanted: metrics without which the evaluation has failed.
            seed: of the training; None: its default.
            fidelity: None: its default.
        """

    def free_metrics(self) -> list[str]:
        """Exact costs of the space. What a training returns, even a latency, is known only after it."""
        return [name for name in self.metrics if name not in self._names]

    def lookup(self, archs: Sequence[Architecture], metric: str) -> np.ndarray:
        self._require_free(metric)
        costs = self.space.costs(archs, self.costs_of)
        return costs[metric] if metric in costs else np.full(len(archs), np.nan)

    @property
    def _names(self) -> set[str]:
        return {metric.name for metric in self.returned}

    def _evaluation(
        self,
        training: Callable[[], Any],
        arch: Architecture,
        wanted: Sequence[str],
        seed: int | None,
        fidelity: int | None,
    ) -> Evaluation:
        """What a training returns, with its time; a failed evaluation if it raises, or returns anything unusable.

        Raises `EvaluationStoppedError` if it does.
        """
        began = time.perf_counter()
        reason, returned, values = "", None, {}
        try:
            returned = training()
        except EvaluationStoppedError:
            raise
        except EvaluationFailedError as error:
            reason = str(error)
        except (Exception, SystemExit) as error:  # one failed training must not end the run
            reason = printable(one_line(error))
        cost_s = time.perf_counter() - began
        if not reason:
            try:
                values = self._values(returned, wanted)
            except EvaluationFailedError as error:
                reason = printable(str(error))
        if reason:
            return Evaluation(arch, cost_s=cost_s, status="failed", reason=reason, seed=seed, fidelity=fidelity)
        n_seeds = {name: 1 for name in values if name in self._names or known_metric(name).needs_training}
        return Evaluation(arch, values, n_seeds, cost_s, seed=seed, fidelity=fidelity)

    def _values(self, returned: Any, wanted: Sequence[str]) -> dict[str, float]:
        """The result of a training by metric. Raises `EvaluationFailedError` if it lacks one that was wanted."""
        given = returned if isinstance(returned, Mapping) else {self.objective.name: returned}
        values = {}
        for name, value in given.items():
            number = _number(value)
            if number is not None and math.isfinite(number) and isinstance(name, str) and name.strip():
                values[name] = number
            elif name in wanted:
                raise EvaluationFailedError(f"evaluate returned {brief(value)} as {name}, expected a finite number")
        lacking = [name for name in wanted if name not in values]
        if lacking:
            only = ", ".join(map(str, given)) or "an empty dict"
            close = nearest(lacking[0], values) if lacking[0] == self.objective.name else None
            hint = f"; if that is meant, set objective={close!r}" if close else ""
            raise EvaluationFailedError(f"evaluate returned no {lacking[0]}, only {only}{hint}")
        return values

    def _note_lack(self, found: Evaluation) -> None:
        """Log the first evaluation that lacks a metric which earlier ones had."""
        names = {name for name, n_seeds in found.n_seeds.items() if n_seeds}
        lacking = sorted(self._seen - names) if names else []
        self._seen |= names
        if lacking and not self._has_noted_lack:
            self._has_noted_lack = True
            _log.warning(
                "evaluate returned %s for earlier architectures, but not for %s; this is said once",
                " and ".join(lacking),
                brief(found.arch.string),
            )


def _number(value: Any) -> float | None:
    """A number, or an array or tensor of one, as a float; None for everything else, truth values included."""
    try:
        single = value if isinstance(value, Number | np.bool_) else value.item()
        return None if isinstance(single, bool | np.bool_) else float(single)  # type: ignore[arg-type]
    except (AttributeError, TypeError, ValueError, OverflowError, RuntimeError):
        return None
