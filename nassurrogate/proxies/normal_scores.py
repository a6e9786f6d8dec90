"""Normal scores: the quantiles of the standard normal distribution at the ranks of some values."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np


def mean_ranks(values: np.ndarray) -> np.ndarray:
    """(n,) ranks from 1 of (n,) values; equal ones share their mean rank. The same as SciPy's `rankdata`.

    Importing `scipy.stats` for it would take almost a second, as long as a search.

    >>> mean_ranks(np.array([7.0, 5.0, 7.0, 9.0])).tolist()
    [2.5, 1.0, 2.5, 4.0]
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks: np.ndarray = (np.cumsum(count) - (count - 1) / 2)[place]
    return ranks


def normal_scores(runs: Sequence[np.ndarray]) -> np.ndarray:
    """(n, P) normal scores of measurements that are repeated in several runs.

    Args:
        runs: (n, P) each. A column is standardised over the n rows of its run; the runs are averaged, and rank r of n
            becomes the standard normal's quantile (r − 1/2) / n. Equal values share their mean rank.

    >>> normal_scores([np.array([[5.0], [7.0], [900.0]])]).round(2).ravel().tolist()
    [-0.97, 0.0, 0.97]
    """
    if not runs[0].size:
        return np.empty(runs[0].shape)
    spread = [np.where(run.std(axis=0) > 0, run.std(axis=0), 1) for run in runs]
    mean = np.mean([(run - run.mean(axis=0)) / width for run, width in zip(runs, spread, strict=True)], axis=0)
    ranks = np.apply_along_axis(mean_ranks, 0, mean)
    return _normal_quantiles((ranks - 0.5) / len(mean))


def _normal_quantiles(shares: np.ndarray) -> np.ndarray:
    """SciPy's `ndtri` but for the last digits; importing SciPy takes longer than scoring an architecture."""
    different, place = np.unique(shares, return_inverse=True)
    quantile = NormalDist().inv_cdf
    return np.array([quantile(share) for share in different.tolist()])[place].reshape(shares.shape)
