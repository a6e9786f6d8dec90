"""A failed training is recorded, and never ends a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.benchmarks import LABEL, CallableBenchmark, Evaluation
from nassurrogate.errors import InputError
from nassurrogate.search import SearchSettings, read_ledger, run, searcher_names
from nassurrogate.search.record.report import anytime, describe_result
from tests.search.conftest import Scripted, watched
from tests.search.engine.faults import WIDE, accuracy
from tests.spaces.declared import CANONICAL, CONDITIONAL, HUGE


def raises(error):
    def give():
        raise error

    return give


BAD: dict[str, tuple[Any, str]] = {
    "raises": (raises(MemoryError("out of\nmemory")), "MemoryError: out of memory"),
    "raises-without-message": (raises(AssertionError()), "AssertionError"),
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


def test_a_budget_below_five_that_all_fails_is_reported():
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
