"""A searcher that raises never ends a run."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from nassurrogate.errors import InputError
from nassurrogate.search import SearchSettings, read_ledger, run
from nassurrogate.search.record.report import describe_result
from nassurrogate.search.searchers.random_search import RandomSearch
from tests.search.conftest import Scripted, departures, watched
from tests.search.engine.faults import WIDE, accuracy, reason_of
from tests.spaces.declared import CANONICAL, HUGE


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
        assert reason_of(what) in note
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
