"""The interface between a search and its surrogate.

Scores are labels, or what a predictor learns in their place; larger is better. Whatever a predictor raises becomes
`CannotLearn`: a fault in a predictor must not lose what was evaluated.

Shapes: C candidates in the order in which they were added, n architectures.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, one_line

FitProgress = Callable[[int, int], None]
COMPARED = 3
"""Number of labels after which their scale is compared with that of a saved surrogate's labels."""
_OTHER_SCALE = 50.0
"""Ratio of typical labels from which units may differ: percent and fractions differ by 100, s and ms by 1000."""


class CannotLearn(Exception):
    """The labels so far, or a fault in the predictor, allow no prediction; the message says why."""


@dataclass(frozen=True)
class Posterior:
    """(n,) means and (n,) standard deviations."""

    mean: np.ndarray
    std: np.ndarray

    @property
    def is_finite(self) -> bool:
        """Whether all of its numbers are finite."""
        return bool(np.isfinite(self.mean).all() and np.isfinite(self.std).all())


class SearchSurrogate(ABC):
    """Keeps the posterior of a pool of candidates up to date while labels come in."""

    initial_labels = 0
    """Random architectures to evaluate before the first fit."""
    refits_at_once = True
    """Whether a fit is so fast that one follows every query."""
    saved_labels = 0
    """Labels that a saved surrogate learned from before this run."""

    def __init__(self) -> None:
        self.predictor_calls = 0
        """Predictions made, counting every architecture each time."""
        self.failure: str | None = None
        """Why the last fit failed, if the search continues with another surrogate; None otherwise."""

    def keep_fits(self, folder: Path) -> None:  # noqa: B027 - the oracle has none
        """Keep slow fits in a folder, and take those that are there in place of fits to the same labels."""

    def unit_doubt(self, labels: Sequence[float]) -> str | None:
        """A note if the labels learned before this run may be in another unit than these."""
        return None

    def prior_scores(self, archs: Sequence[Architecture]) -> np.ndarray | None:
        """(n,) scores of architectures before any label, without a unit; None if it needs none or has none.

        Raises `CannotLearn`.
        """
        return None

    @abstractmethod
    def fit(self, archs: Sequence[Architecture], labels: Sequence[float], progress: FitProgress | None = None) -> None:
        """Learn the labels so far, in the metric's unit, and forget earlier ones. Raises `CannotLearn`."""

    @abstractmethod
    def add(self, archs: Sequence[Architecture]) -> None:
        """Add n candidates to the pool."""

    @abstractmethod
    def posterior(self) -> Posterior:
        """(C,) of the scores of all candidates in the pool, on the surrogate's own scale. Raises `CannotLearn`."""

    @abstractmethod
    def posterior_of(self, archs: Sequence[Architecture]) -> Posterior:
        """(n,) of the scores of other architectures, on the same scale. Raises `CannotLearn`."""

    @abstractmethod
    def best_score(self, labels: Sequence[float]) -> float | None:
        """The score of the best of these labels, on the same scale; None if the surrogate has not learned them."""

    @abstractmethod
    def predict(self, archs: Sequence[Architecture]) -> Posterior:
        """(n,) of the labels of architectures, in the metric's unit. Raises `CannotLearn`."""


@contextmanager
def raises_cannot_learn(what: str) -> Iterator[None]:
    """Turn whatever a predictor, or another plug-in, raises into `CannotLearn`, with the type of the error.

    Args:
        what: what is missing after a failure, such as `"fit"`.
    """
    try:
        yield
    except CannotLearn:
        raise
    except InputError as error:
        raise CannotLearn(f"no {what}: {error}") from error
    except Exception as error:  # out of memory, linear algebra, a fault in a plug-in: the run continues without it
        raise CannotLearn(f"no {what}: {one_line(error)}") from error


def checked_posterior(given: object, n: int) -> Posterior:
    """The (n,) means and deviations that a predictor returned. Raises `ValueError` if they are not that."""
    mean, std = (np.asarray(each, dtype=np.float64) for each in given)  # type: ignore[attr-defined]
    if mean.shape != (n,) or std.shape != (n,):
        raise ValueError(f"means of shape {mean.shape} and deviations of shape {std.shape}, expected ({n},)")
    if (std[np.isfinite(std)] < 0).any():
        raise ValueError(f"a standard deviation of {std.min():g}, expected none below 0")
    return Posterior(mean, std)


def unit_doubt(theirs: float, ours: float) -> str | None:
    """A note if typical labels of a saved surrogate and of a run suggest that their units differ.

    >>> unit_doubt(91.0, 0.89)
    'the saved surrogate learned labels around 91, but those of this run are around 0.89'
    """
    if ours * theirs <= 0 or 1 / _OTHER_SCALE < ours / theirs < _OTHER_SCALE:
        return None
    return f"the saved surrogate learned labels around {theirs:.4g}, but those of this run are around {ours:.4g}"
