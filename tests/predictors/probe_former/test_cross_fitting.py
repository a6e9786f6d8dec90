"""Labels that the members of Probe-Former leave out, and the deviation that is calibrated on them."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate.predictors.calibration import Calibration
from nassurrogate.predictors.inputs.path_features import class_numbers
from nassurrogate.predictors.probe_former.cell_process import CellProcess
from nassurrogate.predictors.training.ensemble import Ensemble
from tests.predictors.probe_former.oracle import columns, labels

CROSS_FIT = {"cross_fit_labels": 24, "even_labels": 0, "closing_epochs": 0}
"""Members leave labels out from a few labels on, and never learn them; the average is that of the members alone."""


@pytest.fixture
def inputs(monkeypatch):
    """The inputs of the parts: rows that members learn, number of labels of the process, labels of the calibration.

    `pools` and `schedules` list those of every fit of the networks.
    """
    seen = {"pools": [], "schedules": []}
    fit, of, init = Ensemble.fit, Calibration.of, CellProcess.__init__

    def noted_fit(self, data, schedule, *args, pools=None, **kwargs):
        seen["pools"].append(pools)
        seen["schedules"].append(schedule)
        seen["n_learned"] = len(data)
        return fit(self, data, schedule, *args, pools=pools, **kwargs)

    def noted_of(held, targets):
        seen["held"] = held
        return of(held, targets)

    def noted_init(self, inputs, scores, *args):
        seen["process_labels"] = len(scores)
        init(self, inputs, scores, *args)

    monkeypatch.setattr(Ensemble, "fit", noted_fit)
    monkeypatch.setattr(Calibration, "of", noted_of)
    monkeypatch.setattr(CellProcess, "__init__", noted_init)
    return seen


def member_weights(predictor, member):
    tensors, _ = predictor.state()
    return np.concatenate([part[member].ravel() for name, part in tensors.items() if name.startswith("weights.")])


def unseen_of(inputs, n):
    return [np.setdiff1d(np.arange(n), pool) for pool in inputs["pools"][-1]]


@pytest.mark.parametrize(("n", "left_out"), [(23, 0), (24, 3), (40, 5)])
def test_with_enough_labels_each_member_leaves_different_ones_out(fit, inputs, n, left_out):
    fit(n, **CROSS_FIT)
    unseen = unseen_of(inputs, n)
    assert [len(part) for part in unseen] == [left_out] * 2
    assert not set(unseen[0]) & set(unseen[1])
    assert inputs["n_learned"] == n


def test_a_member_does_not_depend_on_labels_it_leaves_out(space, fit, inputs):
    """Two labels that it leaves out swap their values, so all other labels keep their ranks."""
    _, targets = labels(space, 40)
    weights = [fit(targets=targets, **CROSS_FIT).state()[0]]
    first, second = unseen_of(inputs, 40)[0][:2]
    swapped = targets.copy()
    swapped[[first, second]] = targets[[second, first]]
    weights.append(fit(targets=swapped, **CROSS_FIT).state()[0])
    names = [name for name in weights[0] if name.startswith("weights.")]
    for name in names:
        np.testing.assert_allclose(weights[0][name][0], weights[1][name][0], rtol=0, atol=1e-6)
    assert max(np.abs(weights[0][name][1] - weights[1][name][1]).max() for name in names) > 1e-3


def test_errors_on_labels_left_out_calibrate_the_deviation(space, fit, inputs):
    predictor = fit(40, **CROSS_FIT)
    held, unseen = inputs["held"], unseen_of(inputs, 40)
    assert [sorted(part) for part in held.place.reshape(2, -1)] == [part.tolist() for part in unseen]
    cells, _ = labels(space, 40)
    left_out = class_numbers(space, [cells[label] for label in held.place])
    scores = columns(space, predictor.config, predictor.state()[0], left_out)[..., 0]
    member = np.repeat([0, 1], len(unseen[0]))
    np.testing.assert_allclose(held.mean, scores[member, np.arange(len(member))], rtol=0, atol=2e-5)


def test_closing_epochs_do_not_change_the_deviation(fit, inputs):
    """It is calibrated on the labels left out before they are learned."""
    before, held = fit(40, **CROSS_FIT), inputs["held"]
    steps = []
    after = fit(40, progress=lambda *step: steps.append(step), **CROSS_FIT | {"closing_epochs": 2})
    assert (inputs["held"].mean == held.mean).all()
    assert after.state()[1]["calibration"] == before.state()[1]["calibration"]
    assert (member_weights(after, 0) != member_weights(before, 0)).any()
    assert steps == [(done, 5) for done in range(1, 6)]


def test_in_closing_epochs_a_member_learns_the_labels_it_left_out(space, fit, inputs):
    _, targets = labels(space, 40)
    closing = CROSS_FIT | {"closing_epochs": 2}
    weights = member_weights(fit(targets=targets, **closing), 0)
    first, last = inputs["pools"]
    assert (first.shape, last) == ((2, 35), None)
    one, other = np.setdiff1d(np.arange(40), first[0])[:2]
    swapped = targets.copy()
    swapped[[one, other]] = targets[[other, one]]
    assert np.abs(weights - member_weights(fit(targets=swapped, **closing), 0)).max() > 1e-4


def test_closing_epochs_are_slower(fit, inputs):
    fit(40, **CROSS_FIT | {"closing_epochs": 2, "closing_rate": 0.5, "learning_rate": 1e-3})
    first, last = inputs["schedules"]
    assert (first.epochs, first.learning_rate) == (3, 1e-3)
    assert (last.epochs, last.learning_rate) == (2, 5e-4)


@pytest.mark.parametrize(
    "changes", [{}, {"closing_epochs": 0, "cross_fit_labels": 24}], ids=["all learned", "no epochs"]
)
def test_otherwise_there_are_no_closing_epochs(fit, inputs, changes):
    """Of labels that no member left out, they would be more of the same."""
    fit(40, **changes)
    assert len(inputs["schedules"]) == 1


@pytest.mark.parametrize("changes", [{}, {"network_share": 0.0, "cross_fit_labels": 2}], ids=["few", "no network"])
def test_otherwise_leave_one_out_errors_of_the_process_calibrate(fit, inputs, changes):
    fit(40, **changes)
    assert sorted(inputs["held"].place) == list(range(40))


def test_a_fit_on_many_labels_covers_unseen_ones(space, make):
    """With networks that overfit, whose errors on their own labels would be too small."""
    cells, targets = labels(space, 700)
    targets = targets + np.random.default_rng(0).normal(0, 0.5, len(targets))
    predictor = make("probe-former", epochs=20, width=32, unlabelled=0, cross_fit_labels=100, even_labels=0)
    predictor.fit(cells[:400], targets[:400])
    mean, std = predictor.predict(cells[400:])
    covered = (np.abs(targets[400:] - mean) <= 1.645 * std).mean()
    assert 0.8 < covered < 0.99


def test_the_process_learns_at_most_process_labels(fit, everywhere, inputs):
    predictor = fit(60, process_labels=20, cross_fit_labels=24, closing_epochs=0)
    assert inputs["process_labels"] == 20
    assert inputs["n_learned"] == 60
    assert len(predictor.state()[0]["labels.index"]) == 60
    assert [len(part) for part in unseen_of(inputs, 60)] == [7, 7]
    only, whole = (everywhere(60, network_share=0.0, process_labels=most) for most in (20, 60))
    assert np.corrcoef(only, whole)[0, 1] > 0.3
    assert (only != whole).any()
