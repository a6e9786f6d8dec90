"""Random forest (Breiman 2001, in scikit-learn) on path features of the canonical cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nassurrogate.predictors.base import check_ranges
from nassurrogate.predictors.feature_predictor import FeaturePredictor, Scorer, Task


@dataclass(frozen=True)
class ForestConfig:
    """Hyper-parameters; every split considers a random `column_fraction` of the features."""

    trees: int = 100
    column_fraction: float = 1 / 3
    min_data_in_leaf: int = 1

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)


# Loading a model refits it: the upper bounds keep a file from demanding days of computing.
_RANGES = {"trees": (1, 10_000), "column_fraction": (0.01, 1.0), "min_data_in_leaf": (1, 1_000_000)}


class RandomForest(FeaturePredictor[ForestConfig]):
    """Trees on bootstrap samples; their spread is the raw deviation.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> predictor = RandomForest(space, config={"trees": 20})
    >>> predictor.fit(space.parse_many([0, 1, 2]), np.array([85.5, 90.8, 72.1]))
    >>> mean, std = predictor.predict(space.parse_many([5, 6]))
    >>> mean.shape, std.shape
    ((2,), (2,))
    """

    name = "random-forest"
    description = "random forest (scikit-learn) on path features of cells, or what any space offers; CPU, seconds"
    presets: ClassVar[Mapping[str, ForestConfig]] = {"default": ForestConfig()}
    library = "sklearn"

    def _learn(self, task: Task, like: Scorer | None = None) -> Scorer:
        from sklearn.ensemble import RandomForestRegressor

        config = self.config
        forest = RandomForestRegressor(
            n_estimators=config.trees,
            max_features=config.column_fraction,
            min_samples_leaf=config.min_data_in_leaf,
            random_state=int(np.random.default_rng(self.seed).integers(2**31)),
            n_jobs=1,
        ).fit(*task)

        return _Trees(forest.estimators_)


@dataclass(frozen=True)
class _Trees:
    """Mean and spread over the trees of a forest."""

    trees: list[Any]

    def __call__(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        narrow = rows.astype(np.float32)  # the type that trees read: converted once, not by every tree
        # Trees are the last axis: sums along it do not depend on the number of rows.
        each = np.stack([tree.predict(narrow, check_input=False) for tree in self.trees], axis=1)
        return each.mean(axis=1), each.std(axis=1)
