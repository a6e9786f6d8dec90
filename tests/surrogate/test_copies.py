"""Surrogates in copies, pickles and other processes."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.metric import Metric
from nassurrogate.spaces import CategoricalSpace

QUICK = {"rounds": 10, "members": 2}
MINE = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
WAYS: dict[str, Callable[[Surrogate], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda surrogate: pickle.loads(pickle.dumps(surrogate)),
}


def boosting(**options: Any) -> Surrogate:
    return Surrogate(predictor="gradient-boosting", config=QUICK, **options)


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_is_equal_and_learns_independently(way: str, tmp_path: Path) -> None:
    surrogate = boosting(metric="latency_ms", seed=3).fit(range(12), np.linspace(2, 9, 12))
    before = surrogate.score(range(40)).tolist()
    other = WAYS[way](surrogate)
    assert other.score(range(40)).tolist() == before
    assert (other.metric, other.seed, other.n_labels, other.label_stats) == ("latency_ms", 3, 12, surrogate.label_stats)
    assert other.space is surrogate.space
    other.fit([0, 1, 2], [9.0, 5.0, 1.0])
    assert surrogate.score(range(40)).tolist() == before
    assert (surrogate.n_labels, other.n_labels) == (12, 3)
    surrogate.fit([5, 6, 7], [1.0, 2.0, 3.0])
    assert other.labels[1].tolist() == [9.0, 5.0, 1.0]
    assert Surrogate.load(other.save(tmp_path / "model")).score(range(40)).tolist() == other.score(range(40)).tolist()


@pytest.mark.parametrize("way", WAYS)
def test_a_surrogate_without_labels_can_be_copied(way: str) -> None:
    metric = Metric("usefulness", direction="minimize")
    other = WAYS[way](Surrogate(MINE, metric=metric))
    assert other.labels is None
    assert other.about_metric == metric
    assert np.isfinite(other.fit(list(MINE.members()), np.arange(6.0)).score("kernel=3 width=16"))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_other_processes_score(start: str) -> None:
    surrogate = Surrogate(MINE, predictor="ridge").fit(list(MINE.members()), np.arange(6.0))
    batches = [["kernel=3 width=16"], ["kernel=5 width=64", "kernel=3 width=32"]]
    with multiprocessing.get_context(start).Pool(1) as pool:
        scores = pool.map(surrogate.score, batches)
    assert [each.tolist() for each in scores] == [surrogate.score(batch).tolist() for batch in batches]
