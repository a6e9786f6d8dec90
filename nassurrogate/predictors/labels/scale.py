"""Scales of labels: between their unit and the values that predictors learn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from nassurrogate.errors import InputError
from nassurrogate.proxies.normal_scores import mean_ranks


class LabelScale(ABC):
    """A strictly increasing map from labels to the scores that a predictor learns."""

    @abstractmethod
    def encode(self, labels: np.ndarray) -> np.ndarray:
        """(n,) labels → (n,) scores."""

    @abstractmethod
    def decode(self, scores: np.ndarray) -> np.ndarray:
        """The inverse of `encode`."""

    def decode_with_spread(self, mean: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(B,) scores and their spreads, both in the labels' unit: half the distance between mean ± spread."""
        high, low = self.decode(mean + spread), self.decode(mean - spread)
        return self.decode(mean), (high - low) / 2


@dataclass(frozen=True)
class RankScale(LabelScale):
    """Labels as normal scores of their ranks; the inverse interpolates between the labels.

    Ranks make the few very bad cells harmless, and a search needs only a ranking.

    Args:
        scores: (k,) ascending normal scores of the k different labels.
        values: (k,) the labels, ascending.
    """

    scores: np.ndarray
    values: np.ndarray

    def __post_init__(self) -> None:
        for name, numbers in (("scores", self.scores), ("values", self.values)):
            if numbers.dtype != np.float64 or numbers.ndim != 1 or numbers.shape != self.scores.shape:
                raise InputError(f"{name} of the label scale are {numbers.dtype}{numbers.shape}, expected float64(k,)")
            if not numbers.size or not np.isfinite(numbers).all() or (np.diff(numbers) <= 0).any():
                raise InputError(f"{name} of the label scale must be finite and ascending")

    @classmethod
    def of(cls, labels: np.ndarray) -> RankScale:
        """The scale of (n,) labels; equal labels share their mean rank."""
        from scipy.special import ndtri

        values, first = np.unique(labels, return_index=True)
        return cls(ndtri((mean_ranks(labels)[first] - 0.5) / len(labels)), values)

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """(n,) labels of this scale → (n,) scores."""
        return self.scores[np.searchsorted(self.values, labels)]

    def decode(self, scores: np.ndarray) -> np.ndarray:
        """Scores → values, strictly increasing; extrapolates on the line through the outermost tenth of the labels."""
        inside = np.interp(scores, self.scores, self.values)
        below = np.minimum(scores - self.scores[0], 0.0) * self._slope(slice(0, self._tail))
        above = np.maximum(scores - self.scores[-1], 0.0) * self._slope(slice(-self._tail, None))
        return np.asarray(inside + below + above)

    @property
    def _tail(self) -> int:
        return max(2, len(self.values) // 10)

    def _slope(self, part: slice) -> float:
        if len(self.values) < 2:
            return 0.0
        width = self.scores[part][-1] - self.scores[part][0]
        return float((self.values[part][-1] - self.values[part][0]) / width)


@dataclass(frozen=True)
class FractionScale(LabelScale):
    """Percentages as fractions, as NAR-Former V2 learns them."""

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """(n,) percentages → (n,) fractions."""
        return labels / 100.0

    def decode(self, scores: np.ndarray) -> np.ndarray:
        """The inverse of `encode`."""
        return scores * 100.0


@dataclass(frozen=True)
class StandardScale(LabelScale):
    """Labels as deviations from their mean, in standard deviations.

    Args:
        centre: the mean.
        width: the standard deviation, > 0.
    """

    centre: float
    width: float

    @classmethod
    def of(cls, labels: np.ndarray) -> StandardScale:
        """The scale of (n,) labels; equal ones have the width 1."""
        width = float(labels.std())
        return cls(float(labels.mean()), width if width > 0 else 1.0)

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """(n,) labels → (n,) scores."""
        return np.asarray((labels - self.centre) / self.width)

    def decode(self, scores: np.ndarray) -> np.ndarray:
        """The inverse of `encode`."""
        return np.asarray(scores * self.width + self.centre)
