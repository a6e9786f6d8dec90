"""Which zero-cost proxies mean the same in two spaces, judged without any label.

A proxy is predicted from the structure of the networks by a process that has seen it in the other space. If that
fails, what it says of a network is peculiar to a space, and so would be what a model learns of it.
"""

from __future__ import annotations

import numpy as np

from nassurrogate.predictors.across_spaces.process import covariances

LEAST_CORRELATION = 0.7
"""Between the predicted and the actual proxy, in both directions. Chosen within NAS-Bench-101 and within
NAS-Bench-201, between parts of one space."""
_NOISE = 0.3
_MOST = 500
"""Networks of a space that are compared."""
_FEWEST = 20
"""Networks below which nothing can be said, and no proxy is used."""

Sample = tuple[np.ndarray, np.ndarray]
"""(n, F) normal scores of the structure and (n, P) of the proxies, of networks of one space."""


def transferable(one: Sample, other: Sample) -> np.ndarray:
    """(P,) bool: which proxies are used between the two spaces."""
    if min(len(one[0]), len(other[0])) < _FEWEST:
        return np.zeros(one[1].shape[1], dtype=bool)
    return np.asarray(np.minimum(_correlations(one, other), _correlations(other, one)) >= LEAST_CORRELATION)


def _correlations(known: Sample, asked: Sample) -> np.ndarray:
    """(P,) correlations of the asked space's proxies with their predictions from the known one."""
    x, y = known[0][:_MOST], known[1][:_MOST]
    z, actual = asked[0][:_MOST], asked[1][:_MOST]
    weights = np.linalg.solve(covariances(x, x) + _NOISE * np.eye(len(x)), y - y.mean(axis=0))
    predicted = covariances(z, x) @ weights
    predicted, actual = predicted - predicted.mean(axis=0), actual - actual.mean(axis=0)
    size = np.linalg.norm(predicted, axis=0) * np.linalg.norm(actual, axis=0)
    return np.asarray((predicted * actual).sum(axis=0) / np.where(size > 0, size, np.inf))
