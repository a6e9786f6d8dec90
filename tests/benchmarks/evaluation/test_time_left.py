"""How long the fits that are left are said to take."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate.benchmarks.evaluation.fit import Fit, Prediction
from nassurrogate.benchmarks.evaluation.time_left import TimeLeft


class Clock:
    """Shows what it is set to."""

    now = 50.0

    def __call__(self):
        return self.now


def _fit(predictor, labels):
    return Fit(
        {"split": 0}, "nb201", predictor, {}, "val_accuracy_pct", 0, "cpu", list(range(labels)), np.zeros(labels)
    )


def _took(fit_s, score_s):
    return Prediction(np.zeros(0), np.zeros(0), fit_s, score_s)


@pytest.fixture
def clock():
    return Clock()


def test_the_time_to_fit_grows_with_the_labels_and_the_time_to_score_does_not(clock):
    left = TimeLeft(1, clock=clock)
    left.start()
    assert left.seconds([_fit("slow", 100)]) is None
    clock.now += 12
    left.learn(_fit("slow", 20), _took(10.0, 2.0))
    assert left.seconds([]) == 0
    assert left.seconds([_fit("slow", 20), _fit("slow", 200)]) == pytest.approx(12 + 102)
    assert left.seconds([_fit("slow", 20), _fit("quick", 20)]) is None, "nothing is known of the other one"
    clock.now += 1
    left.learn(_fit("quick", 20), _took(1.0, 0.0))
    assert left.seconds([_fit("slow", 20), _fit("quick", 20)]) == pytest.approx(13)


def test_what_several_processes_do_at_once_counts_once(clock):
    left = TimeLeft(2, clock=clock)
    left.start()
    for _ in range(2):
        clock.now += 5
        left.learn(_fit("slow", 20), _took(10.0, 0.0))
    assert left.seconds([_fit("slow", 20)] * 4) == pytest.approx(20)


def test_fits_of_an_earlier_run_tell_before_the_first_one(clock):
    left = TimeLeft(2, clock=clock)
    left.learn(_fit("slow", 20), _took(10.0, 0.0), now=False)
    clock.now += 1000
    left.start()
    assert left.seconds([_fit("slow", 40)] * 4) == pytest.approx(40)
