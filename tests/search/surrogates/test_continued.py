"""Searches that learn a saved surrogate's labels together with their own."""

from __future__ import annotations

import logging
from typing import ClassVar

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.benchmarks import LABEL
from nassurrogate.search import SearchSettings
from nassurrogate.search.surrogates.continued import ContinuedSurrogate
from nassurrogate.spaces import CategoricalSpace
from tests.search.conftest import SPACE, Scripted, departures, watched

FEW = "too few labels"
NAMELESS = (
    "the surrogate does not say which data set its labels are of; they guide the search, but are not learned again; if "
    "it is cifar10, train the surrogate with dataset='cifar10' (--dataset cifar10)"
)
ANOTHER = (
    "the surrogate learned labels of cifar100, but this search is on cifar10; they guide the search, but are not "
    "learned again, and none of them counts as known"
)
CELLS = np.random.default_rng(4).permutation(SPACE.size)[:359]


def recording(*, at_once: bool = True) -> type[Scripted]:
    """A predictor that keeps the labels of every fit."""

    class Records(Scripted):
        name = "records"
        refits_at_once = at_once
        fits: ClassVar[list] = []

        def fit(self, archs, targets, *, progress=None):
            type(self).fits.append((list(archs), np.asarray(targets).tolist()))

    return Records


@pytest.fixture(scope="module")
def labels(bench):
    return bench.column(LABEL).mean


@pytest.fixture(scope="module")
def saved(bench, labels):
    """A surrogate of 359 labels of the data set that is searched."""
    return Surrogate("nb201", predictor="proxy-process").fit(CELLS.tolist(), labels[CELLS], dataset=bench.dataset)


@pytest.mark.parametrize("searcher", ["exhaustive", "evolution"])
def test_every_fit_learns_the_saved_labels_and_those_of_the_run(bench, saved, labels, searcher):
    predictor = recording()
    options = {"searcher": searcher, "settings": SearchSettings(inner_proposals=50)}
    result, queries = watched(benchmark=bench, budget=6, surrogate=saved, predictor=predictor, **options)
    assert {query.phase for query in queries} == {"search", "confirm"}
    assert result["surrogate_labels"] == 359
    assert not [note for note in departures(result) if "surrogate's own labels is better" not in note]
    assert predictor.fits
    for archs, learned in predictor.fits:
        n_own = len(learned) - 359
        assert archs[:359] == SPACE.take(CELLS)
        assert learned[:359] == labels[CELLS].tolist()
        assert [arch.string for arch in archs[359:]] == [query.arch for query in queries[:n_own]]
        assert learned[359:] == [query.label for query in queries[:n_own]]
    assert {len(learned) - 359 for _, learned in predictor.fits} == {1, 2, 3, 4, 5}  # first the saved one predicts


@pytest.mark.parametrize("name", ["proxy-process", "space-process"])
def test_predictions_stay_close_to_what_is_measured(bench, labels, name, caplog, tmp_path):
    model = Surrogate("nb201", predictor=name).fit(CELLS.tolist(), labels[CELLS], dataset=bench.dataset)
    path = model.save(tmp_path / "model.safetensors")
    with caplog.at_level(logging.WARNING):
        result, queries = watched(benchmark=bench, budget=10, surrogate=path)
    assert np.median([abs(query.predicted_mean - query.label) for query in queries]) < 1.0
    assert result["best"]["value"] > np.quantile(labels, 0.9)
    assert FEW not in caplog.text


def test_a_slow_predictor_learns_the_labels_of_the_run_alone_and_says_so(bench, saved):
    predictor = recording(at_once=False)
    chosen = SearchSettings(batch_size=4)
    result, _ = watched(benchmark=bench, budget=13, surrogate=saved, predictor=predictor, settings=chosen)
    assert [len(learned) for _, learned in predictor.fits] == [4, 8, 12]
    assert any(note.startswith("a fit of records to all labels takes long; they guide") for note in result["notes"])


def test_what_was_learned_is_said_before_the_first_query(bench, saved):
    events = []
    watched(benchmark=bench, budget=2, surrogate=saved, listener=events.append)
    assert "the surrogate's labels (359) are learned together with those of this run" in events[0].message
    assert "another data set" not in events[0].message


def test_requeried_architectures_have_two_labels(bench, saved):
    predictor = recording()
    options = {"benchmark": bench, "budget": 20, "surrogate": saved, "predictor": predictor, "requery_known": True}
    _, queries = watched(**options)
    again = {query.arch for query in queries[:-1]} & {arch.string for arch in SPACE.take(CELLS)}
    archs, _ = predictor.fits[-1]
    assert {arch.string for arch in archs if archs.count(arch) == 2} == again
    assert len(archs) == 359 + 19


@pytest.mark.parametrize(
    ("dataset", "note"),
    [(None, NAMELESS), ("cifar100", ANOTHER)],
)
def test_other_labels_only_guide_and_the_small_fit_is_no_news(bench, labels, dataset, note, caplog):
    model = Surrogate("nb201", predictor="proxy-process").fit(CELLS.tolist(), labels[CELLS], dataset=dataset)
    predictor = recording()
    with caplog.at_level(logging.WARNING):
        result, _ = watched(benchmark=bench, budget=6, surrogate=model, predictor=predictor)
    assert departures(result) == [note]
    assert [len(learned) for _, learned in predictor.fits] == [2, 3, 4, 5]
    assert FEW not in caplog.text


def test_without_a_model_few_labels_are_still_warned_of(bench, caplog):
    with caplog.at_level(logging.WARNING):
        watched(benchmark=bench, budget=4, settings=SearchSettings(n_init=2))
    assert FEW in caplog.text


def test_queries_of_a_fidelity_do_not_mix_with_labels_of_an_unknown_one():
    space = CategoricalSpace("widths", {f"layer{place}": [1, 2, 4, 8] for place in range(6)})

    def train(arch, seed, fidelity):
        return sum(arch.choices.values()) * (0.5 if fidelity == 2 else 1.0)

    archs = space.sample(40, np.random.default_rng(0))
    model = Surrogate(space).fit(archs, [train(arch, 0, None) for arch in archs], dataset="mine")
    options = {"space": space, "evaluate": train, "dataset": "mine", "budget": 4, "surrogate": model}
    result, _ = watched(**options, fidelity=2)
    assert result["notes"][0].startswith("queries are of fidelity 2, and the surrogate does not say of which fidelity")
    result, _ = watched(**options)
    assert not [note for note in result["notes"] if "not learned again" in note]


def test_labels_of_another_unit_are_not_learned_together(fake_bench, bench):
    ms = bench.column("latency_ms").mean
    truth = fake_bench(np.full(SPACE.size, 90.0), latency_ms=ms)
    model = Surrogate("nb201", predictor="space-process", metric="latency_ms")
    model.fit(CELLS.tolist(), ms[CELLS] / 1000, dataset=truth.dataset)
    result, queries = watched(benchmark=truth, budget=6, surrogate=model, objective="latency_ms")
    (note,) = [note for note in departures(result) if "units may differ" in note]
    assert note.startswith(
        "only the saved surrogate is used from query 4 on: the saved surrogate learned labels around"
    )
    assert {query.proposed_by for query in queries} == {"exhaustive"}
    model.fit(CELLS.tolist(), ms[CELLS], dataset=truth.dataset)
    result, _ = watched(benchmark=truth, budget=6, surrogate=model, objective="latency_ms")
    assert not [note for note in result["notes"] if "units may differ" in note]


@pytest.mark.parametrize("metric", ["val_accuracy_pct", "val_error_pct"])
def test_an_improvement_counts_from_the_best_label_of_all_that_are_feasible(labels, metric):
    values = labels if metric == "val_accuracy_pct" else 100 - labels
    model = Surrogate("nb201", predictor="proxy-process", metric=metric).fit(
        CELLS.tolist(), values[CELLS], dataset="cifar10"
    )
    order = CELLS[np.argsort(labels[CELLS])]
    feasible = values[order[:300]].tolist()  # the best of the others are too slow, say
    continued = ContinuedSurrogate(model.fresh(seed=1), np.random.default_rng(0), model, feasible)
    rest = np.setdiff1d(np.arange(SPACE.size), CELLS)
    rest = rest[np.argsort(labels[rest])]
    poor, good = int(rest[0]), int(rest[-1])

    def score(cell):
        """The place of its label among all that were learned, as a score."""
        return continued._surrogate.predictor.encoded(values[[cell]])[0] * (1 if metric == "val_accuracy_pct" else -1)

    continued.fit([], [])
    assert continued.best_score([]) == pytest.approx(score(order[299]))
    continued.fit(SPACE.take([poor]), [values[poor]])
    assert continued.best_score([values[poor]]) == pytest.approx(score(order[299]))
    continued.fit(SPACE.take([poor, good]), values[[poor, good]].tolist())
    assert continued.best_score(values[[poor, good]].tolist()) == pytest.approx(score(good))


def test_a_model_of_one_label_guides_too(bench, labels):
    model = Surrogate("nb201", predictor="proxy-process").fit([int(CELLS[0])], labels[CELLS[:1]], dataset=bench.dataset)
    result, queries = watched(benchmark=bench, budget=6, surrogate=model)
    assert {query.proposed_by for query in queries} == {"exhaustive"}
    assert result["phases"]["init"] == 0
