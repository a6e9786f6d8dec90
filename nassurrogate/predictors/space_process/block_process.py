"""The posterior of a Gaussian process with a `BlockKernel`.

Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006: equations 2.25 and 2.26 for the posterior,
5.10 to 5.12 for held-out labels.

Shapes: n labels, m architectures, F features.
"""

from __future__ import annotations

import numpy as np

from nassurrogate.predictors.space_process.block_kernel import JITTER, BlockKernel, block_squares

_ALL_UP_TO, _SOME = 511, 256
"""Up to 511 labels, all determine the posterior variance (quadratic time); of more, 256 do."""


class BlockProcess:
    """The posterior given n labels in random order, of which the first ones determine its variance.

    Args:
        features: (n, F).
        scores: (n,) to learn, of about standard deviation 1.
        kernel: with its hyper-parameters.
    """

    def __init__(self, features: np.ndarray, scores: np.ndarray, kernel: BlockKernel) -> None:
        from scipy.linalg import cholesky, solve_triangular

        self.kernel, self._features, self._scores = kernel, features, scores
        self._squares = block_squares(features, kernel.widths)
        covariance = kernel.covariances(features, self._squares, features, self._squares)
        covariance.flat[:: len(scores) + 1] += kernel.noise + JITTER
        root = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
        # With an explicit inverse, every later solution is a matrix product, which is several times faster.
        self._root_inverse = solve_triangular(root, np.eye(len(scores)), lower=True, check_finite=False)
        self._weights = self._root_inverse.T @ (self._root_inverse @ scores)
        n_some = len(scores) if len(scores) <= _ALL_UP_TO else _SOME
        # The leading block of a Cholesky factor, and of its inverse, is that of the leading block.
        self._some = self._root_inverse[:n_some, :n_some]

    def posterior(self, features: np.ndarray, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m, F) and their `block_squares` → (m,) means and (m,) variances, without the noise of a label."""
        covariance = self.kernel.covariances(features, squares, self._features, self._squares)
        return covariance @ self._weights, self._variance(covariance[:, : len(self._some)], squares)

    def _variance(self, covariance: np.ndarray, squares: np.ndarray) -> np.ndarray:
        known = covariance @ self._some.T
        variance: np.ndarray = self.kernel.variances(squares) - np.einsum("ij,ij->i", known, known)
        return np.asarray(np.maximum(variance, 0.0))

    def held_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Predictions of labels from all the others: (k,) positions, means and variances, including the noise.

        If only some labels determine the variance, those are left out: their variance without their own label is not
        known.
        """
        n, n_some = len(self._scores), len(self._some)
        precision = np.square(self._root_inverse).sum(axis=0)
        mean = self._scores - self._weights / precision
        if n_some == n:
            return np.arange(n), mean, 1.0 / precision
        others = slice(n_some, None)
        covariance = self.kernel.covariances(
            self._features[others], self._squares[others], self._features[:n_some], self._squares[:n_some]
        )
        variance = self._variance(covariance, self._squares[others])
        return np.arange(n_some, n), mean[others], variance + self.kernel.noise
