"""From a predicted mean and deviation to what is worth paying for next. Larger is better."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nassurrogate.errors import unknown_choice


def acquisition_names() -> list[str]:
    """Names that `acquire` knows."""
    return list(_ACQUISITIONS)


def acquire(
    name: str, mean: np.ndarray, std: np.ndarray, *, best: float, beta: float, rng: np.random.Generator
) -> np.ndarray:
    """The acquisition of every architecture.

    Args:
        name: `mean`; `ucb`, mean + beta · std; `ei`, the expected improvement on `best` (Jones et al. 1998, equation
            15); `thompson`, one draw from N(mean, std) an architecture.
        mean: (B,) predicted means in the target's unit.
        std: (B,) predicted standard deviations, ≥ 0.
        best: the best label so far, in the target's unit.
        beta: weight of the deviation in `ucb`.
        rng: draws for `thompson`.

    Raises `InputError` for an unknown name.

    >>> acquire("ucb", np.array([90.0, 91.0]), np.array([2.0, 0.0]), best=90.5, beta=1.0, rng=np.random.default_rng(0))
    array([92., 91.])
    """
    if name not in _ACQUISITIONS:
        raise unknown_choice("acquisition", name, _ACQUISITIONS)
    return _ACQUISITIONS[name](mean, std, best, beta, rng)


def _mean(mean: np.ndarray, std: np.ndarray, best: float, beta: float, rng: np.random.Generator) -> np.ndarray:
    return mean


def _ucb(mean: np.ndarray, std: np.ndarray, best: float, beta: float, rng: np.random.Generator) -> np.ndarray:
    return mean + beta * std


def _expected_improvement(
    mean: np.ndarray, std: np.ndarray, best: float, beta: float, rng: np.random.Generator
) -> np.ndarray:
    from scipy.stats import norm

    gain = mean - best
    ratio = np.divide(gain, std, out=np.zeros_like(gain), where=std > 0)
    uncertain = gain * norm.cdf(ratio) + std * norm.pdf(ratio)
    return np.asarray(np.where(std > 0, uncertain, np.maximum(gain, 0.0)))


def _thompson(mean: np.ndarray, std: np.ndarray, best: float, beta: float, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(mean, std)


_ACQUISITIONS: dict[str, Callable[[np.ndarray, np.ndarray, float, float, np.random.Generator], np.ndarray]] = {
    "mean": _mean,
    "ucb": _ucb,
    "ei": _expected_improvement,
    "thompson": _thompson,
}
