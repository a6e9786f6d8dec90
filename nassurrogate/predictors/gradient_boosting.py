"""Gradient-boosted trees (LightGBM) on path features of the canonical cell: the strong classical baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.predictors.base import Predictor, Progress, check_ranges
from nassurrogate.predictors.path_features import path_features


@dataclass(frozen=True)
class BoostingConfig:
    """Hyper-parameters; `members` ensembles of trees see different bootstrap weights, their spread is the deviation."""

    members: int = 5
    rounds: int = 200
    learning_rate: float = 0.05
    num_leaves: int = 8
    min_data_in_leaf: int = 3
    column_fraction: float = 0.5

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)


# Loading a model refits it: the upper bounds keep a file from asking for days of it.
_RANGES = {
    "members": (1, 100),
    "rounds": (1, 10_000),
    "learning_rate": (1e-6, 10.0),
    "num_leaves": (2, 1024),
    "min_data_in_leaf": (1, 1_000_000),
    "column_fraction": (0.01, 1.0),
}
_MAX_LABELS = 1_000_000


class GradientBoosting(Predictor):
    """An ensemble of LightGBM regressors on Bayesian-bootstrap weights.

    Saved as its labels, and refitted on load: LightGBM's reader of its own text format is no match for a hostile file
    (a changed number crashes the process). A fit takes under a second and is exact with the same release of LightGBM.

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
    presets: ClassVar[Mapping[str, Any]] = {"default": BoostingConfig()}

    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        import lightgbm

        targets = np.array(targets, dtype=np.float64)

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
        self._archs, self._targets, self._boosters = list(archs), targets, boosters

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        if not archs:
            return np.empty(0), np.empty(0)
        features = path_features(self.space, archs)
        each = np.stack([np.asarray(b.predict(features, num_threads=1)) for b in self._boosters])
        return each.mean(axis=0), each.std(axis=0)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        index = np.array([self.space.index(arch) for arch in self._archs], dtype=np.int64)
        return {"labels.index": index, "labels.target": self._targets}, {}

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        index, target = tensors["labels.index"], tensors["labels.target"]
        if index.dtype != np.int64 or target.dtype != np.float64 or index.ndim != 1 or index.shape != target.shape:
            raise InputError(
                f"labels are {index.dtype}{index.shape} and {target.dtype}{target.shape}, "
                "expected int64(n,) and float64(n,)"
            )
        if not 1 <= len(index) <= _MAX_LABELS or not np.isfinite(target).all():
            raise InputError(f"expected 1 to {_MAX_LABELS} labels, all finite, got {len(index)}")
        self.fit(self.space.parse_many(index), target)
