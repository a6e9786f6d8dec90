"""Predictors of path features: common behaviour, and each against its own oracle."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch

from nassurrogate.errors import InputError
from nassurrogate.predictors import predictor_class
from nassurrogate.predictors.calibration import Calibration
from nassurrogate.predictors.feature_predictor import FeaturePredictor, in_chunks
from nassurrogate.predictors.gaussian_process import LinearMaternKernel, ProcessConfig, _likeliest_kernel, _Scorer
from nassurrogate.predictors.inputs.features import PathReading
from nassurrogate.predictors.inputs.path_features import distinct_path_features, path_features
from nassurrogate.predictors.mlp_ensemble import MlpConfig, PathNet
from nassurrogate.spaces import get_space

standardiser = PathReading(get_space("nb201")).standardiser
NAMES = ("gradient-boosting", "gaussian-process", "random-forest", "ridge", "mlp-ensemble")
PEERS = ("gaussian-process", "random-forest", "ridge")


@pytest.fixture(scope="module")
def labelled(space):
    """Cells with accuracies made up from their paths, a few very bad ones and some noise."""
    rng = np.random.default_rng(0)
    cells = space.sample(400, rng)
    features = path_features(space, cells)
    good = features[:, :40] @ rng.normal(size=40) + 0.3 * rng.normal(size=400)
    return cells, np.where(good > np.quantile(good, 0.03), 90 + good, 10.0 + 0.01 * good)


# --- shared -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_intervals_cover_unseen_cells(name, make, labelled):
    cells, labels = labelled
    shares = []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(400)
        known, new = order[:100], order[100:]
        predictor = make(name, seed=seed)
        predictor.fit([cells[i] for i in known], labels[known])
        mean, std = predictor.predict([cells[i] for i in new])
        shares.append((np.abs(labels[new] - mean) <= 1.645 * std).mean())
    assert 0.83 < np.mean(shares) < 0.97


@pytest.mark.parametrize("name", NAMES)
def test_predictions_are_in_the_unit_of_the_labels(name, make, labelled, space):
    """Ranks are learned, so an affine map of the labels maps the predictions."""
    cells, labels = labelled[0][:40], labelled[1][:40]
    one, other = make(name), make(name)
    one.fit(cells, labels)
    other.fit(cells, 8 * labels + 3)
    asked = space.parse_many(range(50))
    for first, second, shift in zip(one.predict(asked), other.predict(asked), (3, 0), strict=True):
        np.testing.assert_allclose(8 * first + shift, second, rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [1, 6])
def test_equal_labels_are_certain(name, make, space, n):
    predictor = make(name)
    predictor.fit(space.parse_many(range(n)), np.full(n, 42.0))
    mean, std = predictor.predict(space.parse_many(range(20)))
    assert set(mean) == {42.0}
    assert set(std) == {0.0}


@pytest.mark.parametrize("name", NAMES)
def test_a_fold_may_know_only_one_of_two_values(name, make, space):
    predictor = make(name)
    predictor.fit(space.parse_many(range(12)), np.array([1.0] * 11 + [2.0]))
    assert np.isfinite(predictor.predict(space.parse_many(range(20)))).all()


@pytest.mark.parametrize(
    ("meta", "error", "message"),
    [
        ({}, KeyError, "'calibration'"),
        ({"calibration": None}, InputError, "a calibration is the numbers scale and floor, got None"),
        (
            {"calibration": {"scale": math.nan, "floor": 0.0}},
            InputError,
            r"scale .* must be a number .* got nan",
        ),
        ({"calibration": {"scale": 1.0}}, InputError, "a calibration is the numbers scale and floor"),
    ],
)
def test_a_spoilt_calibration_is_refused(make, space, meta, error, message):
    predictor = make("ridge")
    predictor.fit(space.parse_many(range(5)), np.arange(5.0))
    with pytest.raises(error, match=message):
        make("ridge").load_state(predictor.state()[0], meta)


def test_loading_fits_no_folds(make, space, monkeypatch):
    predictor = make("ridge")
    predictor.fit(space.parse_many(range(30)), np.arange(30.0))
    tensors, meta = predictor.state()
    restored, fits = make("ridge"), []
    real = type(restored)._learn
    monkeypatch.setattr(type(restored), "_learn", lambda *given: (fits.append(1), real(*given))[1])
    restored.load_state(tensors, meta)
    assert len(fits) == 1
    assert restored.state()[1] == meta
    Calibration.from_dict(meta["calibration"])


@pytest.mark.parametrize("name", PEERS)
def test_a_missing_library_is_named(name, space, monkeypatch):
    """The class can be listed; a predictor is refused before any label is evaluated."""
    monkeypatch.setitem(sys.modules, "sklearn", None)
    cls = predictor_class(name)
    assert issubclass(cls, FeaturePredictor)
    assert cls.description
    with pytest.raises(InputError, match=r"pip install \"nassurrogate\[peers\]\"") as caught:
        cls(space)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize("n", [1, 255, 256, 257, 600])
def test_chunks_have_one_size(n):
    sizes = []

    def score(rows):
        sizes.append(len(rows))
        return rows.sum(axis=1), rows[:, 0]

    features = np.random.default_rng(0).random((n, 3))
    total, first = in_chunks(score)(features)
    assert (total == features.sum(axis=1)).all()
    assert (first == features[:, 0]).all()
    assert len(set(sizes)) == 1


def test_standardised_features_have_no_mean_and_unit_deviation():
    features = np.random.default_rng(0).integers(-1, 4, (50, 6)).astype(float)
    features[:, 2] = 3.0
    columns = standardiser(features)(features)
    assert columns.shape == (50, 12)
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.delete(columns.std(axis=0), [2, 8]), 1)
    np.testing.assert_allclose(columns[:, [2, 8]], 0, atol=1e-12)


# --- Gaussian process ---------------------------------------------------------------------------------------------


def process(space, labelled, config, n=120):
    features, labels = path_features(space, labelled[0][:n]), labelled[1][:n]
    scores = np.argsort(np.argsort(labels)) / n - 0.5
    predictor = predictor_class("gaussian-process")(space, config=config)
    return features, scores, predictor._learn((features, scores))


def test_the_posterior_is_scikit_learns(space, labelled):
    """scikit-learn reads every label separately; merging isomorphic cells changes no prediction."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern, WhiteKernel

    features, scores, scorer = process(space, labelled, {})
    assert len(np.unique(features, axis=0)) < len(features)
    kernel = scorer.kernel
    same = ConstantKernel(kernel.rough) * Matern(kernel.length, nu=1.5)
    same += ConstantKernel(kernel.linear) * DotProduct(0.0, "fixed") + WhiteKernel(kernel.noise)
    standard = standardiser(features)
    oracle = GaussianProcessRegressor(same, optimizer=None, alpha=1e-10)
    oracle.fit(standard(features), scores - scores.mean())
    asked, _ = distinct_path_features(space, space.parse_many(range(300)))
    mean, std = oracle.predict(standard(asked), return_std=True)
    given_mean, given_std = scorer(asked)
    np.testing.assert_allclose(given_mean, mean + scores.mean(), atol=1e-6)
    np.testing.assert_allclose(given_std, std, rtol=1e-5)


def test_a_limited_process_is_less_sure(space, labelled):
    features, scores, whole = process(space, labelled, {})
    *_, limited = process(space, labelled, {"spread_cells": 20})
    narrower = _Scorer(
        standardiser(features),
        0.0,
        whole.kernel,
        *_merged(features, scores),
        ProcessConfig(spread_cells=20),
    )
    asked, _ = distinct_path_features(space, space.parse_many(range(300)))
    assert (limited(asked)[0] == whole(asked)[0]).all()
    assert (limited(asked)[1] >= whole(asked)[1] - 1e-9).all()
    assert narrower(asked)[0].shape == (len(asked),)


def _merged(features, scores):
    distinct, row, count = np.unique(features, axis=0, return_inverse=True, return_counts=True)
    return (
        standardiser(features)(distinct),
        np.bincount(row, weights=scores) / count,
        count,
    )


def test_the_likeliest_kernel_recovers_the_noise():
    rng = np.random.default_rng(0)
    inputs = rng.uniform(-3, 3, size=(150, 1))
    scores = np.sin(inputs[:, 0]) + 0.3 * rng.normal(size=150)
    kernel = _likeliest_kernel(inputs, scores)
    assert isinstance(kernel, LinearMaternKernel)
    assert 0.06 < kernel.noise < 0.12


# --- nets ---------------------------------------------------------------------------------------------------------


def test_folds_are_learned_independently(make, space):
    """The nets of a fold do not depend on other folds: equal initial weights and batches give equal nets."""
    predictor = make("mlp-ensemble", members=1, epochs=2)
    features, scores = path_features(space, space.parse_many(range(20))), np.linspace(-1, 1, 20)
    first, second = predictor._learn_each([(features, scores), (features, scores)], None)
    third, _ = predictor._learn_each([(features, scores), (features[::-1].copy(), 5 * scores)], None)
    np.testing.assert_allclose(first(features)[0], third(features)[0], atol=1e-6)
    assert (first(features)[0] != second(features)[0]).any()


def test_the_net_is_ten_layers_of_twenty():
    net = PathNet(40, MlpConfig())
    assert [tuple(weight.shape) for weight in net.parameters() if weight.ndim == 2] == [
        (20, 40),
        *[(20, 20)] * 9,
        (1, 20),
    ]
    assert net(torch.ones(3, 40)).shape == (3,)
