"""The posterior of every predictor, on the scale on which it learns, and that of growing candidates."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from nassurrogate.predictors import predictor_class, predictor_names
from nassurrogate.spaces import get_space

ON_NB201 = [name for name in predictor_names() if isinstance(get_space("nb201"), predictor_class(name).requires)]
KNOWN, CANDIDATES = list(range(0, 15_000, 600)), list(range(3, 9_000, 300))


@pytest.fixture(scope="module", params=ON_NB201)
def fitted(request, make, space, labels_of):
    """A predictor, the cells that it learned, and their labels."""
    predictor, cells = make(request.param), space.parse_many(KNOWN)
    predictor.fit(cells, labels_of(cells))
    return predictor, cells, labels_of(cells)


def test_it_ranks_as_the_predictions_do(fitted, space):
    predictor, cells, _ = fitted
    archs = [*cells, *space.parse_many(CANDIDATES)]
    mean, std = predictor.posterior(archs)
    assert mean.shape == std.shape == (len(archs),)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    assert (std >= 0).all()
    assert spearmanr(mean, predictor.predict(archs)[0]).statistic > 0.999


def test_encoded_labels_are_on_its_scale_in_order(fitted):
    predictor, cells, labels = fitted
    encoded, mean = predictor.encoded(labels), predictor.posterior(cells)[0]
    assert (np.argsort(encoded) == np.argsort(labels)).all()
    assert encoded.min() <= np.median(mean) <= encoded.max()
    assert predictor.encoded(labels[[3, 1]]).tolist() == encoded[[3, 1]].tolist()


def test_candidates_have_the_posterior_of_the_last_fit(fitted, space):
    predictor, cells, labels = fitted
    growing, candidates = predictor.candidate_posterior(), space.parse_many(CANDIDATES)
    assert len(growing) == 0
    growing.add(candidates[:10])
    for learned in (cells[:12], cells):
        predictor.fit(learned, labels[: len(learned)])
        there = candidates[:10] if learned is not cells else candidates
        growing.add(there[len(growing) :])
        assert len(growing) == len(there)
        for found, wanted in zip(growing.posterior(), predictor.posterior(there), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-7)


def test_without_architectures_it_is_empty(fitted):
    predictor, _, _ = fitted
    assert [part.shape for part in predictor.posterior([])] == [(0,), (0,)]
    assert [part.shape for part in predictor.candidate_posterior().posterior()] == [(0,), (0,)]
    assert predictor.encoded(np.empty(0)).shape == (0,)
