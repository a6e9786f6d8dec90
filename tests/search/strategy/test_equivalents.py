"""What remains of a budget once no different function is left."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate.errors import InputError
from nassurrogate.search import read_ledger
from nassurrogate.search.record.report import describe_result
from tests.search.conftest import CLASSES, SPACE, Untabled, watched

FAST = np.flatnonzero(np.isin(CLASSES, np.argsort(np.bincount(CLASSES))[-4:]))[::5][:60]
"""60 cells of four functions."""


@pytest.fixture(scope="module", params=["table", "listed"])
def truth(request, fake_bench):
    """60 of the cells are fast, each in a time of its own."""
    latency = np.full(SPACE.size, 99.0)
    latency[FAST] = 5 + np.random.default_rng(0).permutation(60) / 100
    labels = 80 + CLASSES % 7 + np.arange(SPACE.size) / 1e6
    bench = fake_bench(labels, latency_ms=latency)
    return bench if request.param == "table" else Untabled(bench)


@pytest.mark.parametrize("predictor", ["none", "proxy-process"])
def test_exhausted_is_explained_and_names_the_remedy(truth, predictor):
    result, _ = watched(benchmark=truth, budget=60, constraints="latency_ms<=6", predictor=predictor)
    assert (result["queries"], result["stop_reason"]) == (4, "exhausted")
    note = result["notes"][-1]
    assert note == (
        "exhausted after 4 of 60 queries: all 60 feasible architectures are evaluated, or equivalent to an evaluated "
        "one (4 different functions); allow_equivalent=True (--allow-equivalent) evaluates a cheaper equivalent where "
        "costs differ"
    )
    assert note in describe_result(result)


@pytest.mark.parametrize("predictor", ["none", "proxy-process"])
def test_the_cheapest_equivalent_of_each_function_follows(truth, predictor, tmp_path):
    options = {"benchmark": truth, "constraints": "latency_ms<=6", "predictor": predictor}
    _, before = watched(**options, budget=60)
    result, queries = watched(
        **options, budget=60, allow_equivalent=True, write=True, run_dir=tmp_path / "run", plots=False
    )
    assert [query.arch for query in queries[:4]] == [query.arch for query in before]
    again = queries[4:]
    assert again
    assert {query.proposed_by for query in again} == {"equivalent"}
    assert len({query.key for query in again}) == len(again)
    latency = dict(zip(FAST.tolist(), truth.lookup(SPACE.take(FAST), "latency_ms").tolist(), strict=True))
    for query in again:
        equals = [index for index in FAST.tolist() if CLASSES[index] == CLASSES[query.index]]
        assert query.index == min(equals, key=latency.__getitem__)
    order = {query.key: query.label for query in before}
    labels = [order[query.key] for query in again]
    assert labels == sorted(labels, reverse=True), "the best function first"
    assert f"{len(again)} of the queries went to cheaper equivalents" in result["notes"][-1]
    assert len(read_ledger(tmp_path / "run").queries) == result["queries"] == 4 + len(again)
    short, _ = watched(**options, budget=5, allow_equivalent=True)
    assert (short["queries"], short["stop_reason"]) == (5, "budget")


def test_more_is_cheaper_where_the_bound_is_one_from_below(truth):
    _, queries = watched(
        benchmark=truth, budget=60, constraints=["latency_ms>=5", "latency_ms<=6"], predictor="none",
        allow_equivalent=True,
    )  # fmt: skip
    latency = dict(zip(FAST.tolist(), truth.lookup(SPACE.take(FAST), "latency_ms").tolist(), strict=True))
    for query in queries[4:]:
        equals = [index for index in FAST.tolist() if CLASSES[index] == CLASSES[query.index]]
        assert query.index == max(equals, key=latency.__getitem__)


def test_it_has_no_effect_where_different_functions_are_left(bench):
    result, _ = watched(benchmark=bench, budget=5, predictor="none", allow_equivalent=True)
    assert result["notes"] == ["allow_equivalent has no effect: the budget was spent on different functions"]


def test_a_budget_may_then_exceed_the_functions(bench):
    with pytest.raises(InputError, match="budget must be a whole number from 1 to 5425"):
        watched(benchmark=bench, budget=5_426, predictor="none")
    with pytest.raises(InputError, match="budget must be a whole number from 1 to 15625"):
        watched(benchmark=bench, budget=15_626, predictor="none", allow_equivalent=True)


def test_architectures_that_are_all_different_are_simply_evaluated(fake_bench):
    latency = np.full(SPACE.size, 9.0)
    latency[[0, 1, 4444]] = 1.0
    bench = fake_bench(np.arange(SPACE.size) / 1000, latency_ms=latency)
    result, _ = watched(benchmark=bench, budget=9, constraints="latency_ms<=1", predictor="none")
    assert result["notes"] == ["exhausted after 3 of 9 queries: all 3 feasible architectures are evaluated"]
