"""A run goes on whatever its predictor raises and whatever its trainings come to; what went wrong is reported."""

from __future__ import annotations

import zlib
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate import Surrogate
from nassurrogate.benchmarks import LABEL, CallableBenchmark, Evaluation
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.predictors.base import CandidatePosterior
from nassurrogate.search import SearchSettings, read_ledger, run, searcher_names
from nassurrogate.search.record.report import anytime, describe_result
from nassurrogate.search.searchers.random_search import RandomSearch
from nassurrogate.spaces import CategoricalSpace
from tests.search.conftest import SPACE, Scripted, departures, watched
from tests.spaces.declared import CANONICAL, CONDITIONAL, HUGE

WIDE = CategoricalSpace("wide", {f"layer{place}": [1, 2, 4, 8] for place in range(8)})
ERRORS = (
    MemoryError("2 TiB wanted"), np.linalg.LinAlgError("not positive definite"), RuntimeError("CUDA error"),
    KeyError("layer 3"), ZeroDivisionError("division by zero"), AssertionError(), RecursionError("too deep"),
    StopIteration("no more"), InputError("not these labels"), TypeError("a\nmessage\nof lines"),
)  # fmt: skip
PLACES = ("fit", "predict", "posterior", "encoded", "add", "candidate_posterior")


def breaking(place: str, error: BaseException, *, from_labels: int = 0, at_once: bool = True) -> type[Scripted]:
    """A predictor that raises in one of its methods, once it has been given so many labels."""

    class Breaks(Scripted):
        name = "breaks"
        refits_at_once = at_once
        n_labels: ClassVar[int] = 0

        def _break(self, where):
            if where == place and type(self).n_labels >= from_labels:
                raise error

        def fit(self, archs, targets, *, progress=None):
            type(self).n_labels = len(targets)
            self._break("fit")

        def predict(self, archs):
            self._break("predict")
            return super().predict(archs)

        def posterior(self, archs):
            self._break("posterior")
            return super().predict(archs)

        def encoded(self, targets):
            self._break("encoded")
            return super().encoded(targets)

        def candidate_posterior(self):
            breaks = self

            class Pool(CandidatePosterior):
                def add(self, archs):
                    breaks._break("add")
                    super().add(archs)

                def posterior(self):
                    breaks._break("candidate_posterior")
                    return super().posterior()

            return Pool(self)

    return Breaks


def accuracy(arch) -> float:
    return 60 + zlib.crc32(arch.key.encode()) % 3001 / 100


def told_of(error: BaseException) -> str:
    """What a note says of an error: its message if it was meant for users, else its type first."""
    return str(error) if isinstance(error, InputError) else type(error).__name__


# --- predictors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("place", PLACES)
def test_whatever_a_predictor_raises_the_budget_is_spent_and_told(bench, place, error):
    result, queries = watched(benchmark=bench, predictor=breaking(place, error), budget=8)
    assert (result["queries"], result["stop_reason"]) == (8, "budget")
    assert {query.proposed_by for query in queries} == {"random"}
    (note,) = departures(result)
    assert note.startswith("random proposals from query 3 on: ")
    assert told_of(error) in note
    assert "\n" not in note
    assert len(note) < 400
    assert note in describe_result(result)


@pytest.mark.parametrize("place", ["fit", "predict", "add"])
@pytest.mark.parametrize("searcher", searcher_names())
@pytest.mark.parametrize("space", [CANONICAL, CONDITIONAL, HUGE], ids=lambda space: space.name)
def test_so_it_is_in_every_space_with_every_searcher(space, searcher, place):
    predictor = breaking(place, RuntimeError("CUDA error"), at_once=searcher == "evolution")
    chosen = SearchSettings(pool_size=60, inner_proposals=8)
    result, queries = watched(
        space=space, evaluate=accuracy, predictor=predictor, budget=6, searcher=searcher, settings=chosen
    )
    assert len({query.key for query in queries}) == len(queries) == 6
    assert "RuntimeError: CUDA error" in departures(result)[0]
    assert len(departures(result)) == 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("batch_size", [None, 4])
def test_a_predictor_that_breaks_late_is_used_until_then(bench, place, batch_size):
    predictor = breaking(place, MemoryError("full"), from_labels=9)
    chosen = SearchSettings(batch_size=batch_size)
    result, queries = watched(benchmark=bench, predictor=predictor, budget=16, settings=chosen)
    assert result["queries"] == 16
    if place == "add":  # all are in the pool before the first fit
        assert result["notes"] == []
        return
    assert "exhaustive" in {query.proposed_by for query in queries[:9]}
    assert [note for note in result["notes"] if "MemoryError: full" in note]
    assert queries[-1].proposed_by == "random"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("place", PLACES)
def test_an_interrupt_in_a_predictor_passes_through(bench, tmp_path, place, error):
    with pytest.raises(error):
        run(benchmark=bench, predictor=breaking(place, error()), budget=8, seed=0, run_dir=tmp_path / "run")
    ledger = read_ledger(tmp_path / "run")
    assert len(ledger.queries) <= 8
    assert not ledger.torn


class Numberless(Scripted):
    name = "numberless"
    value = float("nan")
    what = "mean"

    def predict(self, archs):
        mean, std = super().predict(archs)
        (mean if self.what == "mean" else std)[len(archs) // 2 :] = self.value
        return mean, std


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("what", ["mean", "std"])
@pytest.mark.parametrize("space", [None, CONDITIONAL, HUGE], ids=["nb201", "conditional", "huge"])
def test_predictions_that_are_no_numbers_are_no_predictions(bench, space, what, value):
    predictor = type("Numberless", (Numberless,), {"value": value, "what": what})
    truth = {"benchmark": bench} if space is None else {"space": space, "evaluate": accuracy}
    result, queries = watched(predictor=predictor, budget=8, settings=SearchSettings(pool_size=100), **truth)
    assert result["queries"] == 8
    assert {query.proposed_by for query in queries} == {"random"}
    assert all(query.predicted_mean is None and query.predicted_std is None for query in queries)
    assert "not finite" in departures(result)[0]


@pytest.mark.parametrize("shape", ["short", "none", "matrix", "column", "text"])
def test_predictions_of_a_wrong_shape_are_a_fault_of_the_predictor(bench, shape):
    class Misshapen(Scripted):
        name = "misshapen"

        def predict(self, archs):
            mean, std = super().predict(archs)
            if shape == "none":
                return None
            if shape == "text":
                return "mean", "std"
            if shape == "column":
                return mean[:, None], std[:, None]
            return (mean[1:], std[1:]) if shape == "short" else (np.stack([mean, mean]), np.stack([std, std]))

    result, queries = watched(benchmark=bench, predictor=Misshapen, budget=6)
    assert result["queries"] == 6
    assert {query.proposed_by for query in queries} == {"random"}
    assert len(departures(result)) == 1


@pytest.mark.parametrize("kind", [list, np.float32, int])
def test_predictions_may_be_any_kind_of_numbers_or_are_a_fault(bench, kind):
    class Other(Scripted):
        name = "other"

        def predict(self, archs):
            return tuple(each.tolist() if kind is list else each.astype(kind) for each in super().predict(archs))

    result, queries = watched(benchmark=bench, predictor=Other, budget=6)
    assert result["queries"] == 6
    assert {query.proposed_by for query in queries[2:]} == {"exhaustive"} or result["notes"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("searcher", ["exhaustive", "evolution"])
@pytest.mark.parametrize("dataset", [None, "cifar10"])
def test_with_a_saved_surrogate_the_run_goes_on_with_it(bench, place, searcher, dataset):
    cells = np.random.default_rng(0).permutation(SPACE.size)[:100]
    saved = Surrogate("nb201", predictor="ridge")
    saved.fit(SPACE.take(cells), bench.column(LABEL).mean[cells], dataset=dataset)
    chosen = SearchSettings(inner_proposals=100)
    predictor = breaking(place, MemoryError("full"))
    result, queries = watched(
        benchmark=bench, surrogate=saved, predictor=predictor, budget=10, settings=chosen, searcher=searcher
    )
    assert {query.proposed_by for query in queries} == {searcher}
    assert all(query.predicted_mean is not None for query in queries)
    note = departures(result)[-1]
    assert "only the saved surrogate is used from query" in note
    assert "MemoryError: full" in note
    assert len(departures(result)) == 1 + (dataset is None)
    assert np.mean(result["best"]["value"]) > np.quantile(bench.column(LABEL).mean, 0.9)


@pytest.mark.parametrize("what", ["mean", "std"])
@pytest.mark.parametrize("dataset", [None, "cifar10"])
def test_with_a_saved_surrogate_predictions_that_are_no_numbers_leave_it_alone(bench, what, dataset):
    cells = np.random.default_rng(0).permutation(SPACE.size)[:100]
    saved = Surrogate("nb201", predictor="ridge")
    saved.fit(SPACE.take(cells), bench.column(LABEL).mean[cells], dataset=dataset)
    predictor = type("Numberless", (Numberless,), {"what": what})
    result, queries = watched(benchmark=bench, surrogate=saved, predictor=predictor, budget=8)
    assert {query.proposed_by for query in queries} == {"exhaustive"}
    assert "only the saved surrogate is used from query" in departures(result)[-1]
    assert "not finite" in departures(result)[-1]


def test_a_saved_surrogate_that_breaks_itself_leaves_random_proposals(bench):
    saved = Surrogate("nb201", predictor=Scripted).fit(SPACE.take([0, 1, 2]), [60.0, 70.0, 80.0])

    def breaks(archs):
        raise RuntimeError("gone")

    saved.predictor.predict = breaks
    result, queries = watched(benchmark=bench, surrogate=saved, predictor="ridge", budget=8)
    assert result["queries"] == 8
    assert {query.proposed_by for query in queries} == {"random"}
    assert "RuntimeError: gone" in departures(result)[-1]


@pytest.mark.parametrize("place", ["fit", "predict"])
def test_single_labels_are_chosen_among_where_the_surrogate_is_broken(bench, place):
    result, _ = watched(
        benchmark=bench, predictor=breaking(place, RuntimeError("gone"), from_labels=6), budget=20, labels="single"
    )
    assert result["queries"] == 20
    assert result["selected_by"] == "measured"
    assert [note for note in result["notes"] if "RuntimeError: gone" in note]


# --- searchers -------------------------------------------------------------------------------------------------------


def stumbling(place: str, what: Any) -> type[RandomSearch]:
    """A searcher that raises, or proposes something else, from its third proposal on."""

    class Stumbles(RandomSearch):
        name, description = "stumbles", "stumbles"

        def _propose(self):
            if place == "propose" and self.n_proposals >= 2:
                if isinstance(what, BaseException):
                    raise what
                return what
            return super()._propose()

        def _learn(self, arch, values):
            if place == "learn" and self.n_proposals >= 2:
                raise what

        def _failed(self, arch):
            if place == "failed":
                raise what

    return Stumbles


@pytest.mark.parametrize("predictor", ["none", Scripted, "space-process"], ids=["none", "scripted", "default"])
@pytest.mark.parametrize("space", [CANONICAL, HUGE], ids=lambda space: space.name)
@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("propose", RuntimeError("first line\nsecond line")),
        ("propose", StopIteration()),
        ("propose", InputError("no such choice")),
        ("propose", "layer0=1 layer1=1"),
        ("propose", 5),
        ("propose", {"first": 1}),
        ("learn", ZeroDivisionError("division by zero")),
    ],
    ids=str,
)
def test_a_searcher_that_stumbles_is_named_and_the_run_goes_on_at_random(space, predictor, place, what):
    chosen = SearchSettings(pool_size=60, inner_proposals=10)
    result, queries = watched(
        space=space, evaluate=accuracy, searcher=stumbling(place, what), predictor=predictor, budget=9, settings=chosen
    )
    assert len({query.key for query in queries}) == len(queries) == result["queries"] == 9
    assert queries[-1].proposed_by == "random"
    assert result["best"]["value"] is not None
    (note,) = departures(result)
    assert "random proposals from query" in note
    assert "stumbles" in note
    assert "\n" not in note
    if isinstance(what, Exception):
        assert told_of(what) in note
    assert note in describe_result(result)


@pytest.mark.parametrize("predictor", ["none", "space-process"])
def test_a_searcher_that_cannot_hear_of_failures_ends_no_run(predictor):
    def train(arch):
        if zlib.crc32(arch.string.encode()) % 2:
            raise RuntimeError("diverged")
        return accuracy(arch)

    searcher = stumbling("failed", TypeError("no value"))
    chosen = SearchSettings(pool_size=60, inner_proposals=10)
    result, queries = watched(
        space=WIDE, evaluate=train, searcher=searcher, predictor=predictor, budget=15, settings=chosen
    )
    assert result["queries"] == len({query.key for query in queries}) == 15
    assert result["n_failed"] > 0
    assert any("TypeError: no value" in note for note in result["notes"]) == (predictor == "none")


@pytest.mark.parametrize("predictor", ["none", Scripted], ids=["none", "scripted"])
def test_an_interrupt_in_a_searcher_passes_through(tmp_path, predictor):
    searcher = stumbling("propose", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(
            space=WIDE, evaluate=accuracy, searcher=searcher, predictor=predictor, budget=9, seed=0,
            run_dir=tmp_path / "run",
        )  # fmt: skip
    assert len(read_ledger(tmp_path / "run").queries) <= 9


# --- evaluations -----------------------------------------------------------------------------------------------------


def raises(error):
    def give():
        raise error

    return give


BAD: dict[str, tuple[Any, str]] = {
    "raises": (raises(MemoryError("out of\nmemory")), "MemoryError: out of memory"),
    "raises-nothing-told": (raises(AssertionError()), "AssertionError"),
    "exits": (raises(SystemExit(1)), "SystemExit: 1"),
    "none": (lambda: None, "evaluate returned None as val_accuracy_pct, expected a finite number"),
    "nan": (lambda: float("nan"), "evaluate returned nan as val_accuracy_pct"),
    "inf": (lambda: float("inf"), "evaluate returned inf as val_accuracy_pct"),
    "minus-inf": (lambda: np.float64("-inf"), "inf"),
    "text": (lambda: "91.2", "evaluate returned '91.2' as val_accuracy_pct"),
    "true": (lambda: True, "evaluate returned True as val_accuracy_pct"),
    "numpy-true": (lambda: np.bool_(True), "True"),
    "dict-of-true": (lambda: {LABEL: np.bool_(True)}, "True"),
    "complex": (lambda: 1j, "evaluate returned 1j"),
    "list": (lambda: [91.2], "evaluate returned"),
    "dict-without": (lambda: {"val_loss": 0.3}, "evaluate returned no val_accuracy_pct, only val_loss"),
    "empty-dict": (dict, "evaluate returned no val_accuracy_pct, only an empty dict"),
    "dict-of-nan": (lambda: {LABEL: float("nan")}, "evaluate returned nan as val_accuracy_pct"),
    "larger-than-any-float": (lambda: 10**400, "evaluate returned 1000"),
    "two-numbers": (lambda: np.array([91.0, 92.0]), "evaluate returned"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_failed_training_is_counted_and_never_a_label(tmp_path, bad):
    give, reason = BAD[bad]
    calls = []

    def train(arch):
        calls.append(arch.key)
        return give() if len(calls) % 3 == 2 else accuracy(arch)

    result, queries = watched(
        space=CONDITIONAL, evaluate=train, budget=15, predictor=Scripted, write=True,
        run_dir=tmp_path / "run", plots=bad in ("raises", "nan"),
    )  # fmt: skip
    assert len(set(calls)) == len(calls) == result["queries"] == 15
    assert result["n_failed"] == 5
    failed = [query for query in queries if query.status != "ok"]
    assert [query.number for query in failed] == [2, 5, 8, 11, 14]
    for query in failed:
        assert (query.status, query.label, query.n_seeds, dict(query.values)) == ("failed", None, 0, {})
        assert reason in query.reason
        assert "\n" not in query.reason
        assert f"query {query.number} failed: {query.arch}: {query.reason}" in result["notes"]
    assert all(query.reason == "" and query.label is not None for query in queries if query.status == "ok")
    ledger = read_ledger(tmp_path / "run")
    assert ledger.queries == tuple(queries)
    assert result["best"]["arch"] not in {query.arch for query in failed}
    assert not {cell["arch"] for cell in result["top"]} & {query.arch for query in failed}
    assert ", 5 failed" in describe_result(result)
    curve = anytime(ledger.queries)
    assert len(curve) == 15
    assert curve[-1] == max(query.label for query in queries if query.label is not None)
    assert len({query.key for query in ledger.queries}) == len(ledger.queries)
    assert (tmp_path / "run" / "plots" / "best_so_far.png").exists() == (bad in ("raises", "nan"))


@pytest.mark.parametrize("searcher", searcher_names())
@pytest.mark.parametrize("predictor", ["none", Scripted], ids=["none", "scripted"])
@pytest.mark.parametrize("space", [CANONICAL, WIDE, HUGE], ids=lambda space: space.name)
def test_what_failed_is_never_proposed_again_nor_what_equals_it(space, searcher, predictor):
    calls = []

    def train(arch):
        calls.append(arch.key)
        if len(calls) % 2 == 0:
            raise RuntimeError("diverged")
        return accuracy(arch)

    chosen = SearchSettings(pool_size=60, inner_proposals=10)
    result, _ = watched(space=space, evaluate=train, budget=14, searcher=searcher, predictor=predictor, settings=chosen)
    n_keys = len({arch.key for arch in CANONICAL.members()})
    assert len(set(calls)) == len(calls) == (n_keys if space is CANONICAL else 14)
    assert result["n_failed"] == len(calls) // 2


@settings(max_examples=25)
@given(
    pattern=st.lists(st.booleans(), min_size=1, max_size=20),
    batch_size=st.sampled_from([None, 3]),
    single=st.booleans(),
)
def test_whichever_trainings_fail_the_run_ends_well_or_in_a_clear_word(pattern, batch_size, single):
    """Five failures from the start end a run; any others do not."""
    outcomes = iter(pattern)

    def train(arch, seed):
        if not next(outcomes):
            raise RuntimeError("diverged")
        return accuracy(arch)

    options = {
        "space": WIDE, "evaluate": train, "budget": len(pattern), "predictor": Scripted,
        "labels": "single" if single else "mean", "settings": SearchSettings(batch_size=batch_size),
    }  # fmt: skip
    if not any(pattern[:5]) and (len(pattern) >= 5 or not any(pattern)):
        with pytest.raises(InputError, match=r"evaluations (all )?failed") as caught:
            watched(**options)
        assert "RuntimeError: diverged" in str(caught.value)
        return
    result, queries = watched(**options)
    assert [query.status == "ok" for query in queries] == pattern
    assert result["n_failed"] == pattern.count(False)
    assert result["best"]["value"] is not None
    evaluated = [query for query in queries if query.proposed_by != "again"]
    assert len({query.key for query in evaluated}) == len(evaluated)


@pytest.mark.parametrize("predictor", ["none", Scripted], ids=str)
@pytest.mark.parametrize("bad", ["raises", "none", "nan", "text"])
def test_five_failures_from_the_start_end_the_run_and_the_ledger_stands(tmp_path, bad, predictor):
    give, reason = BAD[bad]
    with pytest.raises(
        InputError, match="the first 5 evaluations all failed, so the run stops; the last failure: "
    ) as caught:
        run(space=WIDE, evaluate=lambda arch: give(), budget=50, seed=0, predictor=predictor, run_dir=tmp_path / "run")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    queries = read_ledger(tmp_path / "run").queries
    assert [query.status for query in queries] == ["failed"] * 5
    assert len({query.key for query in queries}) == 5


def test_a_budget_below_five_that_all_fails_is_told():
    with pytest.raises(InputError, match="all 3 evaluations failed; the last failure: RuntimeError: diverged"):
        watched(space=WIDE, evaluate=lambda arch: raises(RuntimeError("diverged"))(), budget=3)


def test_failures_in_the_middle_end_nothing():
    calls = []

    def train(arch):
        calls.append(arch)
        if 1 < len(calls) <= 20:
            raise RuntimeError("diverged")
        return accuracy(arch)

    result, queries = watched(space=WIDE, evaluate=train, budget=25, predictor="space-process")
    assert (result["queries"], result["n_failed"]) == (25, 19)
    assert {query.proposed_by for query in queries[2:20]} == {"random"}
    assert result["best"]["value"] == max(query.label for query in queries if query.label is not None)


def test_an_interrupt_in_a_training_passes_through_and_the_ledger_stands(tmp_path):
    calls = []

    def train(arch):
        calls.append(arch)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return accuracy(arch)

    with pytest.raises(KeyboardInterrupt):
        run(space=WIDE, evaluate=train, budget=9, seed=0, run_dir=tmp_path / "run")
    assert [query.arch for query in read_ledger(tmp_path / "run").queries] == [arch.string for arch in calls[:3]]


def test_a_failed_further_training_keeps_the_label_it_had():
    calls: dict[str, int] = {}

    def train(arch, seed):
        calls[arch.key] = calls.get(arch.key, 0) + 1
        if seed > 0:
            raise RuntimeError("diverged")
        return accuracy(arch)

    result, queries = watched(space=WIDE, evaluate=train, budget=30, labels="single", predictor="space-process")
    again = [query for query in queries if query.proposed_by == "again"]
    assert again
    assert {query.status for query in again} == {"failed"}
    assert result["queries"] == 30
    assert result["best"]["queries"] == 1
    # The same training is not asked for twice.
    assert len({(query.key, query.label_seed) for query in queries}) == 30


class Lacking(CallableBenchmark):
    """A benchmark that raises itself, where it owes an evaluation that says so."""

    def evaluate(self, archs, metrics=None, *, seed=None, fidelity=None):
        if "layer0=1" in archs[0].string:
            raise OSError("the cluster is gone")
        return super().evaluate(archs, metrics, seed=seed, fidelity=fidelity)


def test_a_benchmark_that_raises_ends_no_run():
    """A worker that dies never ends a run (design)."""
    result, queries = watched(benchmark=Lacking(WIDE, accuracy), budget=25, predictor="none", searcher="random")
    assert result["queries"] == 25
    failed = [query for query in queries if query.status == "failed"]
    assert failed
    assert {"layer0=1" in query.arch for query in failed} == {True}
    assert "OSError: the cluster is gone" in failed[0].reason


@pytest.mark.parametrize(
    "values",
    [{}, {LABEL: float("nan")}, {LABEL: float("inf")}, {LABEL: None}, {"val_loss": 1.0}, {LABEL: "91"}],
    ids=str,
)
def test_an_evaluation_that_calls_itself_ok_without_a_number_has_failed(tmp_path, values):
    class Careless(CallableBenchmark):
        def evaluate(self, archs, metrics=None, *, seed=None, fidelity=None):
            if "layer0=1" in archs[0].string:
                return [Evaluation(arch, values) for arch in archs]
            return super().evaluate(archs, metrics, seed=seed, fidelity=fidelity)

    result, queries = watched(
        benchmark=Careless(WIDE, accuracy), budget=25, predictor="none", searcher="random", write=True,
        run_dir=tmp_path / "run", plots=False,
    )  # fmt: skip
    assert result["queries"] == 25
    failed = [query for query in queries if query.label is None]
    assert {"layer0=1" in query.arch for query in failed} == {True}
    assert {query.status for query in failed} == {"failed"}
    assert all(LABEL in query.reason for query in failed)
    assert read_ledger(tmp_path / "run").queries == tuple(queries)


# --- fractions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "warned"), [(0.91, True), (0.01, True), (1.0, False), (0.0, False), (10.0, False)])
def test_a_first_value_between_0_and_1_is_warned_of_where_percent_is_meant(first, warned):
    result, _ = watched(space=WIDE, evaluate=lambda arch: first, budget=4, predictor="none")
    notes = [note for note in result["notes"] if "reads like a fraction" in note]
    assert len(notes) == warned
    assert result["queries"] == 4
    if warned:
        assert f"the first val_accuracy_pct is {first:.4g}" in notes[0]
        assert "objective=Metric(" in notes[0]


def test_the_remedy_of_the_warning_works():
    fraction = Metric("accuracy", unit="fraction", direction="maximize")
    result, _ = watched(
        space=WIDE, evaluate=lambda arch: accuracy(arch) / 100, budget=4, predictor="none", objective=fraction
    )
    assert result["notes"] == []
    assert 0 < result["best"]["value"] < 1


def test_only_the_first_value_is_warned_of():
    values = iter([None, 0.5, 0.6, 0.7, 91.0])
    result, _ = watched(space=WIDE, evaluate=lambda arch: next(values), budget=5, predictor="none")
    assert sum("reads like a fraction" in note for note in result["notes"]) == 1


def test_a_loss_between_0_and_1_is_no_fraction():
    result, _ = watched(space=WIDE, evaluate=lambda arch: 0.5, budget=3, predictor="none", objective="val_loss")
    assert result["notes"] == []


def test_a_table_of_small_accuracies_is_taken_at_its_word(fake_bench):
    result, _ = watched(benchmark=fake_bench(np.full(SPACE.size, 0.5)), budget=3, predictor="none")
    assert result["notes"] == []


# --- noise -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("predictor", ["none", "ridge", "proxy-process"])
@pytest.mark.parametrize("n_single", [1, 2])
def test_one_cell_of_a_single_seed_makes_no_run_of_single_trainings(bench, fake_bench, predictor, n_single):
    """Noise belongs to an evaluation, not to a run."""
    _, queries = watched(benchmark=bench, predictor=predictor, budget=20)
    labels = bench.column(LABEL).values.copy()
    for query in queries[4 : 4 + n_single]:
        labels[query.index, 1:] = np.nan
    result, queries = watched(benchmark=fake_bench(labels), predictor=predictor, budget=20)
    kinds = [query.label_kind for query in queries]
    assert kinds.count("single") == n_single
    assert [query.n_seeds for query in queries if query.label_kind == "single"] == [1] * n_single
    assert result["labels"] == "mean"
    assert result["selected_by"] == "measured"


def test_a_run_of_single_trainings_is_called_one(bench):
    result, queries = watched(benchmark=bench, predictor="ridge", budget=20, labels="single")
    assert {(query.label_kind, query.n_seeds) for query in queries} == {("single", 1)}
    assert (result["labels"], result["selected_by"]) == ("single", "shrunk")
