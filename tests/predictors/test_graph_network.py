"""Common behaviour of predictors that train networks on graphs: averaging, and deviations from folds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nassurrogate.errors import InputError
from nassurrogate.predictors.calibration import split_folds
from nassurrogate.predictors.gcn import GCN
from nassurrogate.predictors.graph_network import _pools
from nassurrogate.predictors.training.steps import Schedule, Steps

TINY = {"width": 8, "members": 3, "epochs": 5}


def test_the_running_average_of_the_weights():
    schedule = Schedule(5, 4, 0.1, 0.0, 0.1, 1, averaging=0.7)
    weights = {"w": torch.tensor([[1.0, -2.0]], requires_grad=True)}
    expected = weights["w"].detach().clone()
    steps = Steps(
        weights, lambda rows: (weights["w"] - rows).square().sum(), schedule, 2, torch.device("cpu"), members=1
    )
    for _ in range(5):
        steps.epoch(np.array([[0, 1]]))
        expected = 0.7 * expected + 0.3 * weights["w"].detach()
    assert torch.allclose(steps.learned["w"], expected)
    assert not torch.allclose(steps.learned["w"], weights["w"])


def test_a_fit_keeps_the_average(space):
    cells = space.parse_many(range(20))
    means = []
    for averaging in (0.0, 0.9):
        predictor = GCN(space, config={**TINY, "averaging": averaging}, device="cpu")
        predictor.fit(cells, np.linspace(60, 90, 20))
        means.append(predictor.predict(cells)[0])
    assert (means[0] != means[1]).any()


def test_the_members_of_a_fold_do_not_see_its_labels():
    folds = split_folds(11, seed=0, folds=3)
    pools = _pools(2, folds, 11, np.random.default_rng(0))
    assert pools.shape == (2 + 2 * 3, 11)
    assert (pools[:2] == np.arange(11)).all()
    for number, fold in enumerate(folds):
        for pool in pools[2 + 2 * number : 4 + 2 * number]:
            assert set(pool) == set(fold.known)


def test_held_out_labels_set_the_deviation(space):
    """Random labels are predicted with about their own deviation, labels that depend on the cell with a smaller one."""
    rng = np.random.default_rng(0)
    cells = space.sample(300, rng)
    convolutions = np.array([cell.string.count("conv") for cell in cells], dtype=float)
    deviation = {}
    for name, labels in {"noise": rng.normal(70, 5, 300), "signal": 60 + 5 * convolutions}.items():
        predictor = GCN(space, config={**TINY, "epochs": 10}, device="cpu")
        predictor.fit(cells[:150], labels[:150])
        mean, std = predictor.predict(cells[150:])
        deviation[name] = np.median(std) / labels.std()
        covered = np.abs(mean - labels[150:]) <= 1.645 * std
        assert covered.mean() > 0.8
    assert 0.7 < deviation["noise"] < 1.6
    assert deviation["signal"] < deviation["noise"]


def test_without_folds_the_deviation_is_the_spread(space):
    cells = space.parse_many(range(20))
    predictor = GCN(space, config={**TINY, "labels": "fraction", "folds": 0}, device="cpu")
    predictor.fit(cells, np.linspace(60, 90, 20))
    members = predictor.member_scores(cells)
    np.testing.assert_allclose(predictor.predict(cells)[1], 100 * members.std(axis=0, ddof=1))


def test_predictions_of_many_members_do_not_depend_on_the_batch(space):
    """NumPy adds nine contiguous numbers in another order."""
    predictor = GCN(space, config={**TINY, "members": 20, "epochs": 1}, device="cpu")
    predictor.fit(space.parse_many(range(20)), np.linspace(60, 90, 20))
    together = np.stack(predictor.predict(space.parse_many(range(60))))
    alone = np.concatenate([predictor.predict([space.parse(i)]) for i in range(60)], axis=1)
    assert (together == alone).all()


def test_members_can_be_scored_in_another_precision(space):
    predictor = GCN(space, config=TINY, device="cpu")
    predictor.fit(space.parse_many(range(20)), np.linspace(60, 90, 20))
    cells = space.parse_many([*range(30), 3, 2])
    exact = predictor.member_scores(cells)
    assert exact.shape == (3, 32)
    assert (exact[:, 30:] == exact[:, [3, 2]]).all()
    single = predictor.member_scores(cells, predictor.scorer(7, torch.float32))
    np.testing.assert_allclose(single, exact, rtol=0, atol=1e-4)
    assert (single != exact).any()


def test_each_graph_is_scored_once(space):
    predictor = GCN(space, config=TINY, device="cpu")
    predictor.fit(space.parse_many(range(20)), np.linspace(60, 90, 20))
    cells = space.parse_many([*range(300), 3, 2])
    graphs = predictor.different_cells(cells)
    assert len(graphs) == len({cell.key for cell in cells}) < 300
    scores = predictor.scorer()(*vars(graphs).values())
    assert scores.dtype == np.float64
    assert set(scores[0].round(9)) == set(predictor.member_scores(cells)[0])


@pytest.mark.parametrize("calibration", [None, {}, {"scale": -1.0, "floor": 0.0}, {"scale": 1.0, "floor": "1"}])
def test_a_spoilt_calibration_is_refused(space, calibration):
    cells = space.parse_many(range(6))
    predictor = GCN(space, config=TINY, device="cpu")
    predictor.fit(cells, np.linspace(60, 90, 6))
    tensors, _ = predictor.state()
    with pytest.raises(InputError):
        GCN(space, config=TINY, device="cpu").load_state(tensors, {"calibration": calibration})


def test_holding_out_for_early_stopping_and_for_the_deviation(space):
    for n in (1, 2, 3, 10):
        predictor = GCN(space, config={**TINY, "holdout": 0.5, "patience": 1}, device="cpu")
        predictor.fit(space.parse_many(range(n)), np.linspace(60, 90, n))
        mean, std = predictor.predict(space.parse_many(range(5)))
        assert np.isfinite(mean).all()
        assert np.isfinite(std).all()


def test_a_single_fold_is_refused(space):
    with pytest.raises(InputError, match="folds must be 0 or at least 2"):
        GCN(space, config={"folds": 1})
