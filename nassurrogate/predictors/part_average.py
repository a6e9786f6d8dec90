"""The average of two predictions of different scale and strength. Shapes: B cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PartAverage:
    """Parts, standardised by how they are distributed over the space, averaged, and put on the average of their scales.

    Args:
        weights: of the parts; they add up to 1.
        standards: mean and standard deviation of each part over the space.
    """

    weights: Sequence[float]
    standards: Sequence[tuple[float, float]]

    @classmethod
    def over(cls, reference: Sequence[np.ndarray], weights: Sequence[float]) -> PartAverage:
        """Of parts that predict this of cells that stand for the space. A constant part counts as of scale 1.

        >>> both = PartAverage.over([np.array([0.0, 2.0]), np.array([0.0, 4.0])], weights=(0.5, 0.5))
        >>> both([np.array([1.0, 2.0]), np.array([2.0, 2.0])])
        array([1.5 , 2.25])
        """
        return cls(
            weights, [(float(part.mean()), float(part.std()) if part.std() > 1e-9 else 1.0) for part in reference]
        )

    def __call__(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        """(B,) each → (B,)."""
        centre = sum(weight * mean for weight, (mean, _) in zip(self.weights, self.standards, strict=True))
        scale = sum(weight * deviation for weight, (_, deviation) in zip(self.weights, self.standards, strict=True))
        # One by one: a product with a matrix would round a row by how many there are.
        standard = np.zeros(len(parts[0]))
        for weight, part, (mean, deviation) in zip(self.weights, parts, self.standards, strict=True):
            standard += weight * (part - mean) / deviation
        return np.asarray(centre + scale * standard)
