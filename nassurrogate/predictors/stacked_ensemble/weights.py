"""The weights of several models in their mean, learned from predictions of unseen labels.

Stacked regressions (Breiman, Machine Learning 24, 1996, sections 2 and 3): non-negative least squares on out-of-fold
predictions. scikit-learn's `StackingRegressor` neither shrinks towards equal weights nor combines the models' spreads.
All numbers are fixed by the fit, so the score of a cell does not depend on its batch.

Shapes: m held-out labels, M members, B cells. All scores are normal scores of ranks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nassurrogate.errors import InputError, brief

_PRIOR = 10.0
"""Weight, in labels, of a prior of equal weights and of scores with mean 0 and deviation 1. Breiman has no prior, but
hundreds of labels: on 40 predictions that correlate at 0.9, least squares fits noise."""
_LARGEST = 1e6


@dataclass(frozen=True)
class StackWeights:
    """Members' scores, each standardised, averaged, and stretched back to normal scores.

    Args:
        weight: M of them, ≥ 0, sum 1.
        centre: M means that are subtracted.
        deviation: M standard deviations, > 0, that are divided by.
        offset: added to the average.
        slope: factor of the average, ≥ 0.
    """

    weight: tuple[float, ...]
    centre: tuple[float, ...]
    deviation: tuple[float, ...]
    offset: float
    slope: float

    def __post_init__(self) -> None:
        each = (self.weight, self.centre, self.deviation)
        numbers = [number for numbers in each for number in numbers] + [self.offset, self.slope]
        if not self.weight or len({len(numbers) for numbers in each}) > 1:
            raise InputError("a stack has a weight, a centre and a deviation for every member")
        if not all(type(number) is float and abs(number) <= _LARGEST for number in numbers):
            raise InputError(f"the numbers of a stack must lie in [-{_LARGEST:g}, {_LARGEST:g}]")
        if min(self.weight) < 0 or abs(sum(self.weight) - 1) > 1e-9 or min(self.deviation) < 1e-9 or self.slope < 0:
            raise InputError(
                "weights of a stack must be at least 0 with sum 1, deviations above 0 and the slope at least 0, got "
                f"{brief(self.weight)}, {brief(self.deviation)} and {self.slope:g}"
            )

    @classmethod
    def equal(cls, members: int) -> StackWeights:
        """The plain mean, for when nothing can be learned.

        >>> StackWeights.equal(2).combine(np.array([[1.0, 3.0]]), np.zeros((1, 2)))
        (array([2.]), array([1.]))
        """
        return cls((1.0 / members,) * members, (0.0,) * members, (1.0,) * members, 0.0, 1.0)

    @classmethod
    def of(cls, each: np.ndarray, scores: np.ndarray) -> StackWeights:
        """Non-negative least squares of the scores on the members' standardised predictions.

        Everything shrinks towards the plain mean as if by `_PRIOR` more labels: the statistics towards mean 0 and
        deviation 1, the coefficients towards equal ones. With two labels the result is nearly the plain mean, with a
        thousand nearly least squares.

        Args:
            each: (m, M) predictions of held-out labels.
            scores: (m,) their scores.

        >>> truth = np.linspace(-1.5, 1.5, 200)
        >>> useless = np.resize([1.0, -1.0], 200)
        >>> StackWeights.of(np.column_stack([truth, useless]), truth).weight[1] < 0.05
        True
        """
        from scipy.optimize import nnls

        m, members = each.shape
        if not m:
            return cls.equal(members)
        offset = float(scores.mean())
        moved = each - offset
        centre = moved.sum(axis=0) / (m + _PRIOR)
        deviation = np.sqrt((np.square(moved - centre).sum(axis=0) + _PRIOR) / (m + _PRIOR))
        prior = deviation / members  # the coefficients of the plain mean
        inputs = np.vstack([(moved - centre) / deviation, _PRIOR**0.5 * np.eye(members)])
        found, _ = nnls(inputs, np.concatenate([scores - offset, _PRIOR**0.5 * prior]))
        if not found.any():  # every member ranks the labels in reverse: that is chance
            found = prior
        slope = found.sum()
        return cls(
            tuple((found / slope).tolist()),
            tuple((centre + offset).tolist()),
            tuple(deviation.tolist()),
            offset,
            float(slope),
        )

    def combine(self, each: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores and spreads (B, M) of the members → (B,) weighted means and (B,) spreads of the mixture.

        Its variance is the average of the members' variances plus the variance of their means.
        """
        weight, deviation = np.array(self.weight), np.array(self.deviation)
        standard = (each - np.array(self.centre)) / deviation
        # Members are the last axis: sums along it do not depend on the number of rows.
        mean = (standard * weight).sum(axis=1)
        variance = ((np.square(standard - mean[:, None]) + np.square(spread / deviation)) * weight).sum(axis=1)
        return self.offset + self.slope * mean, self.slope * np.sqrt(variance)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; the inverse of `from_dict`."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Any], members: int) -> StackWeights:
        """The inverse of `as_dict`, perhaps from a hostile file. Raises `InputError` for anything else.

        >>> StackWeights.from_dict(StackWeights.equal(4).as_dict(), members=4) == StackWeights.equal(4)
        True
        """
        lists, plain = ("weight", "centre", "deviation"), ("offset", "slope")
        if (
            not isinstance(numbers, Mapping)
            or set(numbers) != {*lists, *plain}
            or not all(isinstance(numbers[name], list) and len(numbers[name]) == members for name in lists)
        ):
            raise InputError(f"a stack of {members} members has {', '.join((*lists, *plain))}, got {brief(numbers)}")
        weight, centre, deviation = (tuple(numbers[name]) for name in lists)
        return cls(weight, centre, deviation, numbers["offset"], numbers["slope"])
