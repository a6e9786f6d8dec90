"""Fixtures of the tests of Probe-Former."""

from __future__ import annotations

from functools import cache

import pytest

from tests.predictors.probe_former.oracle import labels


@pytest.fixture(scope="module")
def fit(space, make):
    """`fit(n, …)`: fitted to n labels that equal their normal scores, so that scores are in the labels' unit."""

    def made(n=40, targets=None, progress=None, **changes):
        predictor = make("probe-former", **changes)
        cells, values = labels(space, n)
        predictor.fit(cells, values if targets is None else targets, progress=progress)
        return predictor

    return made


@pytest.fixture(scope="module")
def everywhere(space, fit):
    """`everywhere(n, …)`: the means of such a fit for all architectures."""

    @cache
    def made(n=40, **changes):
        return fit(n, **changes).predict(space.all())[0]

    return made


@pytest.fixture(scope="module")
def state(fit):
    return fit(12).state()
