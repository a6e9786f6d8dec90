"""Acquisition functions: how much a query of an architecture is worth. Larger is better, on the posterior's scale."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nassurrogate.errors import unknown_choice


def acquire(
    name: str, mean: np.ndarray, std: np.ndarray, *, incumbent: float, beta: float, rng: np.random.Generator
) -> np.ndarray:
    """The acquisition of every architecture.

    Args:
        name: `mean`; `ucb`, mean + beta · std; `ei`, the expected improvement on `incumbent` (Jones et al. 1998,
            equation 15); `thompson`, one draw from N(mean, std) per architecture.
        mean: (B,) posterior means.
        std: (B,) posterior standard deviations, ≥ 0.
        incumbent: the value to improve on, of `moving_incumbent`.
        beta: weight of the deviation in `ucb`.
        rng: draws for `thompson`.

    Raises `InputError` for an unknown name.

    >>> rng = np.random.default_rng(0)
    >>> acquire("ucb", np.array([90.0, 91.0]), np.array([2.0, 0.0]), incumbent=90.5, beta=1.0, rng=rng)
    array([92., 91.])
    """
    if name not in ACQUISITIONS:
        raise unknown_choice("acquisition", name, ACQUISITIONS)
    return ACQUISITIONS[name](mean, std, incumbent, beta, rng)


def moving_incumbent(best: float | None, expected: float, left: float) -> float:
    """The value that an improvement is measured against; it moves while the budget is spent.

    Early on it is close to the best label so far, usually a lucky one: only an uncertain candidate can be expected to
    exceed it, so the search explores. It moves towards the best posterior mean, so the search exploits. Such cooling
    goes back to Lizotte's thesis ("Practical Bayesian Optimization", University of Alberta, 2008).

    Args:
        best: the best label so far, on the scale of the posterior; None if the labels are on another scale.
        expected: the highest posterior mean of the evaluated architectures.
        left: share of the budget that is left, from 0 to 1.

    >>> moving_incumbent(2.0, 1.0, left=1.0), moving_incumbent(2.0, 1.0, left=0.25), moving_incumbent(2.0, 1.0, 0.0)
    (2.0, 1.5, 1.0)
    """
    return expected if best is None else expected + math.sqrt(left) * (best - expected)


def _mean(mean: np.ndarray, std: np.ndarray, incumbent: float, beta: float, rng: np.random.Generator) -> np.ndarray:
    return mean


def _ucb(mean: np.ndarray, std: np.ndarray, incumbent: float, beta: float, rng: np.random.Generator) -> np.ndarray:
    return mean + beta * std


def _expected_improvement(
    mean: np.ndarray, std: np.ndarray, incumbent: float, beta: float, rng: np.random.Generator
) -> np.ndarray:
    from scipy.special import ndtr

    gain = mean - incumbent
    ratio = np.divide(gain, std, out=np.zeros_like(gain), where=std > 0)
    density = np.exp(-0.5 * np.square(ratio)) / math.sqrt(2 * math.pi)
    uncertain = gain * ndtr(ratio) + std * density
    return np.asarray(np.where(std > 0, uncertain, np.maximum(gain, 0.0)))


def _thompson(mean: np.ndarray, std: np.ndarray, incumbent: float, beta: float, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(rng.normal(mean, std))


ACQUISITIONS: dict[str, Callable[[np.ndarray, np.ndarray, float, float, np.random.Generator], np.ndarray]] = {
    "mean": _mean,
    "ucb": _ucb,
    "ei": _expected_improvement,
    "thompson": _thompson,
}
"""What `acquire` knows, by name; `settings.definitions` lists the same names."""
