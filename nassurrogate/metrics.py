"""How well predictions rank architectures."""

from __future__ import annotations

import numpy as np

from nassurrogate.errors import InputError


def kendall_tau(predicted: np.ndarray, true: np.ndarray) -> float:
    """Kendall's τ-b between (n,) predictions and (n,) truths; NaN where either is constant.

    >>> kendall_tau(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0])).__round__(3)
    0.333
    """
    from scipy.stats import kendalltau

    return float(kendalltau(predicted, true).statistic)


def top_k_regret(predicted: np.ndarray, true: np.ndarray, k: int = 10) -> float:
    """The best truth of all minus the best truth among the k architectures predicted best, in the truth's unit.

    Equal predictions rank in the order in which they stand. Raises `InputError` for k below 1 or no architectures.

    >>> top_k_regret(np.array([3.0, 2.0, 1.0]), np.array([90.0, 91.0, 94.0]), k=2)
    3.0
    """
    if k < 1 or not len(true):
        raise InputError(f"the regret of the top {k} of {len(true)} architectures is not defined")
    chosen = np.argsort(-predicted, kind="stable")[:k]
    return float(true.max() - true[chosen].max())
