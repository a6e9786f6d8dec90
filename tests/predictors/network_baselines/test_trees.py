"""Boosted trees as arrays: equal to LightGBM's own, and safe to read."""

from __future__ import annotations

from collections.abc import Callable

import lightgbm
import numpy as np
import pytest

from nassurrogate import InputError, Surrogate
from nassurrogate.predictors.network_baselines.trees import Trees
from tests.predictors.whole_networks.chains import additive_latency_ms, chain

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def booster() -> lightgbm.Booster:
    """Some trees with negative, large and zero features."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 5)) * [1, 1e9, 1e-9, 0, 1]
    rows[:, 4] = rng.integers(-2, 3, 300)
    params = {"num_leaves": 15, "min_data_in_leaf": 2, "verbosity": -1, "use_missing": False, "num_threads": 1}
    return lightgbm.train(params, lightgbm.Dataset(rows, label=rows[:, 0] * rows[:, 4]), num_boost_round=30)


@pytest.fixture
def trees(booster: lightgbm.Booster) -> Trees:
    """The same as arrays."""
    return Trees.of(tree["tree_structure"] for tree in booster.dump_model()["tree_info"])


def test_they_predict_what_lightgbm_predicts(booster: lightgbm.Booster, trees: Trees) -> None:
    rows = np.random.default_rng(1).normal(size=(500, 5)) * [2, 1e9, 1e-9, 1, 1]
    rows[::7] = 0.0
    assert trees(rows) == pytest.approx(booster.predict(rows), rel=1e-12, abs=1e-12)
    on_thresholds = np.tile(trees.threshold[trees.feature == 0][:50, None], 5)
    assert trees(on_thresholds) == pytest.approx(booster.predict(on_thresholds), rel=1e-12, abs=1e-12)


def test_a_row_is_on_its_own(trees: Trees) -> None:
    rows = np.random.default_rng(2).normal(size=(40, 5))
    assert [trees(rows[place : place + 1])[0] for place in range(40)] == trees(rows).tolist()
    assert trees(rows[:0]).shape == (0,)


def test_they_survive_a_file(trees: Trees) -> None:
    again = Trees.checked(trees.tensors(), 5)
    rows = np.random.default_rng(3).normal(size=(20, 5))
    assert again(rows).tolist() == trees(rows).tolist()


def _set(name: str, place: int, value: float) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays[f"trees.{name}"][place] = value

    return change


def _replace(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Arrays], None]:
    def changed(arrays: Arrays) -> None:
        arrays[f"trees.{name}"] = change(arrays[f"trees.{name}"])

    return changed


@pytest.mark.parametrize(
    "spoil",
    [
        _set("left", 0, 0),
        _set("right", 0, 1 << 30),
        _set("right", 0, -1),
        _set("feature", 0, 5),
        _set("feature", 0, -2),
        _set("feature", 0, -1),
        _set("threshold", 0, np.nan),
        _set("value", 0, np.inf),
        _set("value", 0, 1e9),
        _set("roots", 0, 1),
        _set("roots", 0, -1),
        _replace("roots", lambda roots: roots[:-1]),
        _replace("roots", lambda roots: roots[:0]),
        _replace("value", lambda value: value[:-1]),
        _replace("value", lambda value: value.astype(np.float32)),
        _replace("feature", lambda feature: feature.reshape(1, -1)),
        _replace("left", lambda left: left[::-1].copy()),
    ],
)
def test_arrays_that_are_no_trees_are_refused(trees: Trees, spoil: Callable[[Arrays], None]) -> None:
    arrays = {name: array.copy() for name, array in trees.tensors().items()}
    spoil(arrays)
    with pytest.raises(InputError, match="trees"):
        Trees.checked(arrays, 5)


def test_boosting_predicts_no_more_than_it_has_seen() -> None:
    graphs = [chain([width, width]) for width in range(8, 400, 4)]
    latencies = np.array([additive_latency_ms(graph) for graph in graphs])
    surrogate = Surrogate("networks", predictor="boosting-networks", metric="latency_ms", config={"rounds": 60})
    surrogate.fit(graphs, latencies)
    assert np.mean(np.abs(surrogate.predict(graphs)[0] / latencies - 1)) < 0.05
    assert surrogate.predict([chain([4000, 4000])])[0] < 1.1 * latencies.max()
