"""Architectures as rows of features: paths of the canonical cell, or the features that any space offers.

Shapes: B architectures, D different rows of F features, n labels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.metric import Metric
from nassurrogate.predictors.inputs.path_features import distinct_path_features
from nassurrogate.predictors.inputs.space_features import BLOCKS, space_features
from nassurrogate.spaces import CellSpace, Space


class FeatureReading(ABC):
    """Turns architectures into rows of features.

    Attributes:
        is_canonical: whether equivalent architectures have equal rows.
        uses: what is read, in words.
    """

    is_canonical: bool
    uses: list[str]

    @abstractmethod
    def distinct(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        """(D, F) distinct rows, and (B,) the row number of each architecture."""

    def rows(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(B, F)."""
        features, place = self.distinct(archs)
        return np.asarray(features[place])

    @abstractmethod
    def raw(self, rows: np.ndarray) -> np.ndarray:
        """(D, F) rows transformed for a linear model or a distance, not standardised yet."""

    def standardiser(self, features: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """A function that standardises rows by the mean and standard deviation of these (n, F) ones."""
        columns = self.raw(features)
        mean, deviation = columns.mean(axis=0), columns.std(axis=0)
        deviation[deviation < 1e-9] = 1.0  # constant among the labels: deviations from it are not scaled
        return _Standardiser(self.raw, mean, deviation)


@dataclass(frozen=True)
class _Standardiser:
    """(D, F) rows → their deviations from the mean, in standard deviations; pickled with its predictor."""

    raw: Callable[[np.ndarray], np.ndarray]
    mean: np.ndarray
    deviation: np.ndarray

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray((self.raw(rows) - self.mean) / self.deviation)


class PathReading(FeatureReading):
    """Path counts of the canonical cell, which determine its accuracy."""

    is_canonical = True

    def __init__(self, space: CellSpace) -> None:
        self._space = space
        self.uses = ["canonical graph", "path counts"]

    def distinct(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        return distinct_path_features(self._space, archs)

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Two columns per path: the logarithm of its count, and whether it occurs."""
        # The longest path is −1 in a cell without a path.
        return np.hstack([np.log1p(np.maximum(rows, 0.0)), rows > 0.0])


class SpaceReading(FeatureReading):
    """The features that the space offers for this metric (see `SpaceFeatures`); for a cost, of the raw architecture."""

    def __init__(self, space: Space, metric: Metric) -> None:
        self._features = space_features(space, metric.belongs_to)
        self.is_canonical = self._features.is_canonical
        self.uses = [BLOCKS[name] for name in self._features.names]

    def distinct(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        return self._features(archs), np.arange(len(archs))

    def raw(self, rows: np.ndarray) -> np.ndarray:
        return rows


def feature_reading(space: Space, metric: Metric, *, paths_alone: bool) -> FeatureReading:
    """Paths of the canonical cell for metrics of the function; for all others, the features that the space offers.

    Args:
        space: the space.
        metric: to predict.
        paths_alone: whether the predictor can read only paths.
    """
    if isinstance(space, CellSpace) and (paths_alone or metric.belongs_to == "function"):
        return PathReading(space)
    return SpaceReading(space, metric)
