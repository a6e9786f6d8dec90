"""The average of two predictions of different scale and strength. Shapes: B cells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nassurrogate.errors import InputError, brief

_LARGEST = 1e9
"""Largest number accepted from a file; parts are about standard normal."""


@dataclass(frozen=True)
class PartAverage:
    """The average of parts that are standardised over the space, on the average of their scales.

    Args:
        weights: of the parts; their sum is 1.
        standards: mean and standard deviation of each part over the space.
    """

    weights: Sequence[float]
    standards: Sequence[tuple[float, float]]

    @classmethod
    def over(cls, reference: Sequence[np.ndarray], weights: Sequence[float]) -> PartAverage:
        """The average of parts with these predictions for a sample of the space. A constant part has scale 1.

        >>> both = PartAverage.over([np.array([0.0, 2.0]), np.array([0.0, 4.0])], weights=(0.5, 0.5))
        >>> both([np.array([1.0, 2.0]), np.array([2.0, 2.0])])
        array([1.5 , 2.25])
        """
        return cls(
            weights, [(float(part.mean()), float(part.std()) if part.std() > 1e-9 else 1.0) for part in reference]
        )

    def as_dict(self) -> dict[str, Any]:
        """The standards, JSON-able; the inverse of `from_dict`."""
        return {"standards": [list(standard) for standard in self.standards]}

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Any], weights: Sequence[float]) -> PartAverage:
        """The inverse of `as_dict`, perhaps from an untrusted file. Raises `InputError` for anything else.

        >>> PartAverage.from_dict({"standards": [[0.0, 1.0], [0.5, 2.0]]}, weights=(0.25, 0.75)).standards
        [(0.0, 1.0), (0.5, 2.0)]
        """
        standards = numbers.get("standards") if isinstance(numbers, Mapping) and len(numbers) == 1 else None
        if (
            not isinstance(standards, list)
            or len(standards) != len(weights)
            or not all(isinstance(standard, list) and len(standard) == 2 for standard in standards)
        ):
            raise InputError(
                f"an average of {len(weights)} parts needs a mean and a deviation for each, got {brief(numbers)}"
            )
        for mean, deviation in standards:
            if not (_is_number(mean) and _is_number(deviation) and deviation > 0):
                raise InputError(
                    "an average needs finite means and positive deviations of at most "
                    f"{_LARGEST:g} in size, got {brief(mean)} and {brief(deviation)}"
                )
        return cls(weights, [(mean, deviation) for mean, deviation in standards])

    def __call__(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        """(B,) each → (B,)."""
        centre = sum(weight * mean for weight, (mean, _) in zip(self.weights, self.standards, strict=True))
        scale = sum(weight * deviation for weight, (_, deviation) in zip(self.weights, self.standards, strict=True))
        # One by one: the rounding of a matrix product would depend on the number of rows.
        standard = np.zeros(len(parts[0]))
        for weight, part, (mean, deviation) in zip(self.weights, parts, self.standards, strict=True):
            standard += weight * (part - mean) / deviation
        return np.asarray(centre + scale * standard)


def _is_number(value: object) -> bool:
    return type(value) is float and math.isfinite(value) and abs(value) <= _LARGEST
