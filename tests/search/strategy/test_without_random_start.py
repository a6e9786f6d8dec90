"""Searches that start from no label and no random architecture: from the predictor's scores before any label."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.benchmarks import LABEL, CallableBenchmark
from nassurrogate.errors import InputError
from nassurrogate.predictors.proxy_process import ProxyProcess
from nassurrogate.search import Engine, Query, SearchSettings, read_ledger, run
from tests.search.conftest import CLASSES, FAST, SPACE, Untabled, watched
from tests.search.ledgers import LEDGER

START = SearchSettings(n_init=0)
SCORES = Surrogate("nb201", predictor="proxy-process").score(range(SPACE.size))


def searched(bench: Any, budget: int = 6, **options: Any) -> tuple[dict[str, Any], list[Query]]:
    return watched(**{"budget": budget, "benchmark": bench, "settings": START, **options})


def best_classes(n: int, among: np.ndarray | None = None, scores: np.ndarray = SCORES) -> list[int]:
    """The n classes with the highest scores, best first; of those that have one of these cells."""
    indices = np.arange(SPACE.size) if among is None else among
    ranked = CLASSES[indices[np.argsort(-scores[indices], kind="stable")]]
    return list(dict.fromkeys(ranked.tolist()))[:n]


def classes_of(queries: Sequence[Query]) -> list[int]:
    return [int(CLASSES[query.index]) for query in queries]


def proposers(queries: Sequence[Query]) -> list[str]:
    return [query.proposed_by for query in queries]


@pytest.mark.parametrize(
    "options",
    [{}, {"searcher": "evolution"}, {"predictor": "probe-former", "predictor_config": {"network_share": 0.0}}],
    ids=["default", "another searcher", "another predictor"],
)
def test_the_first_two_score_best_and_then_the_surrogate_chooses(bench, options):
    result, queries = searched(bench, **options)
    assert proposers(queries) == ["prior"] * 2 + [options.get("searcher", "exhaustive")] * 4
    scores = Surrogate("nb201", predictor=options.get("predictor", "proxy-process")).score(range(SPACE.size))
    assert classes_of(queries[:2]) == best_classes(2, scores=scores)
    assert len(set(classes_of(queries))) == 6
    assert {query.predicted_mean for query in queries[:2]} == {None}  # these scores have no unit
    assert all(query.predicted_mean is not None for query in queries[2:])
    assert result["phases"] == {"init": 0, "search": 5, "confirm": 1}
    assert result["notes"] == []


def test_only_feasible_ones_are_chosen(bench):
    cheap = np.flatnonzero(bench.lookup(SPACE.all(), "params_m") <= 0.3)
    for truth in (bench, Untabled(bench)):
        _, queries = searched(truth, constraints="params_m<=0.3")
        assert proposers(queries[:3]) == ["prior", "prior", "exhaustive"]
        assert classes_of(queries[:2]) == best_classes(2, cheap)
        assert {query.index for query in queries} <= set(cheap.tolist())


def test_of_a_larger_space_the_best_candidates_are_chosen(bench):
    settings = SearchSettings(n_init=0, pool_size=400)
    _, queries = searched(bench, settings=settings)
    assert proposers(queries[:3]) == ["prior", "prior", "exhaustive"]
    assert (np.argsort(np.argsort(-SCORES))[[query.index for query in queries[:2]]] < SPACE.size / 20).all()


def test_a_loss_is_searched_from_the_same_cells(bench):
    truth = CallableBenchmark(SPACE, lambda arch: 1 - bench.column(LABEL).mean[arch.index] / 100, "val_loss")
    _, queries = searched(truth)
    assert classes_of(queries[:2]) == best_classes(2)


def test_scores_choose_until_two_labels_differ(fake_bench, bench):
    labels = np.where(np.isin(CLASSES, best_classes(5)), 90.0, bench.column(LABEL).mean)
    _, queries = searched(fake_bench(np.column_stack([labels] * 2)), 9)
    assert proposers(queries) == ["prior"] * 6 + ["exhaustive"] * 3
    assert classes_of(queries[:6]) == best_classes(6)


def test_failures_are_replaced_by_the_next_best(bench):
    labels = np.where(np.isin(CLASSES, best_classes(3)), np.nan, bench.column(LABEL).mean)
    _, queries = searched(CallableBenchmark(SPACE, lambda arch: labels[arch.index], LABEL), 8)
    assert [query.status for query in queries] == ["failed"] * 3 + ["ok"] * 5
    assert proposers(queries) == ["prior"] * 5 + ["exhaustive"] * 3
    assert classes_of(queries[:5]) == best_classes(5)


@pytest.mark.parametrize("budget", [1, 2, 3])
def test_the_smallest_budgets_are_spent(bench, budget):
    _, queries = searched(bench, budget)
    assert proposers(queries) == ["prior", "prior", "exhaustive"][:budget]


def test_a_run_that_goes_on_from_its_labels_alone_evaluates_none_twice(tmp_path):
    options = {"space": SPACE, "evaluate": lambda arch: 80.0 + arch.index % 7, "objective": LABEL, "plots": False}
    run(**options, budget=4, seed=0, settings=START, run_dir=tmp_path / "whole")
    header, first, *_ = (tmp_path / "whole" / LEDGER).read_text().splitlines(keepends=True)
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / LEDGER).write_text(header + first.replace("prior", "evolution"))
    with pytest.raises(InputError, match="cannot resume"):
        run(resume=tmp_path / "cut", **options)
    run(resume=tmp_path / "cut", accept_changes=True, **options)
    queries = read_ledger(tmp_path / "cut").queries
    assert proposers(queries[1:]) == ["prior", "exhaustive", "exhaustive"]
    assert classes_of(queries[:2]) == best_classes(2)


# --- several at once -------------------------------------------------------------------------------------------------


def test_there_are_as_many_as_workers(bench):
    truth = CallableBenchmark(SPACE, lambda arch: bench.column(LABEL).mean[arch.index], LABEL)
    with ThreadPoolExecutor(4) as threads:
        _, queries = searched(truth, 10, workers=4, executor=threads)
    assert proposers(queries) == ["prior"] * 4 + ["exhaustive"] * 6
    assert classes_of(queries[:4]) == best_classes(4)


def test_a_loop_of_ones_own_is_asked_for_them_first(bench):
    truth = bench.column(LABEL).mean
    with Engine(SPACE, objective=LABEL, budget=6, seed=0, settings=START, write=False) as engine:
        first = engine.ask(9)
        assert [int(CLASSES[arch.index]) for arch in first] == best_classes(2)
        assert engine.ask(9) == []  # the next depend on their labels
        for arch in first:
            engine.tell(arch, truth[arch.index])
        while asked := engine.ask():
            engine.tell(asked[0], truth[asked[0].index])
    assert proposers(engine.queries) == ["prior"] * 2 + ["exhaustive"] * 4


# --- who has such scores ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("predictor", ["gradient-boosting", "space-process"])
def test_a_predictor_that_needs_labels_is_refused(bench, predictor):
    with pytest.raises(InputError) as caught:
        searched(bench, predictor=predictor)
    assert str(caught.value) == (
        f"n_init=0 starts from scores without labels, but predictor '{predictor}' has none; probe-former and "
        "proxy-process score nb201 without labels"
    )


def test_labels_of_a_saved_surrogate_come_before_scores_without_labels(bench):
    saved = Surrogate("nb201", predictor="gradient-boosting", config=FAST, seed=0)
    saved.fit(range(40), bench.column(LABEL).mean[:40])
    for options in ({"surrogate": saved}, {"predictor": "oracle"}, {"predictor": "none"}):
        _, queries = searched(bench, **options)
        assert set(proposers(queries)) == {"exhaustive"}


class Faulty(ProxyProcess):
    name = "faulty"

    def prior_scores(self, archs):
        if archs:
            raise RuntimeError("out of memory")
        return super().prior_scores(archs)


class TooFew(ProxyProcess):
    name = "too-few"

    def prior_scores(self, archs):
        return np.zeros(len(archs) // 2)


@pytest.mark.parametrize("predictor", [Faulty, TooFew])
def test_a_fault_in_them_leaves_two_random_queries_and_one_note(bench, predictor):
    result, queries = searched(bench, predictor=predictor)
    assert proposers(queries) == ["random"] * 2 + ["exhaustive"] * 4
    (note,) = result["notes"]
    assert note.startswith("random proposals from query 1 on: no scores without labels: ")
