"""Scores before any label: what they rank by, how they are marked, and who has none."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from nassurrogate import Surrogate, get_space
from nassurrogate.benchmarks import load_benchmark
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.prediction_quality import kendall_tau
from nassurrogate.predictors import Predictor, predictor_class, predictor_names, who_scores_without_labels
from nassurrogate.predictors.proxy_process import ProxyProcess
from nassurrogate.spaces import CellSpace
from tests.predictors.conftest import QUICK

SPACE = get_space("nb201")
SCORERS = ("probe-former", "proxy-process")


def unfitted(predictor: str = "proxy-process", **options) -> Surrogate:
    return Surrogate(**{"predictor": predictor, "device": "cpu", **options})


@pytest.mark.parametrize("predictor", SCORERS)
def test_they_rank_a_space_by_accuracy(predictor):
    truth = load_benchmark("nb201", "cifar10").column("val_accuracy_pct").mean
    assert kendall_tau(unfitted(predictor).score(range(15_625)), truth) > 0.6


@pytest.mark.parametrize("predictor", SCORERS)
def test_a_single_one_is_a_float_equal_to_that_of_the_batch(predictor):
    surrogate = unfitted(predictor)
    batch = surrogate.score([3, 1462, SPACE.parse(7).string])
    assert type(surrogate.score(1462)) is float
    assert [surrogate.score(index) for index in (3, 1462, 7)] == batch.tolist()
    assert surrogate.score([]).shape == (0,)


@pytest.mark.parametrize("predictor", SCORERS)
@pytest.mark.parametrize(
    ("metric", "sign"),
    [
        ("val_loss", 1),  # a higher score is a better one: of the same cells as for an accuracy
        ("latency_ms", -1),  # what is expected to be accurate costs more
        ("throughput_img_s", -1),
        (Metric("quality", direction="maximize"), 1),
    ],
)
def test_higher_is_better_by_the_direction_of_the_metric(predictor, metric, sign):
    accuracy = unfitted(predictor).score(range(300))
    assert np.array_equal(unfitted(predictor, metric=metric).score(range(300)), sign * accuracy)


def test_a_note_says_once_that_they_have_no_unit(caplog):
    caplog.set_level(logging.WARNING, "nassurrogate")
    surrogate = unfitted(metric="val_loss")
    assert (surrogate.scores_without_labels, surrogate.score_unit) == (True, None)
    for _ in range(2):
        surrogate.score([0, 1])
    assert caplog.messages == [
        "no label was learned, so scores of proxy-process have no unit: higher means a better expected val_loss"
    ]


def test_labels_replace_them_and_a_failed_fit_brings_them_back(monkeypatch):
    surrogate = unfitted()
    before = surrogate.score(range(9))
    surrogate.fit([0, 1, 2, 3], [85.5, 90.8, 72.1, 88.0])
    assert surrogate.score_unit == "percent"
    assert surrogate.score(range(9)).tolist() == surrogate.predict(range(9))[0].tolist()
    monkeypatch.setattr(ProxyProcess, "fit", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        surrogate.fit([0, 1], [1.0, 2.0])
    assert (surrogate.score_unit, surrogate.score(range(9)).tolist()) == (None, before.tolist())


def test_only_scores_work_without_labels(tmp_path):
    surrogate = unfitted()
    for call in (
        lambda: surrogate.predict([0]),
        lambda: surrogate.posterior([0]),
        lambda: surrogate.adapt([0], [90.0]),
        lambda: surrogate.save(tmp_path / "model"),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value) == (
            "this surrogate has no labels yet; call fit(archs, targets) first, or load a saved one; only score works "
            "without labels"
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "who"),
    [
        ({"predictor": "ridge"}, "probe-former and proxy-process score nb201 without labels"),
        ({"predictor": None, "metric": "latency_ms"}, "probe-former and proxy-process score nb201 without labels"),
        ({"predictor": "probe-former", "config": {"probes": False}}, "proxy-process scores nb201 without labels"),
        ({"config": {"slope": 0.0}}, "probe-former scores nb201 without labels"),
        ({"space": "macro", "predictor": None}, "no built-in predictor scores macro without labels"),
    ],
)
def test_others_name_who_can(options, who):
    surrogate = unfitted(**options)
    assert not surrogate.scores_without_labels
    with pytest.raises(InputError) as caught:
        surrogate.score(0)
    line = "this surrogate has no labels yet; call fit(archs, targets) first, or load a saved one; "
    assert str(caught.value) == line + who


@pytest.mark.parametrize("space", ["nb201", "nb101", "macro"])
def test_who_can_is_who_does(space):
    found = get_space(space)
    scorers = [name for name in predictor_names() if _scores(name, space)]
    sentence = who_scores_without_labels(found)
    assert [name for name in predictor_names() if name in sentence] == scorers
    assert isinstance(found, CellSpace) == bool(scorers)


def _scores(name: str, space: str) -> bool:
    if predictor_class(name).prior_scores is Predictor.prior_scores:
        return False
    try:
        return unfitted(name, space=space, config=QUICK.get(name, {})).scores_without_labels
    except InputError:  # it cannot read the space
        return False


def test_a_metric_of_unknown_direction_has_none():
    unknown = Metric("usefulness")
    assert ProxyProcess(SPACE, metric=unknown).prior_scores(SPACE.take([0, 1])) is None
