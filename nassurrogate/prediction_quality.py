"""How well predictions rank architectures, and how well their intervals are calibrated."""

from __future__ import annotations

import numpy as np

from nassurrogate.errors import InputError


def kendall_tau(predicted: np.ndarray, true: np.ndarray) -> float:
    """Kendall's τ-b between (n,) predictions and (n,) true values; NaN if either is constant.

    >>> kendall_tau(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0])).__round__(3)
    0.333
    """
    from scipy.stats import kendalltau

    return float(kendalltau(predicted, true).statistic)


def spearman_rho(predicted: np.ndarray, true: np.ndarray) -> float:
    """Spearman's rank correlation between (n,) predictions and (n,) true values; NaN if either is constant.

    >>> round(spearman_rho(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0])), 3)
    0.5
    """
    from scipy.stats import rankdata

    ranks = rankdata(predicted), rankdata(true)
    if not all(len(r) > 1 and np.ptp(r) > 0 for r in ranks) or np.isnan([predicted, true]).any():
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def top_k_regret(predicted: np.ndarray, true: np.ndarray, k: int = 10) -> float:
    """The best true value of all minus the best among the predicted top k, in their unit.

    Equal predictions rank in their given order. Raises `InputError` for k below 1 or no architectures.

    >>> top_k_regret(np.array([3.0, 2.0, 1.0]), np.array([90.0, 91.0, 94.0]), k=2)
    3.0
    """
    best = _best_of_top_k(predicted, true, k)
    return float(true.max()) - best


def top_k_rank_percentile(predicted: np.ndarray, true: np.ndarray, k: int = 10) -> float:
    """The percentage of architectures that are better than the best of the predicted top k; 0 is perfect.

    Raises `InputError` for k below 1 or no architectures.

    >>> top_k_rank_percentile(np.array([4.0, 3.0, 2.0, 1.0]), np.array([90.0, 91.0, 94.0, 92.0]), k=2)
    50.0
    """
    return 100.0 * float(np.mean(true > _best_of_top_k(predicted, true, k)))


def _best_of_top_k(predicted: np.ndarray, true: np.ndarray, k: int) -> float:
    if k < 1 or not len(true):
        raise InputError(f"the regret of the top {k} of {len(true)} architectures is not defined")
    return float(true[np.argsort(-predicted, kind="stable")[:k]].max())


def mean_absolute_percentage_error(predicted: np.ndarray, true: np.ndarray) -> float:
    """The mean of |prediction − true| / |true| over (n,) pairs, in percent; pairs with a true value of 0 are left out.

    >>> mean_absolute_percentage_error(np.array([11.0, 18.0, 1.0]), np.array([10.0, 20.0, 0.0]))
    10.0
    """
    nonzero = true != 0
    if not nonzero.any():
        return float("nan")
    return 100.0 * float(np.mean(np.abs(predicted[nonzero] - true[nonzero]) / np.abs(true[nonzero])))


def interval_half_width(std: np.ndarray, level: float = 0.9) -> np.ndarray:
    """(n,) half widths of the normal intervals of this level around the mean, from (n,) standard deviations.

    >>> interval_half_width(np.array([1.0])).round(3).tolist()
    [1.645]
    """
    from scipy.special import ndtri

    half: np.ndarray = ndtri((1 + level) / 2) * std
    return half


def interval_coverage(mean: np.ndarray, std: np.ndarray, true: np.ndarray, level: float = 0.9) -> float:
    """The share of (n,) true values inside the normal intervals of this level.

    For well calibrated standard deviations it equals the level.

    >>> interval_coverage(np.zeros(2), np.ones(2), np.array([1.6, 1.7]))
    0.5
    """
    return float(np.mean(np.abs(true - mean) <= interval_half_width(std, level)))
