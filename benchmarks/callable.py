"""Ground truth from the user's own training: any function of an architecture."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks.base import LABEL, Evaluation
from nassurrogate.benchmarks.training import TrainingBenchmark
from nassurrogate.errors import InputError, brief
from nassurrogate.metric import MetricLike
from nassurrogate.spaces import SpaceLike

Evaluate: TypeAlias = Callable[..., "float | Mapping[str, float]"]
"""`evaluate(arch)` or `evaluate(arch, seed, fidelity)` → the objective, or values by metric."""
_OPTIONAL = ("seed", "fidelity")


class CallableBenchmark(TrainingBenchmark):
    """Evaluates by calling a function, such as one that trains the network.

    An exception in the function, or a None or NaN result, becomes a failed evaluation; nothing is raised. The function
    runs in this process: to contain trainings that crash or hang, write a problem file (see
    `nassurrogate.benchmarks.load_problem`).

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
        super().__init__(space, metrics, dataset)
        if not callable(evaluate):
            raise InputError(f"evaluate must be a function of an architecture, got {brief(evaluate)}")
        self._evaluate = evaluate
        arguments = _optional_arguments(evaluate)
        self._takes = list(arguments)
        self._required = [name for name, required in arguments.items() if required]
        self.sources = (f"function {getattr(evaluate, '__qualname__', type(evaluate).__name__)}",)

    def train(
        self, arch: Architecture, wanted: Sequence[str], seed: int | None = None, fidelity: int | None = None
    ) -> Evaluation:
        options = {"seed": seed, "fidelity": fidelity}
        if "seed" in self._required and seed is None:
            options["seed"] = 0
        # An option that is None is left to the function's own default.
        passed = {n: options[n] for n in self._takes if options[n] is not None or n in self._required}
        return self._evaluation(lambda: self._evaluate(arch, **passed), arch, wanted, seed, fidelity)

    def at_fidelity(self, metric: str, fidelity: int | None) -> str:
        if fidelity is not None and "fidelity" not in self._takes:
            raise InputError(
                f"fidelity is {brief(fidelity)}, but evaluate has no such argument: evaluate(arch, seed, fidelity)"
            )
        return metric

    def seeds(self, arch: Architecture, metric: str) -> Sequence[int] | None:
        """Any, if the function takes a seed; else one, as a second call may not train again."""
        return None if "seed" in self._takes else (0,)


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
