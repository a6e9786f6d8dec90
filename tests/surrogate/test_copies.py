"""Surrogates that travel: copies, pickles, other processes."""

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
def test_a_copy_is_equal_and_learns_for_itself(way: str, tmp_path: Path) -> None:
    surrogate = boosting(metric="latency_ms", seed=3).fit(range(12), np.linspace(2, 9, 12))
    before = surrogate.score(range(40)).tolist()
    twin = WAYS[way](surrogate)
    assert twin.score(range(40)).tolist() == before
    assert (twin.metric, twin.seed, twin.n_labels, twin.label_stats) == ("latency_ms", 3, 12, surrogate.label_stats)
    assert twin.space is surrogate.space
    twin.fit([0, 1, 2], [9.0, 5.0, 1.0])
    assert surrogate.score(range(40)).tolist() == before
    assert (surrogate.n_labels, twin.n_labels) == (12, 3)
    surrogate.fit([5, 6, 7], [1.0, 2.0, 3.0])
    assert twin.labels[1].tolist() == [9.0, 5.0, 1.0]
    assert Surrogate.load(twin.save(tmp_path / "model")).score(range(40)).tolist() == twin.score(range(40)).tolist()


@pytest.mark.parametrize("way", WAYS)
def test_one_without_labels_is_copied_too(way: str) -> None:
    metric = Metric("usefulness", direction="minimize")
    twin = WAYS[way](Surrogate(MINE, metric=metric))
    assert twin.labels is None
    assert twin.about_metric == metric
    assert np.isfinite(twin.fit(list(MINE.members()), np.arange(6.0)).score("kernel=3 width=16"))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_other_processes_score(start: str) -> None:
    surrogate = Surrogate(MINE, predictor="ridge").fit(list(MINE.members()), np.arange(6.0))
    batches = [["kernel=3 width=16"], ["kernel=5 width=64", "kernel=3 width=32"]]
    with multiprocessing.get_context(start).Pool(1) as pool:
        scores = pool.map(surrogate.score, batches)
    assert [each.tolist() for each in scores] == [surrogate.score(batch).tolist() for batch in batches]
