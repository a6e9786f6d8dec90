"""Notes on labels: deviations with one or two of them, and labels that look like fractions."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from nassurrogate import Surrogate, get_space
from nassurrogate.benchmarks import load_benchmark
from nassurrogate.predictors import predictor_class, predictor_names
from nassurrogate.predictors.calibration import WIDTH
from nassurrogate.predictors.labels.notes import deviation_of_unknown

SPACE = get_space("nb201")
# Roofline reads one label as the speed of a device, and expects larger networks to take longer.
READS_SPEED = "roofline"
ON_NB201 = [
    name for name in predictor_names() if isinstance(SPACE, predictor_class(name).requires) and name != READS_SPEED
]
QUICK = {
    "probe-former": {"epochs": 2, "members": 2, "width": 16, "blocks": 1, "closing_epochs": 1},
    "nar-former-v2": {"epochs": 2, "members": 2, "width": 16, "head_width": 8, "folds": 2},
    "gcn": {"epochs": 2, "members": 2, "width": 16, "layers": 2, "folds": 2},
    "nar-former-v1": {"epochs": 2, "code_width": 8, "folds": 2},
    "mlp-ensemble": {"epochs": 2, "members": 2, "layers": 3},
}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "nassurrogate")
    return caplog


@pytest.mark.parametrize("predictor", ON_NB201)
def test_one_label_gives_a_wide_deviation(predictor, log, tmp_path):
    surrogate = Surrogate(predictor=predictor, config=QUICK.get(predictor, {}), device="cpu").fit([5], [90.0])
    mean, std = surrogate.predict(range(20))
    assert (mean - WIDTH * std < 10).all()  # both the worst and a perfect architecture lie within
    assert (mean + WIDTH * std > 100).all()
    (line,) = log.messages
    assert line == (
        "too few labels for a 90 % interval: one architecture says nothing about others; the deviation of "
        "val_accuracy_pct, 49.3, is a guess based on the size of its label"
    )
    loaded = Surrogate.load(surrogate.save(tmp_path / "model"), device="cpu")
    assert loaded.predict(range(20))[1].tolist() == std.tolist()


def test_several_labels_of_one_architecture_do_too(log):
    surrogate = Surrogate(predictor="ridge", metric="latency_ms").fit([5, 5, 5], [3.0, 3.1, 2.9])
    assert (surrogate.predict(range(20))[1] >= 6.0 - 1e-9).all()
    assert "too few labels" in log.messages[0]
    surrogate.fit([5, 6, 7], [3.0, 3.1, 2.9])
    assert (surrogate.predict([5, 6, 7])[1] < 2.0).all()
    assert len(log.messages) == 1


def test_two_labels_are_noted_as_few_and_three_are_not(log):
    surrogate = Surrogate(predictor="space-process").fit([5, 6], [90.0, 85.0])
    assert (surrogate.predict(range(20))[1] > 5.0).all()
    (line,) = log.messages
    assert line == (
        "too few labels for a 90 % interval: with two architectures, deviations are wide guesses based on the distance "
        "between their labels"
    )
    surrogate.fit([5, 6, 7], [90.0, 85.0, 80.0])
    surrogate.fit([5, 6], [90.0, 85.0])  # said once
    assert len(log.messages) == 1


@pytest.mark.parametrize("metric", ["val_accuracy_pct", "latency_ms"])
def test_the_guess_covers_nine_tenths_of_a_real_table(metric):
    """On average over the cells that the only label may be of."""
    values = load_benchmark("nb201", "cifar10").column(metric).mean
    values = values[np.isfinite(values)]
    rng = np.random.default_rng(0)
    about = Surrogate(predictor="ridge", metric=metric).about_metric
    labels, others = rng.choice(values, 10_000), rng.choice(values, 10_000)
    widths = [WIDTH * deviation_of_unknown(label, about) for label in labels]
    assert (np.abs(others - labels) <= widths).mean() > 0.9


def test_a_label_of_0_is_not_certain():
    surrogate = Surrogate(predictor="ridge", metric="val_loss_nats").fit([5], [0.0])
    assert (surrogate.predict(range(20))[1] == 1.0).all()


# --- fractions -----------------------------------------------------------------------------------------------------


def test_percentages_that_look_like_fractions_are_read_with_a_warning(log):
    surrogate = Surrogate(predictor="ridge").fit([0, 1, 2], [0.912, 0.88, 1.0])
    assert surrogate.label_stats["max"] == 1.0
    (line,) = log.messages
    assert line == (
        "val_accuracy_pct is in percent, but all labels are between 0 and 1 (0.88 to 1): multiply fractions by 100 "
        "first, or ignore this note if they are percent"
    )
    surrogate.fit([0, 1, 2, 3], [0.912, 0.88, 1.0, 0.7])
    assert len(log.messages) == 1


@pytest.mark.parametrize(
    ("metric", "targets"),
    [
        ("val_accuracy_pct", [0.9, 91.0, 92.0]),
        ("val_accuracy", [0.9, 0.91, 0.92]),
        ("latency_ms", [0.9, 0.91, 0.92]),
        ("val_accuracy_pct", [-0.5, 0.5, 0.7]),
    ],
)
def test_other_labels_are_read_without_a_warning(metric, targets, log):
    Surrogate(predictor="ridge", metric=metric).fit([0, 1, 2], targets)
    assert not log.messages
