"""A Gaussian process with growing sets of labels and candidates: only new ones are computed.

With L the lower Cholesky factor of the labels' covariance, a candidate c is kept as the column L⁻¹ k(labels, c): its
posterior variance is k(c, c) less the column's square, its mean the product with L⁻¹ of the labels (Rasmussen &
Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1). Another label adds a row to L and to every
column. It uses NumPy: at this size, importing PyTorch would take longer than computing.

Shapes: n labels, k new ones, C candidates, m new ones, F features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

Covariances: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(B, F), (n, F) inputs → (B, n)."""


class GrowingProcess:
    """The posterior of a zero-mean process.

    Args:
        covariances: the kernel.
        variances: (B, F) → (B,), the variance of every input.
        noise: variance of a label.
        n_features: F.
    """

    def __init__(
        self,
        covariances: Covariances,
        variances: Callable[[np.ndarray], np.ndarray],
        *,
        noise: float,
        n_features: int,
    ) -> None:
        self._covariances, self._variances, self._noise = covariances, variances, noise
        self._root = np.empty((0, 0))
        self._keys = np.empty(0, np.int64)
        self._labelled = np.empty((0, n_features))
        self.n_candidates = 0
        self._candidates = np.empty((0, n_features))
        self._whitened = np.empty((0, 0))
        self._variance = np.empty(0)

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return len(self._labelled)

    def label(self, keys: np.ndarray, inputs_of: Callable[[np.ndarray], np.ndarray]) -> None:
        """Set the labels to those of (n,) keys, in this order; known ones are kept if they come first.

        Args:
            keys: whole numbers that identify inputs.
            inputs_of: (k,) new keys → (k, F) inputs.
        """
        known = len(self._keys)
        if not np.array_equal(self._keys, keys[:known]):
            self._forget_labels()
            known = 0
        if known < len(keys):
            self._observe(inputs_of(keys[known:]))
            self._keys = keys.copy()

    def _forget_labels(self) -> None:
        self._root, self._labelled, self._keys = np.empty((0, 0)), self._labelled[:0], self._keys[:0]
        self._variance[: self.n_candidates] = self._variances(self._candidates[: self.n_candidates])

    def _observe(self, inputs: np.ndarray) -> None:
        from scipy.linalg import cholesky, solve_triangular

        n, k = self.n_labels, len(inputs)
        cross = self._solve(self._covariances(self._labelled, inputs))
        own = self._covariances(inputs, inputs) - cross.T @ cross
        np.einsum("ii->i", own)[:] += self._noise
        corner = cholesky(own, lower=True, check_finite=False)
        root = np.zeros((n + k, n + k))
        root[:n, :n], root[n:, :n], root[n:, n:] = self._root, cross.T, corner
        self._root, self._labelled = root, np.concatenate([self._labelled, inputs])
        if self.n_candidates:
            self._reserve(n + k, self.n_candidates)
            at = slice(self.n_candidates)
            new = self._covariances(inputs, self._candidates[at]) - cross.T @ self._whitened[:n, at]
            new = solve_triangular(corner, new, lower=True, check_finite=False)
            self._whitened[n : n + k, at] = new
            self._variance[at] -= np.square(new).sum(axis=0)

    def add_candidates(self, inputs: np.ndarray) -> None:
        """Append candidates with (m, F) inputs."""
        first, last = self.n_candidates, self.n_candidates + len(inputs)
        self._reserve(self.n_labels, last)
        self._candidates[first:last] = inputs
        new = self._whiten(inputs)
        self._whitened[: self.n_labels, first:last] = new
        self._variance[first:last] = self._variances(inputs) - np.square(new).sum(axis=0)
        self.n_candidates = last

    def candidates_posterior(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(C,) means and (C,) variances of all candidates, without the noise of a label, given the (n,) labels."""
        at = slice(self.n_candidates)
        if not self.n_candidates:
            return np.empty(0), np.empty(0)
        return self._solve(values) @ self._whitened[: self.n_labels, at], np.maximum(self._variance[at], 0.0)

    def posterior(self, inputs: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(B,) means and (B,) variances of (B, F) inputs that are not candidates."""
        column = self._whiten(inputs)
        variance = self._variances(inputs) - np.square(column).sum(axis=0)
        return self._solve(values) @ column, np.maximum(variance, 0.0)

    def leave_one_out(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) means and (n,) variances of every label given all the others (the book's equations 5.10 to 5.12)."""
        inverse = self._solve(np.eye(self.n_labels))
        precision = np.square(inverse).sum(axis=0)
        return values - inverse.T @ (inverse @ values) / precision, 1.0 / precision

    def _whiten(self, inputs: np.ndarray) -> np.ndarray:
        return self._solve(self._covariances(self._labelled, inputs))

    def _solve(self, right: np.ndarray) -> np.ndarray:
        """L⁻¹ times (n, …)."""
        from scipy.linalg import solve_triangular

        if not self.n_labels:
            return right
        solved: np.ndarray = solve_triangular(self._root, right, lower=True, check_finite=False)
        return solved

    def _reserve(self, n_labels: int, n_candidates: int) -> None:
        """Allocate for this many; the size doubles each time, so that columns are copied only a few times."""
        rows, columns = self._whitened.shape
        if n_labels <= rows and n_candidates <= columns:
            return
        rows = rows if n_labels <= rows else max(n_labels, 2 * rows)
        columns = columns if n_candidates <= columns else max(n_candidates, 2 * columns)
        at, kept = slice(self.n_candidates), slice(min(self.n_labels, len(self._whitened)))
        whitened, candidates = np.empty((rows, columns)), np.empty((columns, self._candidates.shape[1]))
        variance = np.empty(columns)
        whitened[kept, at] = self._whitened[kept, at]
        candidates[at], variance[at] = self._candidates[at], self._variance[at]
        self._whitened, self._candidates, self._variance = whitened, candidates, variance
