"""A predictor that raises never ends a run."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.benchmarks import LABEL
from nassurrogate.predictors.base import CandidatePosterior
from nassurrogate.search import SearchSettings, read_ledger, run, searcher_names
from nassurrogate.search.record.report import describe_result
from tests.search.conftest import SPACE, Scripted, departures, watched
from tests.search.engine.faults import ERRORS, accuracy, reason_of
from tests.spaces.declared import CANONICAL, CONDITIONAL, HUGE

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


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("place", PLACES)
def test_whatever_a_predictor_raises_the_budget_is_spent_and_a_note_says_so(bench, place, error):
    result, queries = watched(benchmark=bench, predictor=breaking(place, error), budget=8)
    assert (result["queries"], result["stop_reason"]) == (8, "budget")
    assert {query.proposed_by for query in queries} == {"random"}
    (note,) = departures(result)
    assert note.startswith("random proposals from query 3 on: ")
    assert reason_of(error) in note
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
