"""The kit for benchmarks: every broken promise fails the test for it, which an honest benchmark passes."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from nassurrogate import Architecture
from nassurrogate.benchmarks import CallableBenchmark, Evaluation
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.spaces import CategoricalSpace
from nassurrogate.testing import BenchmarkContract


def costs(arch: Architecture) -> dict[str, float]:
    return {"params_m": float(sum(arch.choices.values()))}


def accuracy(arch: Architecture) -> float:
    if arch.choices["slot0"] == 3:
        raise RuntimeError("out of memory")
    return 50.0 + costs(arch)["params_m"] / 10


SPACE = CategoricalSpace("kit", {f"slot{place}": [1, 2, 3, 4] for place in range(6)}, costs=costs)


class Honest(CallableBenchmark):
    """A function that fails at times."""

    caught: tuple[type[BaseException], str]
    """Of a fault: the exception that the test for it raises, and what its message says."""

    def __init__(self) -> None:
        super().__init__(SPACE, accuracy)


class Unprintable(Honest):
    """test_it_is_described"""

    caught = AssertionError, "data set must be one printable line"

    def __init__(self) -> None:
        super().__init__()
        self.dataset = "one\ntwo"


class OtherNames(Honest):
    """test_metrics_are_named"""

    caught = AssertionError, "listed under its own name"

    @property
    def metrics(self) -> dict[str, Metric]:  # type: ignore[override]
        return {f"{name}_": metric for name, metric in super().metrics.items()}


class Undirected(Honest):
    """test_the_objective_is_one_of_them"""

    caught = InputError, "whether a larger or a smaller 'charm' is better"

    def __init__(self) -> None:
        CallableBenchmark.__init__(self, SPACE, accuracy, "charm")


class _Changed(Honest):
    def evaluate(self, archs: Sequence[Architecture], *args: Any, **options: Any) -> list[Evaluation]:
        return self.changed(super().evaluate(archs, *args, **options))

    def changed(self, found: list[Evaluation]) -> list[Evaluation]:
        return found


class LeavesOutFailures(_Changed):
    """test_every_architecture_gets_its_evaluation"""

    caught = AssertionError, "one evaluation for every architecture"

    def changed(self, found: list[Evaluation]) -> list[Evaluation]:
        return [each for each in found if each.status == "ok"]


class RaisesFailures(_Changed):
    """test_every_architecture_gets_its_evaluation"""

    caught = RuntimeError, "out of memory"

    def changed(self, found: list[Evaluation]) -> list[Evaluation]:
        for each in found:
            if each.status != "ok":
                raise RuntimeError(each.reason)
        return found


class NanIsAValue(_Changed):
    """test_every_architecture_gets_its_evaluation"""

    caught = AssertionError, "values must be finite"

    def changed(self, found: list[Evaluation]) -> list[Evaluation]:
        nan = {"val_accuracy_pct": float("nan")}
        return [each if each.status == "ok" else Evaluation(each.arch, nan) for each in found]


class NoSeedsBehindIt(_Changed):
    """test_every_metric_may_be_asked_for"""

    caught = AssertionError, "n_seeds of val_accuracy_pct must be at least 1"

    def changed(self, found: list[Evaluation]) -> list[Evaluation]:
        return [dataclasses.replace(each, n_seeds={}) for each in found]


class RanksTheBatch(_Changed):
    """test_a_value_does_not_depend_on_the_batch"""

    caught = AssertionError, "depends on the order of the batch"

    def changed(self, found: list[Evaluation]) -> list[Evaluation]:
        return [
            dataclasses.replace(each, values={name: value + place for name, value in each.values.items()})
            for place, each in enumerate(found)
        ]


class ForgetsTheSeed(_Changed):
    """test_seeds_are_trainings_of_their_own"""

    caught = AssertionError, "must name the seed"

    def changed(self, found: list[Evaluation]) -> list[Evaluation]:
        return [dataclasses.replace(each, seed=None) for each in found]


class Noise(_Changed):
    """test_seeds_are_trainings_of_their_own"""

    caught = AssertionError, "one seed gives two results"

    def changed(self, found: list[Evaluation]) -> list[Evaluation]:
        noise = np.random.default_rng().random()
        return [
            dataclasses.replace(each, values={name: value + noise for name, value in each.values.items()})
            for each in found
        ]


class UnknownIsMissing(Honest):
    """test_what_it_does_not_know_is_refused_in_one_line"""

    caught = pytest.fail.Exception, "DID NOT RAISE InputError"

    def evaluate(
        self, archs: Sequence[Architecture], metrics: Sequence[str] | None = None, **options: Any
    ) -> list[Evaluation]:
        try:
            return super().evaluate(archs, metrics, **options)
        except InputError as error:
            return [Evaluation(arch, status="missing", reason=str(error)) for arch in archs]


class AnyFidelity(Honest):
    """test_a_fidelity_is_known_or_refused"""

    caught = AssertionError, "must name the fidelity"

    def evaluate(self, *args: Any, fidelity: int | None = None, **options: Any) -> list[Evaluation]:
        return super().evaluate(*args, **options)


class Integers(Honest):
    """test_what_is_free_is_looked_up"""

    caught = AssertionError, "must be float64"

    def lookup(self, archs: Sequence[Architecture], metric: str) -> np.ndarray:
        return super().lookup(archs, metric).astype(np.int64)


class AllIsFree(Honest):
    """test_what_needs_training_is_not_looked_up"""

    caught = pytest.fail.Exception, "DID NOT RAISE InputError"

    def lookup(self, archs: Sequence[Architecture], metric: str) -> np.ndarray:
        if metric == "val_accuracy_pct":
            return np.full(len(archs), 50.0)
        return super().lookup(archs, metric)


class NoSeedsAtAll(Honest):
    """test_a_search_runs_on_it"""

    caught = NotImplementedError, "no seeds"

    def seeds(self, arch: Architecture, metric: str) -> Any:
        raise NotImplementedError("no seeds")


FAULTS = [found for found in list(vars().values()) if inspect.isclass(found) and (found.__doc__ or "")[:5] == "test_"]


def case(benchmark: type[Honest], test: str) -> None:
    """One test of the suite on this benchmark."""
    method = getattr(type("Case", (BenchmarkContract,), {"benchmark": benchmark()})(), test)
    given = {"fidelity": 1, "kind": "single"}
    method(**{name: given[name] for name in inspect.signature(method).parameters})


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_every_fault_is_caught_by_the_test_for_it(fault: type[Honest]) -> None:
    case(Honest, fault.__doc__ or "")
    expected, message = fault.caught
    with pytest.raises(expected, match=message) as found:
        case(fault, fault.__doc__ or "")
    assert type(found.value) is expected


def test_every_test_has_a_fault() -> None:
    tests = {name for name in dir(BenchmarkContract) if name.startswith("test_")}
    assert {fault.__doc__ for fault in FAULTS} == tests
