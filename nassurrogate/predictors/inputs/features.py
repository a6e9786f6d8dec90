"""What a predictor of rows of features reads of an architecture: paths of a canonical cell, or what any space offers.

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
        is_canonical: whether equal functions have equal rows.
        uses: what is read, for a person.
    """

    is_canonical: bool
    uses: list[str]

    @abstractmethod
    def distinct(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        """(D, F) rows, and (B,) the row of each architecture."""

    def rows(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(B, F)."""
        features, place = self.distinct(archs)
        return np.asarray(features[place])

    @abstractmethod
    def raw(self, rows: np.ndarray) -> np.ndarray:
        """(D, F) rows as a linear model or a distance reads them, not standardised yet."""

    def standardiser(self, features: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Map rows to their deviation from these (n, F) ones' mean, in standard deviations."""
        columns = self.raw(features)
        mean, deviation = columns.mean(axis=0), columns.std(axis=0)
        deviation[deviation < 1e-9] = 1.0  # constant in the labels: one that differs differs by its plain number
        return _Standardiser(self.raw, mean, deviation)


@dataclass(frozen=True)
class _Standardiser:
    """(D, F) rows → their distances from the mean, in standard deviations; pickled with its predictor."""

    raw: Callable[[np.ndarray], np.ndarray]
    mean: np.ndarray
    deviation: np.ndarray

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray((self.raw(rows) - self.mean) / self.deviation)


class PathReading(FeatureReading):
    """Path counts of the canonical cell: what an accuracy depends on."""

    is_canonical = True

    def __init__(self, space: CellSpace) -> None:
        self._space = space
        self.uses = ["canonical graph", "path counts"]

    def distinct(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        return distinct_path_features(self._space, archs)

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """A path counts twice: by how often it occurs, in logarithms, and by whether it does."""
        # The longest path is −1 in a cell that has none.
        return np.hstack([np.log1p(np.maximum(rows, 0.0)), rows > 0.0])


class SpaceReading(FeatureReading):
    """Whatever the space offers for this metric (see `SpaceFeatures`): of a cost the raw architecture."""

    def __init__(self, space: Space, metric: Metric) -> None:
        self._features = space_features(space, metric.belongs_to)
        self.is_canonical = self._features.is_canonical
        self.uses = [BLOCKS[name] for name in self._features.names]

    def distinct(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        return self._features(archs), np.arange(len(archs))

    def raw(self, rows: np.ndarray) -> np.ndarray:
        return rows


def feature_reading(space: Space, metric: Metric, *, paths_alone: bool) -> FeatureReading:
    """Paths of a cell's canonical graph for what belongs to its function; for all else what the space offers.

    Args:
        space: the space.
        metric: what is predicted.
        paths_alone: whether nothing but paths can be read.
    """
    if isinstance(space, CellSpace) and (paths_alone or metric.belongs_to == "function"):
        return PathReading(space)
    return SpaceReading(space, metric)
