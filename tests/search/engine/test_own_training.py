"""A user's own training: its arguments, its return values, and what is refused before it is called."""

from __future__ import annotations

import functools
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.benchmarks import LABEL, TEST, CallableBenchmark, Evaluation, evaluate
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric, as_metric
from nassurrogate.search import read_ledger, run
from nassurrogate.search.record.report import describe_result
from nassurrogate.spaces import CategoricalSpace
from tests.search.conftest import watched

SLOTS = {"kernel": [3, 5, 7], "width": [16, 32, 64], "depth": [1, 2, 3]}
MINE = CategoricalSpace("mine", SLOTS, costs=lambda arch: {"params_m": arch.choices["width"] / 10})


def accuracy(arch) -> float:
    return 80.0 + arch.choices["kernel"] + arch.choices["width"] / 16


def searched(train, budget=4, **options):
    """`watched` of `MINE` with this training, each architecture evaluated as it is proposed."""
    return watched(**{"space": MINE, "evaluate": train, "budget": budget, "predictor": "none", **options})


# --- what it is called with -----------------------------------------------------------------------------------------


class Trainer:
    """Writes down what it is called with."""

    def __init__(self):
        self.seen = []

    def defaults(self, arch, seed=42, fidelity=50):
        return self.required(arch, seed, fidelity)

    def required(self, arch, seed, fidelity):
        self.seen.append((seed, fidelity))
        return accuracy(arch)

    def by_name(self, arch, *, fidelity=50, seed):
        return self.required(arch, seed, fidelity)

    def anything(self, arch, **named):
        return self.required(arch, named.get("seed", "none given"), named.get("fidelity", "none given"))

    def positional(self, arch, seed=42, /, fidelity=50):
        return self.required(arch, seed, fidelity)

    def __call__(self, arch, seed=42):
        return self.required(arch, seed, None)


@pytest.mark.parametrize(
    ("way", "alone", "asked"),
    [
        ("defaults", (42, 50), ({0, 1}, 7)),
        ("required", (0, None), ({0, 1}, 7)),
        ("by_name", (0, 50), ({0, 1}, 7)),
        ("anything", ("none given", "none given"), ({0, 1}, 7)),
        ("positional", (42, 50), ({42}, 7)),
    ],
)
def test_a_function_keeps_its_defaults_until_something_else_is_asked_for(way, alone, asked):
    trainer = Trainer()
    searched(getattr(trainer, way))
    assert set(trainer.seen) == {alone}
    trainer.seen.clear()
    searched(getattr(trainer, way), budget=20, predictor="space-process", labels="single", fidelity=7)
    assert {seed for seed, _ in trainer.seen} >= asked[0]
    assert {fidelity for _, fidelity in trainer.seen} == {asked[1]}


def test_an_object_that_is_called_keeps_its_defaults_too():
    trainer = Trainer()
    searched(trainer)
    assert set(trainer.seen) == {(42, None)}


def test_what_a_partial_binds_stays_bound():
    trainer = Trainer()
    searched(functools.partial(trainer.required, seed=7, fidelity=9))
    assert set(trainer.seen) == {(7, 9)}
    searched(functools.partial(trainer.required, seed=7), fidelity=3)
    assert trainer.seen[-1] == (7, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda arch, seed, /: 90.0,
        lambda arch, seed, /, fidelity: 90.0,
        lambda *, arch: 90.0,
        lambda **named: 90.0,
        lambda arch, seed, lr: 90.0,
        functools.partial(accuracy, arch=None),
    ],
)
def test_a_function_that_cannot_be_called_by_these_names_is_refused(tmp_path, wrong):
    with pytest.raises(InputError, match="evaluate"):
        run(space=MINE, evaluate=wrong, budget=3, seed=0, run_dir=tmp_path / "run")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("right", [lambda *archs: 90.0, lambda arch, /: 90.0, lambda arch, *others, seed=3: 90.0])
def test_an_architecture_alone_is_enough(right):
    assert searched(right)[0]["n_failed"] == 0


def test_a_fidelity_that_the_function_does_not_take_is_refused_before_a_folder_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for options in ({}, {"run_dir": tmp_path / "run"}):
        with pytest.raises(InputError, match="fidelity"):
            run(space=MINE, evaluate=accuracy, budget=3, seed=0, fidelity=7, predictor="none", **options)
    assert not list(tmp_path.iterdir())


def test_the_text_names_the_fidelity():
    def train(arch, fidelity=50):
        return accuracy(arch)

    assert "fidelity" not in describe_result(searched(train)[0])
    (line,) = [line for line in describe_result(searched(train, fidelity=7)[0]).splitlines() if "fidelity" in line]
    assert "7" in line


# --- what it returns ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [Decimal("91.5"), Fraction(183, 2), np.float16(91.5), np.array([[91.5]])])
def test_a_number_of_any_kind_is_a_label(number):
    for returned in (number, {LABEL: number}):
        result, queries = searched(lambda arch, returned=returned: returned)
        assert {query.label for query in queries} == {91.5}
        assert type(result["best"]["value"]) is float


@pytest.mark.parametrize("number", [Decimal("NaN"), Decimal("Infinity"), np.bool_(False), np.array([True]), 3j])
def test_what_is_no_number_of_that_kind_has_failed(number):
    returned = iter([90.0, number, {LABEL: number}, 91.0])
    result, queries = searched(lambda arch: next(returned))
    assert [query.status for query in queries] == ["ok", "failed", "failed", "ok"]
    assert result["n_failed"] == 2


def test_odd_keys_beside_the_objective_are_left_out(tmp_path):
    odd = {1: 2.0, None: 3.0, "": 4.0, " ": 5.0, ("a", "b"): 6.0, b"bytes": 7.0, "text": "x", "flag": np.bool_(True)}

    def train(arch):
        return MappingProxyType({**odd, LABEL: accuracy(arch), "epochs_run": Decimal(3)})

    result, queries = searched(train, write=True, run_dir=tmp_path / "run", plots=False)
    assert all(query.values == {LABEL: query.label, "epochs_run": 3.0} for query in queries)
    assert read_ledger(tmp_path / "run").queries == tuple(queries)
    assert result["n_failed"] == 0


def test_a_dict_of_odd_keys_alone_has_failed_and_says_so():
    returned = iter([90.0, {1: 2.0, None: 3.0}, 91.0])
    _, queries = searched(lambda arch: next(returned), budget=3)
    assert [query.status for query in queries] == ["ok", "failed", "ok"]
    assert LABEL in queries[1].reason


@pytest.mark.parametrize("predictor", ["none", "space-process"])
def test_test_accuracy_that_a_training_returns_is_reported_of_the_best(predictor):
    def train(arch):
        return {LABEL: accuracy(arch), TEST: accuracy(arch) - 1.25}

    result, _ = searched(train, budget=8, predictor=predictor)
    assert result["best"]["test_accuracy_pct"] == result["best"]["value"] - 1.25
    assert searched(accuracy)[0]["best"]["test_accuracy_pct"] is None


def test_what_a_training_returns_is_not_free():
    """Not even where its name is that of a cost: it is known only after the call."""
    calls = []

    def train(arch):
        calls.append(arch)
        return {LABEL: accuracy(arch), "latency_ms": 5.0, "params_m": 1.0}

    measured = CallableBenchmark(MINE, train, [LABEL, "latency_ms"])
    assert measured.free_metrics() == ["params_m"]
    assert CallableBenchmark(MINE, train, [LABEL, "params_m"]).free_metrics() == []
    for bound in ("latency_ms<=9", "val_accuracy_pct>=9"):
        with pytest.raises(InputError, match=bound.split("<")[0].split(">")[0]):
            watched(benchmark=measured, budget=4, constraints=bound, predictor="none")
    with pytest.raises(InputError, match="latency_ms"):
        measured.lookup([MINE.parse("kernel=3 width=16 depth=1")], "latency_ms")
    assert not calls
    result, _ = watched(benchmark=measured, budget=4, constraints="params_m<=4", predictor="none")
    assert result["best"]["latency_ms"] is None, "nothing was looked up"
    assert result["best"]["values"]["latency_ms"] == 5.0
    assert result["best"]["params_m"] in (1.6, 3.2)
    by_latency, queries = watched(benchmark=measured, objective="latency_ms", budget=4, predictor="none")
    assert (by_latency["best"]["value"], len(queries)) == (5.0, 4)


# --- a benchmark that gives something else --------------------------------------------------------------------------


class Mistaken(CallableBenchmark):
    """Every other answer is not what was asked for."""

    def __init__(self, how):
        super().__init__(MINE, accuracy)
        self.how, self.asked = how, 0

    def evaluate(self, archs, metrics=None, *, seed=None, fidelity=None):
        self.asked += 1
        good = super().evaluate(archs, metrics, seed=seed, fidelity=fidelity)
        return self.how(archs[0], good) if self.asked % 2 == 0 else good


OTHER = MINE.parse("kernel=7 width=64 depth=3")
ANSWERS = {
    "another": lambda arch, good: [Evaluation(MINE.neighbours(arch)[0], {LABEL: 99.0})],
    "another-failed": lambda arch, good: [Evaluation(MINE.neighbours(arch)[0], status="failed", reason="no")],
    "status": lambda arch, good: [Evaluation(arch, {LABEL: 99.0}, status="done")],
    "no-status": lambda arch, good: [Evaluation(arch, {LABEL: 99.0}, status=None)],
    "none": lambda arch, good: None,
    "nothing": lambda arch, good: [],
    "two": lambda arch, good: good * 2,
    "numbers": lambda arch, good: [99.0],
    "no-values": lambda arch, good: [Evaluation(arch, None)],
}


@pytest.mark.parametrize("how", ANSWERS)
def test_an_answer_to_something_else_has_failed(tmp_path, how):
    result, queries = watched(
        benchmark=Mistaken(ANSWERS[how]), budget=8, predictor="none", write=True, run_dir=tmp_path / "run", plots=False
    )
    assert [query.status for query in queries] == ["ok", "failed"] * 4
    assert all(query.label is None and "\n" not in query.reason for query in queries if query.status == "failed")
    assert all(query.reason for query in queries if query.status == "failed")
    assert len({query.key for query in queries}) == 8
    assert result["best"]["value"] < 99
    assert read_ledger(tmp_path / "run").queries == tuple(queries)


# --- contradictions -------------------------------------------------------------------------------------------------


def test_a_direction_that_contradicts_what_is_known_is_refused_everywhere(tmp_path):
    turned = Metric("latency_ms", direction="maximize")
    slow = CallableBenchmark(MINE, accuracy, "latency_ms")
    for ask in (
        lambda: as_metric(turned),
        lambda: as_metric("latency_ms", "maximize"),
        lambda: Surrogate(MINE, metric=turned),
        lambda: CallableBenchmark(MINE, accuracy, turned),
        lambda: run(space=MINE, evaluate=accuracy, objective=turned, budget=3, run_dir=tmp_path / "run"),
        lambda: run(benchmark=slow, objective=turned, budget=3, run_dir=tmp_path / "run"),
        lambda: run(objective=turned, budget=3, run_dir=tmp_path / "run"),
        lambda: evaluate("G", benchmark=slow, objective=turned, labels=5, splits=1, write=False),
    ):
        with pytest.raises(InputError, match="'latency_ms' is known to be better when smaller"):
            ask()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "slots", [{**SLOTS, "kernel": [3, 5]}, {**SLOTS, "more": [1, 2]}, dict(reversed(SLOTS.items()))], ids=str
)
def test_another_space_of_the_benchmarks_name_is_refused(slots):
    truth = CallableBenchmark(MINE, accuracy)
    with pytest.raises(InputError, match="space 'mine' contradicts the given benchmark"):
        watched(space=CategoricalSpace("mine", slots), benchmark=truth, budget=3, predictor="none")
    assert watched(space=MINE, benchmark=truth, budget=3, predictor="none")[0]["queries"] == 3


# --- run folders ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dataset"), [("../../up", None), ("a/b/c", "x/y"), ("..", ".."), ("/etc", "/"), ("mine", "../../up")]
)
def test_whatever_a_space_is_called_its_runs_stay_below_runs(tmp_path, monkeypatch, name, dataset):
    here = tmp_path / "deep" / "here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    space = CategoricalSpace(name, SLOTS)
    result = run(space=space, dataset=dataset, evaluate=accuracy, budget=2, seed=0, predictor="none", plots=False)
    assert Path(result["run_dir"]).parent == Path("runs")
    assert [path.name for path in Path("runs").iterdir()] == [Path(result["run_dir"]).name]
    assert len(read_ledger(result["run_dir"]).queries) == 2
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("ledger.jsonl")] == [
        Path("deep", "here", result["run_dir"], "ledger.jsonl")
    ]
    assert result["space"] == name
