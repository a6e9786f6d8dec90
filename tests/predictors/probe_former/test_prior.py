"""What Probe-Former expects before any label, and how the first labels are read in its light."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, rankdata, spearmanr

from nassurrogate.metric import Metric, known_metric
from nassurrogate.predictors.inputs.path_features import class_numbers
from nassurrogate.predictors.probe_former import ProbeFormer
from nassurrogate.predictors.probe_former.prior import PROXIES, class_prior
from nassurrogate.proxies.names import PROBE_NAMES
from nassurrogate.proxies.table import probe_features
from nassurrogate.spaces import get_space
from tests.predictors.probe_former.oracle import labels

UNKNOWN = Metric("usefulness")


WEIGHTS = {"nor_conv_1x1": 1, "nor_conv_3x3": 9, "conv1x1-bn-relu": 1, "conv3x3-bn-relu": 9}


def n_weights(space, archs):
    """(B,) of the convolutions in canonical cells of one channel."""
    return np.array([sum(WEIGHTS.get(op, 0) for op in space.graph(arch).ops) for arch in archs])


def proxies(space):
    return [probe_features(space)[:, PROBE_NAMES.index(name)] for name in PROXIES]


# --- the score -------------------------------------------------------------------------------------------------------


def test_it_is_the_sum_of_the_log_ranks_of_proxies_and_weights(space):
    """As a normal score; ranks are among the classes, and equal values share one."""
    _, first = np.unique(space.class_ids(), return_index=True)
    columns = [*proxies(space), n_weights(space, space.take(first))]
    total = sum(np.log(rankdata(column) / space.n_classes) for column in columns)
    wanted = norm.ppf((rankdata(total.round(9)) - 0.5) / space.n_classes)
    np.testing.assert_allclose(class_prior(space), wanted, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", ["nb201", "nb101"])
def test_a_class_that_is_better_in_all_of_them_scores_higher(name):
    space = get_space(name)
    score = class_prior(space)
    assert score.shape == (space.n_classes,)
    assert (score.mean(), score.std()) == pytest.approx((0, 1), abs=0.01)
    assert not score.flags.writeable
    cells = space.sample(1000, np.random.default_rng(0))
    classes = class_numbers(space, cells)
    columns = np.array([*(proxy[classes] for proxy in proxies(space)), n_weights(space, cells)])
    better, worse = np.nonzero((columns[:, :, None] > columns[:, None]).all(axis=0))
    assert len(better) > 1000
    assert (score[classes[better]] > score[classes[worse]]).all()


# --- before any label ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "sign"), [("val_accuracy_pct", 1), ("val_loss", 1), ("latency_ms", -1), ("throughput_img_s", -1)]
)
def test_it_scores_before_any_label(space, metric, sign):
    """Higher is better: a higher accuracy, a lower loss, and cheaper, which the less accurate ones are."""
    cells = space.sample(50, np.random.default_rng(0))
    scores = ProbeFormer(space, metric=known_metric(metric), device="cpu").prior_scores(cells)
    assert (scores == sign * class_prior(space)[class_numbers(space, cells)]).all()


def test_without_a_direction_or_proxies_there_is_no_score(space):
    cells = space.take([0, 1])
    assert ProbeFormer(space, metric=UNKNOWN, device="cpu").prior_scores(cells) is None
    assert ProbeFormer(space, config={"probes": False}, device="cpu").prior_scores(cells) is None


# --- after labels ----------------------------------------------------------------------------------------------------


def learned(space, metric, targets, **changes):
    """(15625,) posterior means, in normal scores, of the process alone after labels of the first cells of `labels`."""
    predictor = ProbeFormer(space, config={"network_share": 0.0, **changes}, metric=metric, device="cpu")
    predictor.fit(labels(space, 30)[0][: len(targets)], np.asarray(targets))
    return predictor.posterior(space.all())[0]


@pytest.mark.parametrize(
    ("name", "sign"), [("val_accuracy_pct", 1), ("val_loss", -1), ("latency_ms", 1), ("throughput_img_s", -1)]
)
def test_after_a_single_label_it_still_orders_the_space(space, name, sign):
    """What is expected to be accurate has a low loss, costs more and runs slower."""
    mean = learned(space, known_metric(name), [3.0])
    assert sign * spearmanr(mean, class_prior(space)[space.class_ids()]).statistic > 0.8


def test_losses_are_learned_as_accuracies_upside_down(space):
    accuracies = labels(space, 30)[1]
    mean = learned(space, known_metric("val_accuracy_pct"), accuracies)
    np.testing.assert_allclose(learned(space, known_metric("val_loss"), -accuracies), -mean, rtol=0, atol=1e-8)
    upside_down = learned(space, known_metric("val_accuracy_pct"), -accuracies)
    assert np.abs(upside_down + mean).max() > 0.1, "of accuracies, they contradict the prior"


@pytest.mark.parametrize(("metric", "changes"), [(UNKNOWN, {}), (known_metric("val_accuracy_pct"), {"probes": False})])
def test_without_a_direction_or_proxies_nothing_is_expected(space, metric, changes):
    assert learned(space, metric, [3.0], **changes) == pytest.approx(0.0)
    targets = labels(space, 30)[1]
    mean, upside_down = (learned(space, metric, sign * targets, **changes) for sign in (1, -1))
    np.testing.assert_allclose(upside_down, -mean, rtol=0, atol=1e-8)
