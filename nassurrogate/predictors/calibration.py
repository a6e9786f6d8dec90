"""Calibrated standard deviations: held-out training labels determine how wide a predictor's intervals must be.

A predictor's own spread (of an ensemble's members, of a posterior) shows where it is less certain, not how large its
errors are. So labels are predicted by fits that have not seen them, and the ratios of error to spread set the width:
split conformal prediction with locally weighted residuals (Lei et al., arXiv 1604.04173, section 5.2), the residuals
pooled over folds as in the cross-validated form of the jackknife+ (Barber et al., arXiv 1905.02928).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from nassurrogate.errors import InputError, brief

COVERAGE = 0.9
"""The share of unseen labels that mean ± `WIDTH` standard deviations should cover."""
WIDTH = 1.6448536269514722
"""Half the width of a normal distribution's 90 % interval, in standard deviations."""
FOLDS = 10
FEW = (6.31, 5.47, 2.04, 1.54, 1.33, 1.20, 1.12, 1.06)
"""Factors for m = 1 … 8 errors: the largest error times the factor covers another error with probability `COVERAGE`
if labels are normal and each is predicted by the mean of the others (for m = 2, √3/2 times a Cauchy quantile). From
m = 9 on, ranks suffice for any distribution of errors."""
ENOUGH = 500
"""Held-out labels after which no further fold is fitted: they determine the coverage to within 1.3 points."""
_LARGEST = 1e35
_FLOORS = np.exp2(np.arange(-4.0, 5.0))
"""Floors to try, in median spreads. Zero is not among them: the members of an ensemble can agree by chance."""


@dataclass(frozen=True)
class Fold:
    """Positions of the labels that a fit learns, (n − k,), and of those that it then predicts, (k,)."""

    known: np.ndarray
    held: np.ndarray


@dataclass(frozen=True)
class HeldOut:
    """Predictions of labels by fits that have not seen them.

    Args:
        place: (m,) positions of the labels.
        mean: (m,) predictions, in the labels' unit.
        spread: (m,) raw spreads, ≥ 0, in any unit.
    """

    place: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


FoldFits: TypeAlias = Callable[[Sequence[Fold]], Sequence[tuple[np.ndarray, np.ndarray]]]
"""Fits the known labels of every fold; returns (k,) means and (k,) raw spreads of its held-out labels for each fold."""


def split_folds(n_labels: int, seed: int, *, folds: int = FOLDS, enough: int = ENOUGH) -> list[Fold]:
    """At most `folds` random folds, at most one per label, and none of a single label.

    Folds after the first `enough` held-out labels are left out.

    >>> [fold.held.size for fold in split_folds(25, seed=0)]
    [3, 3, 3, 3, 3, 2, 2, 2, 2, 2]
    >>> [len(split_folds(n_labels, seed=0)) for n_labels in (1, 3, 500, 1563, 10_000)]
    [0, 3, 10, 4, 1]
    """
    if n_labels < 2:
        return []
    parts = np.array_split(np.random.default_rng(seed).permutation(n_labels), min(folds, n_labels))
    before = np.cumsum([0, *map(len, parts[:-1])])
    return [
        Fold(np.setdiff1d(np.arange(n_labels), held), held)
        for held, done in zip(parts, before, strict=True)
        if done < enough
    ]


def out_of_fold(fits: FoldFits, n_labels: int, seed: int, *, folds: int = FOLDS) -> HeldOut:
    """Predict labels by fits to the other folds.

    Args:
        fits: learns and predicts all folds, one by one or together.
        n_labels: the number of labels.
        seed: of the folds.
        folds: the largest number of folds.

    >>> labels = np.array([1.0, 2.0, 4.0])
    >>> means = lambda folds: [(np.full(1, labels[fold.known].mean()), np.zeros(1)) for fold in folds]
    >>> held = out_of_fold(means, 3, seed=0)
    >>> held.mean[np.argsort(held.place)]
    array([3. , 2.5, 1.5])
    """
    parts = split_folds(n_labels, seed, folds=folds)
    if not parts:
        return HeldOut(np.empty(0, np.intp), np.empty(0), np.empty(0))
    mean, spread = (np.concatenate(each) for each in zip(*fits(parts), strict=True))
    return HeldOut(np.concatenate([part.held for part in parts]), mean, spread)


@dataclass(frozen=True)
class Calibration:
    """From raw spread to standard deviation: scale · √(spread² + floor²).

    Args:
        scale: in the labels' unit per unit of the spread, ≥ 0.
        floor: in the spread's unit, ≥ 0: the uncertainty of even the surest prediction, such as the labels' noise.
    """

    scale: float
    floor: float

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if type(value) is not float or not 0.0 <= value <= _LARGEST:
                raise InputError(f"{name} of a calibration must be a number from 0 to {_LARGEST:g}, got {brief(value)}")

    @classmethod
    def of(cls, held_out: HeldOut, labels: np.ndarray) -> Calibration:
        """The calibration that covers 90 % of the held-out labels, with conformal prediction's small-sample correction.

        The floor maximises the likelihood of the errors under a Laplace distribution, whose tails allow for the few
        very bad cells. The scale then makes mean ± 1.645 std cover the ⌈0.9·(m + 1)⌉ smallest of m relative errors.
        With fewer than 9 labels, covering all of them is less than 90 % in expectation, so the width is multiplied by
        `FEW`. Without held-out labels (a single label) nothing is known, and the deviation is 0, as it is without any
        error.

        Args:
            held_out: predictions of m of the labels.
            labels: (n,) all labels.
        """
        error = np.abs(labels[held_out.place] - held_out.mean)
        if not error.any():
            return cls(0.0, 0.0)
        width = _smallest_covering(error)
        some = held_out.spread[held_out.spread > 0]
        if not some.size:
            return cls(1.0 / WIDTH, float(width))
        floor = min(_FLOORS * np.median(some), key=lambda tried: _laplace_loss(error, np.hypot(held_out.spread, tried)))
        scale = _smallest_covering(error / np.hypot(held_out.spread, floor)) / WIDTH
        return cls(float(scale), float(floor))

    def std(self, spread: np.ndarray) -> np.ndarray:
        """Raw spreads → standard deviations in the labels' unit, of the same shape."""
        return np.asarray(self.scale * np.hypot(spread, self.floor))

    def as_dict(self) -> dict[str, float]:
        """JSON-able; the inverse of `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Any]) -> Calibration:
        """The inverse of `as_dict`, perhaps from a hostile file. Raises `InputError` for anything else.

        >>> Calibration.from_dict({"scale": 1.5, "floor": 0.1}).std(np.array([0.0, 2.0])).round(3)
        array([0.15 , 3.004])
        """
        if not isinstance(numbers, Mapping) or set(numbers) != {"scale", "floor"}:
            raise InputError(f"a calibration is the numbers scale and floor, got {brief(numbers)}")
        return cls(**numbers)


def _smallest_covering(errors: np.ndarray) -> np.floating[Any]:
    """The bound below which another exchangeable error stays with probability `COVERAGE`."""
    m = len(errors)
    rank = min(m, math.ceil(COVERAGE * (m + 1)))
    covering: np.floating[Any] = np.partition(errors, rank - 1)[rank - 1] * (FEW[m - 1] if m <= len(FEW) else 1.0)
    return covering


def _laplace_loss(error: np.ndarray, width: np.ndarray) -> float:
    """Mean negative log-likelihood of errors under Laplace distributions of these widths times the best factor."""
    return float(np.log(width).mean() + np.log((error / width).mean()))
