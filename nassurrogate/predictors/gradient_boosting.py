"""Gradient-boosted trees (LightGBM) on path features of the canonical cell: a strong classical baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nassurrogate.predictors.base import check_ranges
from nassurrogate.predictors.feature_predictor import FeaturePredictor, Scorer, Task

if TYPE_CHECKING:
    import lightgbm


@dataclass(frozen=True)
class BoostingConfig:
    """Hyper-parameters; `members` boosted models with different bootstrap weights, whose spread is the deviation."""

    members: int = 5
    rounds: int = 200
    learning_rate: float = 0.05
    num_leaves: int = 8
    min_data_in_leaf: int = 3
    column_fraction: float = 0.5

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)


# Loading a model refits it: the upper bounds keep a file from demanding days of computing.
_RANGES = {
    "members": (1, 100),
    "rounds": (1, 10_000),
    "learning_rate": (1e-6, 10.0),
    "num_leaves": (2, 1024),
    "min_data_in_leaf": (1, 1_000_000),
    "column_fraction": (0.01, 1.0),
}


class GradientBoosting(FeaturePredictor[BoostingConfig]):
    """An ensemble of LightGBM regressors on Bayesian-bootstrap weights.

    It is saved as its labels: LightGBM's reader of its text format crashes the process on a manipulated file.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> predictor = GradientBoosting(space)
    >>> predictor.fit(space.parse_many([0, 1, 2]), np.array([85.5, 90.8, 72.1]))
    >>> mean, std = predictor.predict(space.parse_many([5, 6]))
    >>> mean.shape, std.shape
    ((2,), (2,))
    """

    name = "gradient-boosting"
    description = "LightGBM on path features of cells, or what any space offers; CPU, seconds"
    presets: ClassVar[Mapping[str, BoostingConfig]] = {"default": BoostingConfig()}

    def _learn(self, task: Task, like: Scorer | None = None) -> Scorer:
        import lightgbm

        features, scores = task
        config = self.config
        rng = np.random.default_rng(self.seed)
        boosters = []
        for _ in range(config.members):
            weight = rng.exponential(size=len(scores))
            params = {
                "objective": "regression",
                "learning_rate": config.learning_rate,
                "num_leaves": config.num_leaves,
                "min_data_in_leaf": min(config.min_data_in_leaf, max(1, len(scores) // 4)),
                "min_sum_hessian_in_leaf": 0.5,  # at 0 LightGBM fails on some sets of 3 to 8 labels
                "min_data_in_bin": 1,
                "feature_fraction": config.column_fraction,
                "seed": int(rng.integers(2**31)),
                "deterministic": True,
                "force_row_wise": True,
                "num_threads": 1,
                "verbosity": -1,
            }
            data = lightgbm.Dataset(features, label=scores, weight=weight / weight.mean(), free_raw_data=True)
            boosters.append(lightgbm.train(params, data, num_boost_round=config.rounds))

        return _Boosters(boosters)


@dataclass(frozen=True)
class _Boosters:
    """Mean and spread over several boosted models."""

    members: list[lightgbm.Booster]

    def __call__(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # Members are the last axis: sums along it do not depend on the number of rows.
        each = np.stack([np.asarray(b.predict(rows, num_threads=1)) for b in self.members], axis=1)
        return each.mean(axis=1), each.std(axis=1)
