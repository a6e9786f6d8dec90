"""What a search asks: a surrogate that learns, and the truth."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.benchmarks import LABEL
from nassurrogate.metric import known_metric
from nassurrogate.search.surrogates import CannotLearn, LearningSurrogate, OracleSurrogate, Posterior
from tests.search.conftest import FAST, SPACE

POOL, OTHERS = SPACE.take(range(0, 400, 2)), SPACE.take(range(1, 60, 2))
SHOWN = SPACE.take(range(0, 15_000, 500))


@pytest.fixture(params=["proxy-process", "gradient-boosting", "ridge", "oracle"])
def surrogate(bench, request):
    if request.param == "oracle":
        return OracleSurrogate(bench, bench.objective)
    unfitted = Surrogate("nb201", predictor=request.param, config=FAST if "boosting" in request.param else None)
    return LearningSurrogate(unfitted, np.random.default_rng(0))


def same(one: Posterior, other: Posterior) -> bool:
    return bool(np.allclose(one.mean, other.mean, atol=1e-7) and np.allclose(one.std, other.std, atol=1e-7))


def labels_of(bench, archs):
    return bench.column(LABEL).mean[SPACE.indices(archs)].tolist()


def test_the_pool_grows_in_order_and_predicts_others_alike(surrogate, bench):
    surrogate.add(POOL[:150])
    surrogate.fit(SHOWN[:10], labels_of(bench, SHOWN[:10]))
    assert same(surrogate.posterior(), surrogate.posterior_of(POOL[:150]))
    surrogate.add(POOL[150:])
    assert same(surrogate.posterior(), surrogate.posterior_of(POOL))
    surrogate.fit(SHOWN, labels_of(bench, SHOWN))
    assert same(surrogate.posterior(), surrogate.posterior_of(POOL))
    assert surrogate.posterior().is_finite


def test_a_fit_forgets_the_one_before(surrogate, bench):
    surrogate.add(POOL)
    surrogate.fit(SHOWN[:10], labels_of(bench, SHOWN[:10]))
    before, predicted = surrogate.posterior(), surrogate.predict(OTHERS)
    surrogate.fit(SHOWN[5:], labels_of(bench, SHOWN[5:]))
    surrogate.fit(SHOWN[:10], labels_of(bench, SHOWN[:10]))
    assert same(surrogate.posterior(), before)
    assert same(surrogate.predict(OTHERS), predicted)


def test_predictions_are_in_percent_and_the_best_label_in_the_scale_of_the_posterior(surrogate, bench):
    labels = labels_of(bench, SHOWN)
    surrogate.add(SHOWN)
    surrogate.fit(SHOWN, labels)
    assert 0 < surrogate.predict(OTHERS).mean.min() < surrogate.predict(OTHERS).mean.max() < 110
    best, posterior = surrogate.best_score(labels), surrogate.posterior()
    assert abs(best - posterior.mean[np.argmax(labels)]) <= np.ptp(posterior.mean)


def test_calls_are_counted(surrogate, bench):
    surrogate.fit(SHOWN, labels_of(bench, SHOWN))
    surrogate.add(POOL)
    before = surrogate.predictor_calls
    surrogate.posterior()
    surrogate.posterior_of(OTHERS)
    assert surrogate.predictor_calls - before == len(POOL) + len(OTHERS)


@pytest.mark.parametrize(
    ("labels", "reason"), [([], "no label yet"), ([90.0] * 3, "all labels are equal"), ([90.0, np.nan, 91.0], "no fit")]
)
@pytest.mark.parametrize("name", ["proxy-process", "ridge"])
def test_labels_that_teach_nothing_are_named(name, labels, reason):
    learning = LearningSurrogate(Surrogate("nb201", predictor=name), np.random.default_rng(0))
    with pytest.raises(CannotLearn, match=reason) as caught:
        learning.fit(SPACE.take(range(len(labels))), labels)
    assert "\n" not in str(caught.value)


def test_the_truth_needs_no_label_and_is_certain(bench):
    oracle = OracleSurrogate(bench, bench.objective)
    oracle.add(POOL)
    oracle.fit([], [])
    assert oracle.posterior().mean.tolist() == labels_of(bench, POOL)
    assert set(oracle.posterior().std) == {0.0}
    assert (oracle.initial_labels, oracle.best_score([])) == (0, None)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_posterior_is_finite_if_all_of_it_is(broken):
    fine, spoilt = np.ones(3), np.array([1.0, broken, 1.0])
    assert Posterior(fine, fine).is_finite
    assert not Posterior(spoilt, fine).is_finite
    assert not Posterior(fine, spoilt).is_finite


@pytest.mark.parametrize("name", ["ridge", "space-process", "oracle"])
def test_scores_of_a_minimised_metric_are_better_when_larger(bench, name):
    """The posterior is turned round, predictions keep the unit."""
    latency = known_metric("latency_ms")
    if name == "oracle":
        surrogate = OracleSurrogate(bench, latency)
    else:
        surrogate = LearningSurrogate(Surrogate(SPACE, predictor=name, metric=latency), np.random.default_rng(0))
    labels = bench.lookup(SHOWN, "latency_ms").tolist()
    surrogate.add(SHOWN)
    surrogate.fit(SHOWN, labels)
    posterior, predicted = surrogate.posterior(), surrogate.predict(SHOWN)
    assert np.corrcoef(posterior.mean, labels)[0, 1] < -0.5
    assert np.corrcoef(predicted.mean, labels)[0, 1] > 0.5
    assert (predicted.mean > 0).all()
    assert (predicted.std >= 0).all()
    assert same(posterior, surrogate.posterior_of(SHOWN))
    best = surrogate.best_score(labels)
    assert abs(best - posterior.mean[np.argmin(labels)]) <= np.ptp(posterior.mean)
    assert best > np.median(posterior.mean)
