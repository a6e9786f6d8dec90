"""Searches that start from a saved surrogate."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.benchmarks import LABEL
from nassurrogate.errors import InputError
from nassurrogate.search import run
from nassurrogate.search.guide import Blend, Forecast

FAST = {"members": 2, "rounds": 20}


@pytest.fixture(scope="module")
def saved(bench, tmp_path_factory):
    """A surrogate of 200 labels, on disk."""
    cells = np.random.default_rng(0).permutation(15_625)[:200]
    surrogate = Surrogate("nb201", predictor="gradient-boosting", config=FAST)
    surrogate.fit(cells.tolist(), bench.column(LABEL).mean[cells])
    return surrogate.save(tmp_path_factory.mktemp("model") / "model.safetensors")


def search(bench, **options):
    return run(**{"budget": 20, "seed": 0, "write": False, **options}, benchmark=bench)


def test_it_guides_from_the_first_query_and_its_labels_are_reported_apart(bench, saved):
    result = search(bench, surrogate=saved)
    assert result["phases"]["init"] == 0
    assert result["queries"] == 20
    assert result["surrogate_labels"] == 200
    assert result["predictor"] == "gradient-boosting:default"
    blind = search(bench, predictor="none", searcher="random")
    assert result["best"]["val_accuracy_pct"] > blind["best"]["val_accuracy_pct"]


def test_a_path_and_the_object_do_the_same(bench, saved):
    results = [search(bench, surrogate=given) for given in (saved, str(saved), Surrogate.load(saved))]
    assert results[0]["best"] == results[1]["best"] == results[2]["best"]


def test_it_is_used_where_labels_are_degenerate(fake_bench, saved):
    result = search(fake_bench(np.full(15_625, 90.0)), surrogate=saved)
    assert result["notes"] == []
    assert result["queries"] == 20


@pytest.mark.parametrize("predictor", ["none", "oracle"])
def test_it_needs_a_predictor(bench, saved, predictor):
    with pytest.raises(InputError, match="makes no use of a saved surrogate"):
        search(bench, surrogate=saved, predictor=predictor)


def test_a_surrogate_of_a_cost_or_without_labels_is_refused(bench):
    cost = Surrogate("nb201", predictor="gradient-boosting", metric="latency_ms", config=FAST)
    with pytest.raises(InputError, match="predicts latency_ms"):
        search(bench, surrogate=cost)
    with pytest.raises(InputError, match="no labels yet"):
        search(bench, surrogate=Surrogate("nb201", predictor="gradient-boosting", config=FAST))


def test_a_blend_weighs_standardised_means():
    rng = np.random.default_rng(0)
    saved, fitted = Forecast(rng.normal(60, 9, 50), np.full(50, 9.0)), Forecast(rng.normal(90, 2, 50), np.full(50, 2.0))
    for weight, same in ((0.0, fitted), (1.0, saved)):
        mean = Blend.of(saved, fitted, weight)(saved, fitted).mean
        assert np.corrcoef(mean, same.mean)[0, 1] == pytest.approx(1)
        assert (mean.mean(), mean.std()) == pytest.approx((fitted.mean.mean(), fitted.mean.std()))
    middle = Blend.of(saved, fitted, 0.5)(saved, fitted)
    z = [(f.mean - f.mean.mean()) / f.mean.std() for f in (saved, fitted)]
    assert middle.mean.argmax() == (z[0] + z[1]).argmax()


def test_a_blend_ignores_what_says_nothing():
    flat, telling = Forecast(np.full(3, 80.0), np.ones(3)), Forecast(np.array([1.0, 2.0, 3.0]), np.ones(3))
    assert Blend.of(flat, telling, 0.9)(flat, telling) is telling
    assert Blend.of(telling, flat, 0.1)(telling, flat) is telling
