"""A Gaussian process on path features of the canonical cell.

The kernel is a linear model plus a rough (Matérn 3/2) function, with noise. See Rasmussen & Williams, "Gaussian
Processes for Machine Learning", 2006: equations 2.25 and 2.26 for the posterior, section 5.4.1 for the choice of the
kernel's hyper-parameters. scikit-learn maximises the likelihood; the posterior is computed here, in fewer passes over
memory.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nassurrogate.predictors.base import check_ranges
from nassurrogate.predictors.feature_predictor import FeaturePredictor, Scorer, Task, in_chunks


@dataclass(frozen=True)
class ProcessConfig:
    """How many cells each step uses; of more cells, a random subset.

    In the number of cells, each step of the likelihood takes cubic time (`tuning_cells`), the mean takes cubic time
    once (`mean_cells`), and the deviation of every scored cell takes quadratic time (`spread_cells`).
    """

    tuning_cells: int = 500
    mean_cells: int = 10_000
    spread_cells: int = 500

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)


# Loading a model refits it: the upper bounds keep a file from demanding days, or more memory than a machine has.
_RANGES = {"tuning_cells": (2, 5_000), "mean_cells": (2, 20_000), "spread_cells": (2, 5_000)}
_ROWS = 1024
"""Rows of the covariance that are computed at a time."""


class GaussianProcess(FeaturePredictor[ProcessConfig]):
    """The posterior of a Gaussian process; labels of isomorphic cells count as one less noisy label.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> predictor = GaussianProcess(space)
    >>> predictor.fit(space.parse_many([0, 1, 2]), np.array([85.5, 90.8, 72.1]))
    >>> mean, std = predictor.predict(space.parse_many([5, 6]))
    >>> mean.shape, std.shape
    ((2,), (2,))
    """

    name = "gaussian-process"
    description = "Gaussian process (scikit-learn) on path features of cells, or what any space offers; CPU, seconds"
    presets: ClassVar[Mapping[str, ProcessConfig]] = {"default": ProcessConfig()}
    library = "sklearn"

    def _learn(self, task: Task, like: Scorer | None = None) -> Scorer:
        config = self.config
        features, scores = task
        standard = self._reading.standardiser(features)
        offset = scores.mean()
        distinct, row, count = np.unique(features, axis=0, return_inverse=True, return_counts=True)
        # A random order makes the first cells a random choice.
        order = np.random.default_rng(self.seed).permutation(len(distinct))
        inputs = standard(distinct[order])
        means = (np.bincount(row, weights=scores - offset) / count)[order]
        count = count[order]
        if isinstance(like, _Scorer):
            kernel = like.kernel
        else:
            chosen = np.random.default_rng(self.seed).permutation(len(scores))[: config.tuning_cells]
            kernel = _likeliest_kernel(standard(features[chosen]), scores[chosen] - offset)
        return _Scorer(standard, offset, kernel, inputs, means, count, config)


@dataclass(frozen=True)
class LinearMaternKernel:
    """k(x, y) = rough · (1 + r) exp(−r) + linear · xᵀy with r = √3 |x − y| / length; and the variance of the noise."""

    rough: float
    length: float
    linear: float
    noise: float

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(B, F), (n, F) → (B, n)."""
        product = x @ y.T
        distance = product * -2.0
        distance += np.square(x).sum(axis=1)[:, None]
        distance += np.square(y).sum(axis=1)
        np.maximum(distance, 0.0, out=distance)
        np.sqrt(distance, out=distance)
        distance *= np.sqrt(3.0) / self.length
        decay = np.exp(-distance)
        distance += 1.0
        distance *= decay
        distance *= self.rough
        product *= self.linear
        product += distance
        return np.asarray(product)

    def variance(self, x: np.ndarray) -> np.ndarray:
        """(B, F) → (B,): k(x, x)."""
        return np.asarray(self.rough + self.linear * np.square(x).sum(axis=1))


def _likeliest_kernel(inputs: np.ndarray, scores: np.ndarray) -> LinearMaternKernel:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern, WhiteKernel

    width = inputs.shape[1]
    typical = np.sqrt(width)  # distance between two standardised cells
    rough = ConstantKernel(1.0, (1e-3, 1e3)) * Matern(typical, (typical / 10, typical * 100), nu=1.5)
    linear = ConstantKernel(0.1 / width, (1e-8, 1e2)) * DotProduct(0.0, "fixed")
    process = GaussianProcessRegressor(rough + linear + WhiteKernel(0.1, (1e-6, 1e1)), alpha=1e-8)
    with warnings.catch_warnings():
        # A hyper-parameter at its bound is fine: a few labels cannot determine it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(inputs, scores)
    return LinearMaternKernel(*np.exp(process.kernel_.theta).tolist())


class _Scorer:
    """Posterior mean and deviation, the noise of one label included.

    Args:
        standard: (B, F) features → inputs.
        offset: mean of the scores.
        kernel: with its hyper-parameters.
        inputs: (n, F) different cells in random order.
        means: (n,) mean scores of each, less the offset.
        count: (n,) number of labels of each.
        config: how many cells to use for what.
    """

    def __init__(
        self,
        standard: Any,
        offset: float,
        kernel: LinearMaternKernel,
        inputs: np.ndarray,
        means: np.ndarray,
        count: np.ndarray,
        config: ProcessConfig,
    ) -> None:
        from scipy.linalg import cho_solve, solve_triangular

        self.kernel = kernel
        self._standard = standard
        self._offset = offset
        self._inputs = inputs[: config.mean_cells]
        self._some = inputs[: config.spread_cells]
        root = _cholesky(kernel, self._inputs, count[: config.mean_cells])
        self._weights = cho_solve((root, True), means[: config.mean_cells], check_finite=False)
        # The leading block of a Cholesky factor is the factor of the leading block.
        n_some = len(self._some)
        self._whitening = solve_triangular(root[:n_some, :n_some], np.eye(n_some), lower=True, check_finite=False)
        self._score = in_chunks(self._posterior)

    def __call__(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._score(features)

    def _posterior(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = self._standard(features)
        covariance = self.kernel(x, self._inputs)
        known = np.square(covariance[:, : len(self._some)] @ self._whitening.T).sum(axis=1)
        variance = np.maximum(self.kernel.variance(x) - known, 0.0) + self.kernel.noise
        return self._offset + covariance @ self._weights, np.sqrt(variance)


def _cholesky(kernel: LinearMaternKernel, inputs: np.ndarray, count: np.ndarray) -> np.ndarray:
    """(n, n) lower factor of the covariance of the mean labels of n cells."""
    from scipy.linalg import cholesky

    covariance = np.empty((len(inputs), len(inputs)))
    for start in range(0, len(inputs), _ROWS):  # the kernel needs three arrays of the size of its result
        covariance[start : start + _ROWS] = kernel(inputs[start : start + _ROWS], inputs)
    diagonal = np.einsum("ii->i", covariance)
    diagonal += kernel.noise / count + 1e-10 * diagonal.mean()
    # Transposed, it has the order in which LAPACK can overwrite it.
    root: np.ndarray = cholesky(covariance.T, lower=True, overwrite_a=True, check_finite=False)
    return root
