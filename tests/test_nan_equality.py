"""Results with undefined numbers are equal on every version of Python, whichever NaN objects they hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest

from nassurrogate import Metric, get_space
from nassurrogate.benchmarks import Evaluation
from nassurrogate.benchmarks.evaluation.measures import SplitResult
from nassurrogate.benchmarks.evaluation.protocols import get_protocol
from nassurrogate.benchmarks.evaluation.report import ProtocolResult, Row
from nassurrogate.benchmarks.tabular.table import Measurement
from nassurrogate.nan_equality import NanEqual
from nassurrogate.search.record.ledger import Query


def nan() -> float:
    """A new NaN, as arithmetic makes them: not the same object as any other."""
    return float(np.float64("nan"))


@dataclass(frozen=True, eq=False)
class Result(NanEqual):
    score: float
    name: str = ""
    parts: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False)
class Other(NanEqual):
    score: float
    name: str = ""
    parts: tuple[Any, ...] = ()


def measurement() -> Measurement:
    return Measurement("val_accuracy_pct", nan(), "percent", 777, nan(), "no value")


def evaluation() -> Evaluation:
    return Evaluation(get_space("nb201").parse(7), {"val_accuracy_pct": nan()}, cost_s=nan())


def split_result() -> SplitResult:
    undefined = {field.name: nan() for field in fields(SplitResult) if field.type == "float"}
    return SplitResult(predictor="ridge", labels=20, split=0, evaluated_cells=100, **undefined)


def row() -> Row:
    undefined: dict[str, Any] = {field.name: nan() for field in fields(Row) if "float" in str(field.type)}
    return Row(predictor="ridge", preset="", labels=20, splits=1, **undefined)


def protocol_result() -> ProtocolResult:
    return ProtocolResult(
        protocol=get_protocol("A1"), dataset="cifar10", seed=0, reference_tau=nan(), reference_tau_classes=nan(),
        rows=(row(),), splits=(split_result(), split_result()), run_dir=None, table_sha256=None,
        metric=Metric("val_accuracy_pct"),
    )  # fmt: skip


def query() -> Query:
    return Query(
        number=1, phase="init", proposed_by="random", arch="a", index=None, key="a", label=nan(), label_kind="mean",
        label_seed=None, cost_train_time_s=nan(), predicted_mean=nan(), predicted_std=nan(), feasible=True,
        elapsed_s=0.0, values={"val_accuracy_pct": nan()},
    )  # fmt: skip


@pytest.mark.parametrize("make", [measurement, evaluation, split_result, row, protocol_result, query])
def test_results_with_nan_equal_their_likes(make: Callable[[], NanEqual]) -> None:
    assert make() == make()
    assert [make()] == [make()]
    assert make() != replace(make(), **{fields(make())[0].name: "another"})  # type: ignore[type-var]


@pytest.mark.parametrize("make", [measurement, split_result, row])
def test_equal_results_have_equal_hashes(make: Callable[[], NanEqual]) -> None:
    assert len({make(), make()}) == 1


def test_a_number_is_not_nan() -> None:
    assert Result(nan()) != Result(0.0)
    assert Result(0.0) != Result(nan())
    assert Result(np.float32("nan")) == Result(nan())
    assert Result(1.0, "a") == Result(1.0, "a")
    assert Result(1.0, "a") != Result(1.0, "b")
    assert Result(1) == Result(1.0)
    assert hash(Result(1)) == hash(Result(1.0))


def test_nan_equals_nan_inside_containers() -> None:
    assert Result(0.0, parts=(1, nan(), (nan(),))) == Result(0.0, parts=(1, nan(), (nan(),)))
    assert len({Result(0.0, parts=(nan(),)), Result(0.0, parts=(nan(),))}) == 1
    assert Result(0.0, parts=(nan(),)) != Result(0.0, parts=(nan(), nan()))
    assert Result(0.0, parts=({"a": nan()},)) == Result(0.0, parts=({"a": nan()},))
    assert Result(0.0, parts=({"a": nan()},)) != Result(0.0, parts=({"b": nan()},))


def test_other_classes_are_never_equal() -> None:
    assert Result(0.0) != Other(0.0)
    assert Result(0.0) != (0.0, "", ())
    assert Result(0.0) != 0.0
