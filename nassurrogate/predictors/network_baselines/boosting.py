"""Gradient-boosted trees (LightGBM) on costs summed per kind of operator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nassurrogate.predictors.base import check_ranges
from nassurrogate.predictors.network_baselines.baseline import BaselineConfig, Model, NetworkBaseline
from nassurrogate.predictors.network_baselines.operator_sums import QUANTITIES, Columns
from nassurrogate.predictors.network_baselines.trees import Trees


@dataclass(frozen=True)
class NetworkBoostingConfig(BaselineConfig):
    """Hyper-parameters of LightGBM; `column_fraction` of the features is drawn for each tree."""

    rounds: int = 500
    learning_rate: float = 0.1
    num_leaves: int = 31
    min_data_in_leaf: int = 10
    column_fraction: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, _RANGES)


_RANGES = {
    "rounds": (1, 10_000),
    "learning_rate": (1e-6, 10.0),
    "num_leaves": (2, 512),
    "min_data_in_leaf": (1, 1_000_000),
    "column_fraction": (0.01, 1.0),
}
_LARGEST = 80.0
"""The logarithm of more than any target that a surrogate accepts; trees from a file may reach it."""


class BoostingNetworks(NetworkBaseline[NetworkBoostingConfig]):
    """LightGBM on the logarithm of the latency; features are FLOPs, bytes, weights and operators, by kind and in all.

    Trees do not extrapolate: a network larger than all in training gets the latency of the largest. They are saved as
    arrays, since LightGBM's reader of its text format crashes the process on a manipulated file.
    """

    name = "boosting-networks"
    description = "LightGBM on costs of whole networks, summed per kind of operator; CPU, seconds to a minute"
    presets: ClassVar[Mapping[str, NetworkBoostingConfig]] = {"default": NetworkBoostingConfig()}
    totals = QUANTITIES
    per_kind = True

    def uses(self) -> list[str]:
        return ["operator graph", "FLOPs", "memory access", "parameters"]

    def _learn(self, rows: np.ndarray, labels: np.ndarray) -> Model:
        import lightgbm

        config = self.config
        params: dict[str, Any] = {
            "objective": "regression",
            "learning_rate": config.learning_rate,
            "num_leaves": config.num_leaves,
            "min_data_in_leaf": min(config.min_data_in_leaf, max(1, len(labels) // 4)),
            "min_data_in_bin": 1,
            "feature_fraction": config.column_fraction,
            "feature_pre_filter": False,
            "use_missing": False,
            "seed": int(np.random.default_rng(self.seed).integers(2**31)),
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(rows, label=np.log(labels))
        booster = lightgbm.train(params, data, num_boost_round=config.rounds)
        return BoostedModel(Trees.of(tree["tree_structure"] for tree in booster.dump_model()["tree_info"]))

    def _constant(self, columns: Columns, value: float) -> Model:
        return BoostedModel(Trees.constant(float(np.log(value))))

    def _restored(self, columns: Columns, tensors: Mapping[str, np.ndarray]) -> Model:
        return BoostedModel(Trees.checked(tensors, len(columns)))


@dataclass(frozen=True)
class BoostedModel(Model):
    """Trees that predict the logarithm."""

    trees: Trees

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        # Vector instructions of `exp` round the last digit by the position in the batch, so each number is on its own.
        return np.array([math.exp(min(value, _LARGEST)) for value in self.trees(rows)], dtype=np.float64)

    def tensors(self) -> dict[str, np.ndarray]:
        return self.trees.tensors()
