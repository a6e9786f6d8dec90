"""Classes scored on demand: in any order, and never twice."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.predictors.inputs.cells import CHUNK
from nassurrogate.predictors.probe_former.scored_classes import ScoredClasses

N_CLASSES = 1000
SIZES = np.resize(np.array([2, 5, 5, 5, 7], dtype=np.uint8), N_CLASSES)


class Scorer:
    """Scores a class with its number and twice that; notes the classes."""

    def __init__(self):
        self.asked = []

    def __call__(self, classes):
        assert (np.diff(classes) > 0).all()
        self.asked.append(classes)
        return np.stack([classes, 2.0 * classes])


@settings(max_examples=50)
@given(st.lists(st.lists(st.integers(0, N_CLASSES - 1), min_size=1, max_size=400), max_size=12))
def test_any_classes_in_any_order(batches):
    known, scorer = ScoredClasses(SIZES, 2), Scorer()
    for batch in batches:
        classes = np.array(batch)
        assert (known.take(classes, scorer) == np.stack([classes, 2.0 * classes])).all()
    every = np.concatenate([*scorer.asked, np.empty(0, int)])
    assert len(set(every.tolist())) == len(every), "none is scored twice"


def test_one_class_scores_a_chunk_of_its_size():
    known, scorer = ScoredClasses(SIZES, 2), Scorer()
    known.take(np.array([3, 3]), scorer)
    (asked,) = scorer.asked
    assert len(asked) == CHUNK
    assert set(SIZES[asked].tolist()) == {5}
    known.take(np.array([0]), scorer)
    assert scorer.asked[1].tolist() == np.flatnonzero(SIZES == 2).tolist(), "all there are, where there are fewer"


def test_one_by_one_is_no_more_work_than_at_once():
    known, scorer = ScoredClasses(SIZES, 2), Scorer()
    for number in range(N_CLASSES):
        known.take(np.array([number]), scorer)
    assert len(scorer.asked) == sum(-(-np.count_nonzero(size == SIZES) // CHUNK) for size in (2, 5, 7))
