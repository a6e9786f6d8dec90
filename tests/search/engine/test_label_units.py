"""Labels that look like fractions, and labels of single trainings."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate.benchmarks import LABEL
from nassurrogate.metric import Metric
from tests.search.conftest import SPACE, watched
from tests.search.engine.faults import WIDE, accuracy


@pytest.mark.parametrize(("first", "warned"), [(0.91, True), (0.01, True), (1.0, False), (0.0, False), (10.0, False)])
def test_a_first_value_between_0_and_1_is_warned_of_where_percent_is_meant(first, warned):
    result, _ = watched(space=WIDE, evaluate=lambda arch: first, budget=4, predictor="none")
    notes = [note for note in result["notes"] if "looks like a fraction" in note]
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
    assert sum("looks like a fraction" in note for note in result["notes"]) == 1


def test_a_loss_between_0_and_1_is_no_fraction():
    result, _ = watched(space=WIDE, evaluate=lambda arch: 0.5, budget=3, predictor="none", objective="val_loss")
    assert result["notes"] == []


def test_a_table_of_small_accuracies_is_taken_at_its_word(fake_bench):
    result, _ = watched(benchmark=fake_bench(np.full(SPACE.size, 0.5)), budget=3, predictor="none")
    assert result["notes"] == []


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
