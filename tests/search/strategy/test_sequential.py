"""One query after the other: what each of them knows, and what happens where the surrogate knows nothing."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.benchmarks import LABEL, TEST, Column, TabularBenchmark
from nassurrogate.errors import InputError
from nassurrogate.predictors.base import Predictor
from nassurrogate.predictors.proxy_process import ProxyProcess
from nassurrogate.search import Query, SearchSettings, run, searcher_names
from tests.search.conftest import CLASSES, SPACE, NoConfig, departures, watched

RNG = np.random.default_rng(0)
MEAN, STD = RNG.normal(0, 1, SPACE.size), RNG.uniform(1, 9, SPACE.size)


def searched(bench: TabularBenchmark, budget: int = 20, **options: Any) -> tuple[dict[str, Any], list[Query]]:
    """The result, and the queries in the order in which they were made."""
    result, queries = watched(budget=budget, benchmark=bench, **options)
    assert len(queries) == budget
    evaluated = [query for query in queries if query.proposed_by != "again"]
    assert len(set(CLASSES[indices_of(evaluated)])) == len(evaluated)
    return result, queries


def indices_of(queries: list[Query]) -> list[int]:
    return [query.index for query in queries]


def spy(**attributes: Any) -> type[ProxyProcess]:
    """The default predictor, in a class that notes the targets of every fit."""

    class Spy(ProxyProcess):
        name = "spy"
        fits: ClassVar[list[list[float]]] = []

        def fit(self, archs, targets, *, progress=None):
            self.fits.append(targets.tolist())
            super().fit(archs, targets, progress=progress)

    for name, value in attributes.items():
        setattr(Spy, name, value)
    return Spy


class Known(Predictor):
    """Predicts `MEAN` and `STD` of every cell, whatever it learns."""

    name, description = "known", "predicts made-up numbers"
    presets: ClassVar = {"default": NoConfig()}
    initial_labels = 2

    def fit(self, archs, targets, *, progress=None):
        pass

    def predict(self, archs):
        indices = [arch.index for arch in archs]
        return MEAN[indices], STD[indices]

    def state(self):
        return {}, {}

    def load_state(self, tensors, meta):
        pass


# --- what a query knows ----------------------------------------------------------------------------------------------


def test_every_query_follows_a_fit_to_all_answers_before_it(bench):
    watched = spy()
    result, queries = searched(bench, 25, predictor=watched)
    assert result["phases"] == {"init": 3, "search": 21, "confirm": 1}
    labels = [query.label for query in queries]
    assert watched.fits == [labels[:n] for n in range(3, 25)]
    assert all(query.predicted_mean is not None for query in queries[3:])


def test_a_slow_predictor_is_fitted_some_twenty_times(bench):
    watched = spy(refits_at_once=False)
    _, queries = searched(bench, 100, predictor=watched)
    assert 15 <= len(watched.fits) <= 21
    labels = [query.label for query in queries]
    assert all(targets == labels[: len(targets)] for targets in watched.fits)


def test_in_a_batch_it_believes_what_it_predicted(bench):
    watched = spy()
    _, queries = searched(bench, 18, predictor=watched, settings=SearchSettings(batch_size=5, n_confirm=0))
    labels = [query.label for query in queries]
    beliefs = [[*range(5), 0]] * 3  # the last fit of a batch, for what is recorded, believes nothing
    fits = iter(watched.fits)
    for start, counts in zip((3, 8, 13), beliefs, strict=True):
        for n_believed in counts:
            fit = next(fits)
            assert (fit[:start], len(fit)) == (labels[:start], start + n_believed)
            assert not n_believed or fit[start:] != labels[start : start + n_believed]
    assert next(fits, None) is None


def test_what_is_confirmed_has_the_highest_posterior_mean(bench):
    options = {"predictor": Known, "settings": SearchSettings(n_confirm=6, batch_size=2)}
    _, queries = searched(bench, 20, **options)
    indices = indices_of(queries)
    candidates = run_representatives(bench)
    for place, query in enumerate(queries):
        if query.phase != "confirm":
            continue
        start = place - (place - 14) % 2
        fresh = candidates[~np.isin(CLASSES[candidates], CLASSES[indices[:start]])]
        assert MEAN[query.index] == np.sort(MEAN[fresh])[::-1][place - start]
    assert [query.phase for query in queries[14:]] == ["confirm"] * 6
    assert STD[indices[2:14]].min() > STD[indices[14:]].mean()


def run_representatives(bench: TabularBenchmark) -> np.ndarray:
    """The cells among which a run of seed 0 chooses: a predictor is shown all of them."""
    shown: list[int] = []

    class Shown(Known):
        def predict(self, archs):
            shown.extend(arch.index for arch in archs)
            return super().predict(archs)

    run(budget=3, seed=0, benchmark=bench, predictor=Shown, write=False)
    assert len(set(CLASSES[shown])) == SPACE.n_classes
    return np.unique(shown)


@pytest.mark.parametrize("predictor", ["proxy-process", Known], ids=["proxy-process", "known"])
@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("budget", range(1, 7))
def test_the_smallest_budgets_work(bench, budget, batch_size, predictor):
    for n_confirm in (0, 1, 9):
        chosen = SearchSettings(batch_size=batch_size, n_confirm=n_confirm)
        result, _ = searched(bench, budget, predictor=predictor, settings=chosen)
        assert departures(result) == [] or budget == 2  # of which one is random: a single label ranks nothing
        assert result["phases"]["confirm"] <= n_confirm


def test_a_seed_repeats_a_search_and_another_one_does_not(bench):
    first, again, other = (indices_of(searched(bench, seed=seed)[1]) for seed in (4, 4, 5))
    assert first == again
    assert first != other


# --- what it may see and propose -------------------------------------------------------------------------------------


def test_a_test_accuracy_in_the_table_changes_no_query(bench):
    without = {name: column for name, column in bench.columns.items() if name != TEST}
    misleading = Column(100.0 - bench.column(LABEL).mean, "made up")
    queries = [
        indices_of(searched(TabularBenchmark(SPACE, "cifar10", columns))[1])
        for columns in (without, {**without, TEST: misleading})
    ]
    assert queries[0] == queries[1]


@settings(max_examples=20)
@given(
    share=st.floats(0.1, 1.0), searcher=st.sampled_from(["exhaustive", "random", "evolution"]), seed=st.integers(0, 99),
    pool_size=st.sampled_from([1, 32_768]), batch_size=st.sampled_from([None, 3]),
)  # fmt: skip
def test_every_query_keeps_the_constraints(bench, share, searcher, seed, pool_size, batch_size):
    latency = bench.column("latency_ms").mean
    bound = float(np.quantile(latency, share))
    chosen = SearchSettings(pool_size=pool_size, batch_size=batch_size, inner_proposals=20)
    constraints = [f"latency_ms<={bound!r}", "params_m>=0.1"]
    _, queries = searched(bench, 12, settings=chosen, constraints=constraints, searcher=searcher, seed=seed)
    assert (latency[indices_of(queries)] <= bound).all()
    assert (bench.column("params_m").mean[indices_of(queries)] >= 0.1).all()


# --- a surrogate that knows nothing ----------------------------------------------------------------------------------


class Refuses(Known):
    """Cannot be fitted."""

    def fit(self, archs, targets, *, progress=None):
        raise InputError("not these labels")


class Numberless(Known):
    """Predicts nothing that is a number."""

    def predict(self, archs):
        return np.full(len(archs), np.nan), np.ones(len(archs))


class Boundless(Known):
    """Is infinitely uncertain."""

    def predict(self, archs):
        return np.ones(len(archs)), np.full(len(archs), np.inf)


@pytest.mark.parametrize("searcher", searcher_names())
@pytest.mark.parametrize("refits_at_once", [True, False])
@pytest.mark.parametrize("broken", [Refuses, Numberless, Boundless])
def test_a_broken_predictor_leaves_a_random_search_and_one_note(bench, broken, refits_at_once, searcher):
    predictor = type("Broken", (broken,), {"refits_at_once": refits_at_once})
    result, queries = searched(bench, 15, predictor=predictor, searcher=searcher)
    assert {query.proposed_by for query in queries} == {"random"}
    assert {query.predicted_mean for query in queries} == {None}
    (note,) = result["notes"]
    assert "random proposals from query 3 on: " in note
    assert ("not these labels" if broken is Refuses else "not finite") in note


def test_a_predictor_that_breaks_within_a_batch_leaves_what_it_had_proposed(bench):
    class Tires(ProxyProcess):
        name = "tires"

        def fit(self, archs, targets, *, progress=None):
            if len(targets) > 9:
                raise InputError("too many for me")
            super().fit(archs, targets, progress=progress)

    result, queries = searched(bench, 18, predictor=Tires, settings=SearchSettings(batch_size=5))
    assert [query.proposed_by for query in queries] == ["random"] * 3 + ["exhaustive"] * 7 + ["random"] * 8
    assert len(result["notes"]) == 1


@pytest.mark.parametrize("asked", [{"n_init": 8}, {"n_confirm": 12}])
def test_settings_that_the_budget_has_no_room_for_are_noted(bench, asked):
    result, _ = searched(bench, 10, settings=SearchSettings(**asked))
    (name, wanted), *_ = asked.items()
    assert [note for note in result["notes"] if note.startswith(f"{name}={wanted} has no effect beyond")]
    assert result["queries"] == 10


# --- single trainings ------------------------------------------------------------------------------------------------


def test_the_best_of_single_trainings_are_trained_again(bench):
    result, queries = searched(bench, 50, labels="single")
    confirmed = [query for query in queries if query.phase == "confirm"]
    assert len(confirmed) == 8
    assert {query.proposed_by for query in confirmed} == {"again"}
    assert {query.key for query in confirmed} <= {query.key for query in queries[:42]}
    assert len({(query.key, query.label_seed) for query in queries}) == 50
    assert len({(query.key, query.index) for query in queries}) == len({query.key for query in queries}) == 42
    best = [query.label for query in queries if query.key == result["best"]["key"]]
    assert result["best"]["queries"] == len(best) > 1
    assert result["best"]["val_accuracy_pct"] == pytest.approx(np.mean(best))


def test_where_there_is_one_training_each_none_is_repeated(fake_bench, bench):
    once = fake_bench(bench.column(LABEL).mean)
    _, queries = searched(once, 30, labels="single")
    assert len({query.key for query in queries}) == 30
    assert [query.phase for query in queries].count("confirm") == 1


def test_means_are_evaluated_once(bench):
    _, queries = searched(bench, 30)
    assert len({query.key for query in queries}) == 30
