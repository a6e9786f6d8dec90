"""Ground truth from the user's own training: any function of an architecture."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from numbers import Number
from typing import Any, TypeAlias

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks.base import LABEL, Benchmark, Evaluation, require_metrics
from nassurrogate.errors import InputError, brief, one_line, require_name
from nassurrogate.metric import Metric, MetricLike, as_metric, known_metric
from nassurrogate.spaces import SpaceLike, get_space

Evaluate: TypeAlias = Callable[..., "float | Mapping[str, float]"]
"""`evaluate(arch)` or `evaluate(arch, seed, fidelity)` → the objective, or values by metric."""
_OPTIONAL = ("seed", "fidelity")


class CallableBenchmark(Benchmark):
    """Evaluates by calling a function, such as one that trains the network.

    An exception in the function, or a None or NaN result, becomes a failed evaluation; nothing is raised.

    Args:
        space: the space, or its name.
        evaluate: `evaluate(arch)`, or with one or both of the arguments `seed` and `fidelity`; returns the objective,
            or a dict of values by metric that holds it.
        metrics: what it returns; the first is the objective.
        dataset: name of the training data; exact costs may depend on it. None: those of the space's own data set.

    >>> from nassurrogate.spaces import CategoricalSpace
    >>> space = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
    >>> truth = CallableBenchmark(space, lambda arch: 90.0 + arch.choices["kernel"])
    >>> truth.evaluate([space.from_choices({"kernel": 3, "width": 32})])[0].values
    {'val_accuracy_pct': 93.0}
    """

    def __init__(
        self,
        space: SpaceLike,
        evaluate: Evaluate,
        metrics: MetricLike | Sequence[MetricLike] = LABEL,
        *,
        dataset: str | None = None,
    ) -> None:
        self.space = get_space(space)
        if not callable(evaluate):
            raise InputError(f"evaluate must be a function of an architecture, got {brief(evaluate)}")
        self._evaluate = evaluate
        arguments = _optional_arguments(evaluate)
        self._takes = list(arguments)
        self._required = [name for name, required in arguments.items() if required]
        given = [metrics] if isinstance(metrics, str | Metric) else metrics
        if not isinstance(given, Sequence) or not given:
            raise InputError(f"metrics must name what evaluate returns, the objective first, got {brief(given)}")
        self._returned = [as_metric(metric) for metric in given]
        if dataset is not None:
            require_name("dataset", dataset)
        self._costs_of = dataset
        self.dataset = "own" if dataset is None else dataset
        self.sources = (f"function {getattr(evaluate, '__qualname__', type(evaluate).__name__)}",)

    @property
    def objective(self) -> Metric:
        return self._returned[0]

    @cached_property
    def metrics(self) -> dict[str, Metric]:  # type: ignore[override]
        """What the function returns, and the exact costs of the space."""
        found = {metric.name: metric for metric in self._returned}
        for name in self.space.costs(self.space.sample(1, np.random.default_rng(0)), self._costs_of):
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
            each = self._one(arch, trained, seed, fidelity) if trained else Evaluation(arch, cost_s=0.0)
            if each.status == "ok":
                each = replace(each, values={**{name: values[place] for name, values in free.items()}, **each.values})
            found.append(each)
        return found

    def _one(self, arch: Architecture, wanted: list[str], seed: int | None, fidelity: int | None) -> Evaluation:
        options = {"seed": seed, "fidelity": fidelity}
        if "seed" in self._required and seed is None:
            options["seed"] = 0
        # An option that is None is left to the function's own default.
        passed = {n: options[n] for n in self._takes if options[n] is not None or n in self._required}
        began = time.perf_counter()
        reason, values = "", {}
        try:
            returned = self._evaluate(arch, **passed)
        except (Exception, SystemExit) as error:  # one failed training must not end the run
            reason = one_line(error)
        cost_s = time.perf_counter() - began
        if not reason:
            try:
                values = self._values(returned, wanted)
            except _UnusableResultError as error:
                reason = str(error)
        if reason:
            return Evaluation(arch, cost_s=cost_s, status="failed", reason=reason, seed=seed, fidelity=fidelity)
        n_seeds = {name: 1 for name in values if name in self._names or known_metric(name).needs_training}
        return Evaluation(arch, values, n_seeds, cost_s, seed=seed, fidelity=fidelity)

    def free_metrics(self) -> list[str]:
        """Exact costs of the space. What the function returns, even a latency, is known only after a call."""
        return [name for name in self.metrics if name not in self._names]

    def lookup(self, archs: Sequence[Architecture], metric: str) -> np.ndarray:
        self._require_free(metric)
        costs = self.space.costs(archs, self._costs_of)
        return costs[metric] if metric in costs else np.full(len(archs), np.nan)

    def at_fidelity(self, metric: str, fidelity: int | None) -> str:
        if fidelity is not None and "fidelity" not in self._takes:
            raise InputError(
                f"fidelity is {brief(fidelity)}, but evaluate has no such argument: evaluate(arch, seed, fidelity)"
            )
        return metric

    def seeds(self, arch: Architecture, metric: str) -> Sequence[int] | None:
        """Any, if the function takes a seed; else one, as a second call may not train again."""
        return None if "seed" in self._takes else (0,)

    @property
    def _names(self) -> set[str]:
        return {metric.name for metric in self._returned}

    def _values(self, returned: Any, wanted: list[str]) -> dict[str, float]:
        """The result of the function by metric. Raises `_UnusableResultError`."""
        given = returned if isinstance(returned, Mapping) else {self.objective.name: returned}
        values = {}
        for name, value in given.items():
            number = _number(value)
            if number is not None and math.isfinite(number) and isinstance(name, str) and name.strip():
                values[name] = number
            elif name in wanted:
                raise _UnusableResultError(f"evaluate returned {brief(value)} as {name}, expected a finite number")
        lacking = [name for name in wanted if name not in values]
        if lacking:
            only = ", ".join(map(str, given)) or "an empty dict"
            raise _UnusableResultError(f"evaluate returned no {lacking[0]}, only {only}")
        return values


class _UnusableResultError(Exception):
    """The function returned no finite number for a metric that was wanted."""


def _optional_arguments(evaluate: Evaluate) -> dict[str, bool]:
    """Which of `seed` and `fidelity` a function takes, and whether they are required.

    Raises `InputError` for a function that cannot be called in this way.
    """
    try:
        parameters = list(inspect.signature(evaluate).parameters.values())
    except (TypeError, ValueError):  # some built-in functions have no signature
        return {}
    first = parameters[0].kind if parameters else None
    takes_one = first in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if first is inspect.Parameter.VAR_POSITIONAL:
        takes_one = True
    found = {}
    for parameter in parameters[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        by_name = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if parameter.name in _OPTIONAL and by_name:
            found[parameter.name] = parameter.default is parameter.empty
        elif parameter.default is parameter.empty:
            takes_one = False
    if not takes_one:
        raise InputError(
            "evaluate must take an architecture and, optionally, seed and fidelity by name: evaluate(arch), "
            f"evaluate(arch, seed, fidelity); got {inspect.signature(evaluate)}"
        )
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        found = dict.fromkeys(_OPTIONAL, False) | found
    return {name: found[name] for name in _OPTIONAL if name in found}


def _number(value: Any) -> float | None:
    """A number, or an array or tensor of one, as a float; None for everything else, truth values included."""
    try:
        single = value if isinstance(value, Number | np.bool_) else value.item()
        return None if isinstance(single, bool | np.bool_) else float(single)  # type: ignore[arg-type]
    except (AttributeError, TypeError, ValueError, OverflowError, RuntimeError):
        return None
