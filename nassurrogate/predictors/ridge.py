"""Ridge regression (scikit-learn) on path features of the canonical cell: the cheapest useful model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nassurrogate.errors import InputError
from nassurrogate.predictors.base import check_ranges
from nassurrogate.predictors.feature_predictor import FeaturePredictor, Scorer, Task, in_chunks


@dataclass(frozen=True)
class RidgeConfig:
    """Penalties to try: `alphas` of them from `lowest_alpha` to `highest_alpha`, evenly spaced in logarithms."""

    lowest_alpha: float = 1e-3
    highest_alpha: float = 1e4
    alphas: int = 29

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)
        if self.lowest_alpha > self.highest_alpha:
            raise InputError(
                f"lowest_alpha must not exceed highest_alpha, got {self.lowest_alpha:g} and {self.highest_alpha:g}"
            )


_RANGES = {"lowest_alpha": (1e-9, 1e9), "highest_alpha": (1e-9, 1e9), "alphas": (1, 1000)}


class RidgeRegression(FeaturePredictor[RidgeConfig]):
    """A linear model; leave-one-out errors choose the penalty, and the leverage of a cell sets its raw deviation.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> predictor = RidgeRegression(space)
    >>> predictor.fit(space.parse_many([0, 1, 2]), np.array([85.5, 90.8, 72.1]))
    >>> mean, std = predictor.predict(space.parse_many([5, 6]))
    >>> mean.shape, std.shape
    ((2,), (2,))
    """

    name = "ridge"
    description = (
        "ridge regression (scikit-learn) on path features of cells, or what any space offers; CPU, a tenth of a second"
    )
    presets: ClassVar[Mapping[str, RidgeConfig]] = {"default": RidgeConfig()}
    library = "sklearn"

    def _learn(self, task: Task, like: Scorer | None = None) -> Scorer:
        from sklearn.linear_model import RidgeCV

        config = self.config
        features, scores = task
        standard = self._reading.standardiser(features)
        inputs = standard(features)
        alphas = np.geomspace(config.lowest_alpha, config.highest_alpha, config.alphas)
        ridge = RidgeCV(alphas).fit(inputs, scores)
        noise = max(-ridge.best_score_, 0.0) ** 0.5
        covariance = np.linalg.inv(inputs.T @ inputs + ridge.alpha_ * np.eye(inputs.shape[1]))

        return in_chunks(_Line(standard, ridge, covariance, noise))


@dataclass(frozen=True)
class _Line:
    """A linear model, with spreads from the leverage of each row.

    Args:
        standard: (B, F) features → inputs.
        model: of scikit-learn.
        covariance: (F, F) of the weights, in units of the noise's variance.
        noise: standard deviation of a leave-one-out error.
    """

    standard: Callable[[np.ndarray], np.ndarray]
    model: Any
    covariance: np.ndarray
    noise: float

    def __call__(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = self.standard(rows)
        leverage = np.einsum("bf,bf->b", x @ self.covariance, x)
        return self.model.predict(x), self.noise * np.sqrt(1.0 + np.maximum(leverage, 0.0))
