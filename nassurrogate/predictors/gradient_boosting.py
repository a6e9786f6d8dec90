"""Gradient-boosted trees (LightGBM) on path features of the canonical cell: the strong classical baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.predictors.base import Predictor, Progress
from nassurrogate.predictors.path_features import path_features


@dataclass(frozen=True)
class BoostingConfig:
    """Hyper-parameters; `members` trees-ensembles see different bootstrap weights, their spread is the deviation."""

    members: int = 5
    rounds: int = 200
    learning_rate: float = 0.05
    num_leaves: int = 8
    min_data_in_leaf: int = 3
    column_fraction: float = 0.5


class GradientBoosting(Predictor):
    """An ensemble of LightGBM regressors on Bayesian-bootstrap weights, saved in LightGBM's own text format.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> predictor = GradientBoosting(space)
    >>> predictor.fit(space.parse_many([0, 1, 2]), np.array([85.5, 90.8, 72.1]))
    >>> mean, std = predictor.predict(space.parse_many([5, 6]))
    >>> mean.shape, std.shape
    ((2,), (2,))
    """

    name = "gradient-boosting"
    description = "LightGBM on path features of the canonical cell; CPU, under a second"
    presets = {"default": BoostingConfig()}

    _texts: list[str]

    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        import lightgbm

        config: BoostingConfig = self.config
        features = path_features(self.space, archs)
        rng = np.random.default_rng(self.seed)
        boosters = []
        for member in range(config.members):
            weight = rng.exponential(size=len(targets))
            params = {
                "objective": "regression",
                "learning_rate": config.learning_rate,
                "num_leaves": config.num_leaves,
                "min_data_in_leaf": min(config.min_data_in_leaf, max(1, len(targets) // 4)),
                "min_sum_hessian_in_leaf": 0.5,  # at 0 LightGBM fails on some sets of 3 to 8 labels
                "min_data_in_bin": 1,
                "feature_fraction": config.column_fraction,
                "seed": int(rng.integers(2**31)),
                "deterministic": True,
                "force_row_wise": True,
                "num_threads": 1,
                "verbosity": -1,
            }
            data = lightgbm.Dataset(features, label=targets, weight=weight / weight.mean(), free_raw_data=True)
            boosters.append(lightgbm.train(params, data, num_boost_round=config.rounds))
            if progress is not None:
                progress(member + 1, config.members)
        self._texts = [booster.model_to_string() for booster in boosters]
        self._boosters = boosters

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        features = path_features(self.space, archs)
        each = np.stack([np.asarray(b.predict(features, num_threads=1)) for b in self._boosters])
        return each.mean(axis=0), each.std(axis=0)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {}, {"boosters": self._texts}

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        import lightgbm

        self._texts = list(meta["boosters"])
        try:
            self._boosters = [lightgbm.Booster(model_str=text) for text in self._texts]
        except lightgbm.basic.LightGBMError as error:
            raise InputError(f"damaged gradient-boosting text ({str(error)[:80]})") from error
