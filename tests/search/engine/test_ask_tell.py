"""Loops that the user owns: ask for architectures, tell their values."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.search import Engine, read_ledger, run
from tests.search.ledgers import comparable, cut_off, files, header_bytes
from tests.search.trainings import SPACE, accuracy


def memory(**options: Any) -> Engine:
    return Engine(SPACE, **{"budget": 8, "seed": 0, "write": False, **options})


def finish(engine: Engine, n: int = 1) -> None:
    while archs := engine.ask(n):
        for arch in archs:
            engine.tell(arch, accuracy(arch))


# --- what is asked --------------------------------------------------------------------------------------------------


def test_one_after_the_other_it_asks_what_run_evaluates(tmp_path):
    run(space=SPACE, evaluate=accuracy, budget=8, seed=0, run_dir=tmp_path / "run", plots=False)
    expected = read_ledger(tmp_path / "run").queries
    with memory() as engine:
        finish(engine)
    assert [query.arch for query in engine.queries] == [query.arch for query in expected]
    assert [query.label for query in engine.queries] == [query.label for query in expected]


@pytest.mark.parametrize("options", [{}, {"predictor": "none"}, {"predictor": "none", "searcher": "evolution"}])
def test_pending_architectures_are_not_asked_again(options):
    with memory(budget=24, **options) as engine:
        asked: list[Any] = []
        told = random.Random(0)
        while not engine.is_finished:
            asked += engine.ask(4)
            assert len(set(asked)) == len(asked)
            assert set(engine.pending) <= set(asked)
            for arch in told.sample(engine.pending, k=(len(engine.pending) + 1) // 2):
                engine.tell(arch, accuracy(arch))
    assert len(asked) == len(engine.queries) == 24
    assert engine.ask(3) == []


def test_no_more_than_the_budget_is_asked():
    with memory(budget=5) as engine:
        first = engine.ask(99)
        assert 3 <= len(first) < 5, "the surrogate is fitted first, and the confirmation needs all labels"
        for arch in first:
            engine.tell(arch, accuracy(arch))
        finish(engine, 99)
    assert len(engine.queries) == 5
    assert engine.is_finished


def test_every_training_has_its_seed():
    with memory(labels="single", budget=9) as engine:
        seeds: dict[str, list[int | None]] = {}
        while archs := engine.ask():
            for arch in archs:
                seeds.setdefault(arch.string, []).append(engine.seed_of(arch))
                engine.tell(arch, accuracy(arch))
    assert {query.label_seed for query in engine.queries} == {seed for each in seeds.values() for seed in each}
    for found in seeds.values():
        assert len(set(found)) == len(found)


# --- what is told ---------------------------------------------------------------------------------------------------


def test_values_and_failures_are_recorded():
    loss = Metric("val_loss", direction="minimize", needs_training=True)
    with memory(objective=loss) as engine:
        first, second, third = engine.ask(3)
        query = engine.tell(first, {"val_loss": 0.5, "epochs": 3}, cost_s=12.5)
        assert (query.label, query.values, query.cost_train_time_s) == (0.5, {"val_loss": 0.5, "epochs": 3.0}, 12.5)
        failed = engine.tell(second.string, None, failed="out of memory")
        assert (failed.status, failed.label, failed.reason) == ("failed", None, "out of memory")
        for worthless in (float("nan"), "fast", {"accuracy": 1.0}):
            assert engine.tell(third, worthless).status == "failed"  # type: ignore[arg-type]
            (third,) = engine.ask(1)
        assert [query.asked for query in engine.queries] == [1, 2, 3, 4, 5]
        engine.tell(third, 0.25)
        assert engine.result()["best"]["value"] == 0.25
        assert engine.result()["best"]["arch"] == third.string


def test_what_was_not_asked_is_refused():
    with memory() as engine:
        (arch,) = engine.ask()
        other = next(
            each
            for each in map(SPACE.parse, ["kernel=3 width=16 depth=1", "kernel=5 width=16 depth=1"])
            if each != arch
        )
        with pytest.raises(InputError, match=f"was not asked, or its result is known already; pending: {arch}"):
            engine.tell(other, 90.0)
        with pytest.raises(InputError, match="either failed or has values, got both"):
            engine.tell(arch, 90.0, failed="twice")
        engine.tell(arch, 90.0)
        with pytest.raises(InputError, match="pending: none"):
            engine.tell(arch, 90.0)
        for n in (0, -1, 1.5, True, "1"):
            with pytest.raises(InputError, match="ask takes a whole number from 1"):
                engine.ask(n)  # type: ignore[arg-type]


def test_no_result_before_the_first():
    with memory() as engine:
        with pytest.raises(InputError, match="no result is known yet"):
            engine.result()
        engine.ask(2)
    assert not engine.is_finished


def test_five_failures_in_the_beginning_end_it():
    with memory() as engine:
        for _ in range(4):
            engine.tell(*engine.ask(1), None, failed="no data")
        with pytest.raises(InputError, match=r"the first 5 evaluations all failed, .* no data"):
            engine.tell(*engine.ask(1), None, failed="no data")


def test_it_writes_what_a_run_writes(tmp_path):
    with Engine(SPACE, budget=8, seed=0, run_dir=tmp_path / "run") as engine:
        finish(engine)
        result = engine.result()
    assert engine.run_dir == tmp_path / "run"
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["best"], summary["stop_reason"]) == (result["best"], "budget")
    assert {"ledger.jsonl", "plots/best_so_far.png"} <= set(files(tmp_path / "run"))


# --- opened again ---------------------------------------------------------------------------------------------------


def leave(engine: Engine) -> None:
    """Close an engine as an error in the loop does: without a summary and plots."""
    engine.__exit__(RuntimeError, RuntimeError(), None)


def interrupted(folder: Path, choices: random.Random, options: dict[str, Any], share: float = 0.0) -> Engine:
    """A search whose loop asks, tells and is opened again in any order."""
    engine = Engine(SPACE, budget=10, seed=1, run_dir=folder, **options)
    known: list[Any] = []
    for _ in range(500):
        if engine.is_finished:
            return engine
        action = choices.random()
        if action < 0.45:
            known += engine.ask(choices.randint(1, 4))
        elif action < 0.9 and known:
            arch = known.pop(choices.randrange(len(known)))
            failed = choices.random() < share and len(engine.queries) > 2
            engine.tell(arch, None if failed else accuracy(arch), failed="bad luck" if failed else None)
        elif action >= 0.9:
            pending, queries = engine.pending, engine.queries
            leave(engine)
            engine = Engine(SPACE, resume=folder)
            assert (engine.pending, engine.queries) == (pending, queries)
            known = engine.ask(len(pending)) if pending else []
            assert known == pending
    raise AssertionError("it never ends")


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 1_000_000),
    st.sampled_from([{}, {"predictor": "none"}, {"predictor": "none", "searcher": "evolution"}, {"labels": "single"}]),
)
def test_any_order_of_questions_and_answers_is_resumed(tmp_path_factory, seed, options):
    choices = random.Random(seed)
    folder = tmp_path_factory.mktemp("any") / "run"
    engine = interrupted(folder, choices, options, share=0.2)
    leave(engine)
    ledger = read_ledger(folder)
    assert len(ledger.queries) == 10
    assert sorted(query.asked or 0 for query in ledger.queries) == list(range(1, 11))
    # From any record on, the same state is reached again.
    n_bytes = (folder / "ledger.jsonl").stat().st_size
    cut = cut_off(folder, choices.randint(header_bytes(folder), n_bytes), folder.parent / "cut")
    again = Engine(SPACE, resume=cut)
    n_done = len(again.queries)
    assert [query.arch for query in again.queries] == [query.arch for query in ledger.queries[:n_done]]
    finish(again, 2)
    leave(again)
    assert len(read_ledger(cut).queries) == 10
    assert comparable(cut)[0] == comparable(folder)[0]


def test_a_finished_search_is_opened_again_unchanged(tmp_path):
    with Engine(SPACE, budget=6, seed=0, run_dir=tmp_path / "run") as engine:
        finish(engine)
        best = engine.result()["best"]
    before = files(tmp_path / "run")["ledger.jsonl"]
    with Engine(SPACE, resume=tmp_path / "run") as again:
        assert again.ask(2) == []
        assert again.is_finished
        assert again.result()["best"] == best
    assert files(tmp_path / "run")["ledger.jsonl"] == before
