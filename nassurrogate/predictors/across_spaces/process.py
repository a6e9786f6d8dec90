"""A Gaussian process on normal scores, whose prior mean is a sum of log-ranks.

The mean adds what every feature alone says, as log Φ(± z) with weights that are not negative: the logarithm of the
rank, counted from the worst. What is among the worst in one respect is not made up for by others (AZ-NAS, arXiv
2403.19232, sums log-ranks of proxies). Beyond the networks that it knows, the process falls back on this mean.

Shapes: n rows with labels, B others, F features.
"""

from __future__ import annotations

import numpy as np

LENGTH = 2.0
"""Length scale of the kernel, in root mean squared differences of normal scores."""
_SHRINKAGE = 0.1
"""Of the weights of the mean, relative to the number of rows."""
_CHUNK = 512
"""Rows per call of linear algebra, always the same number: rounding depends on it."""


def covariances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(B, F), (n, F) → (B, n) of a squared-exponential kernel of variance 1."""
    squared = np.square(x).sum(axis=1)[:, None] + np.square(y).sum(axis=1) - 2.0 * (x @ y.T)
    found: np.ndarray = np.exp(-np.maximum(squared, 0.0) / (2.0 * LENGTH**2 * max(x.shape[1], 1)))
    return found


class LogRankMean:
    """The prior mean, fitted by least squares.

    Args:
        rows: (n, F) normal scores.
        targets: (n,) with mean 0.
    """

    def __init__(self, rows: np.ndarray, targets: np.ndarray) -> None:
        from scipy.optimize import nnls

        self._signs = np.where(rows.T @ targets < 0, -1.0, 1.0)
        logs = self._logs(rows)
        self._centre, spread = logs.mean(axis=0), logs.std(axis=0)
        self._spread = np.where(spread > 1e-9, spread, np.inf)
        columns = (logs - self._centre) / self._spread
        shrinking = np.sqrt(_SHRINKAGE * len(rows)) * np.eye(rows.shape[1])
        padded = np.concatenate([targets, np.zeros(rows.shape[1])])
        self._weights: np.ndarray = nnls(np.vstack([columns, shrinking]), padded)[0]

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """(B, F) → (B,)."""
        return np.asarray((self._logs(rows) - self._centre) / self._spread @ self._weights)

    def _logs(self, rows: np.ndarray) -> np.ndarray:
        from scipy.special import log_ndtr

        return np.asarray(log_ndtr(rows * self._signs))


class MeanProcess:
    """The process on the residuals of `LogRankMean`.

    Args:
        rows: (n, F) normal scores.
        targets: (n,) normal scores of labels.
        noise: variance of a label.
    """

    def __init__(self, rows: np.ndarray, targets: np.ndarray, noise: float) -> None:
        from scipy.linalg import cho_solve, cholesky

        self._rows, self._level = rows, float(targets.mean())
        self._mean = LogRankMean(rows, targets - self._level)
        covariance = covariances(rows, rows)
        np.einsum("ii->i", covariance)[:] += noise
        self._root = cholesky(covariance, lower=True, check_finite=False)
        residuals = targets - self._level - self._mean(rows)
        self._weights: np.ndarray = cho_solve((self._root, True), residuals, check_finite=False)

    def mean(self, rows: np.ndarray) -> np.ndarray:
        """(B, F) → (B,) posterior means."""
        parts = _in_chunks(rows)
        found = [self._level + self._mean(part) + covariances(part, self._rows) @ self._weights for part in parts]
        return np.concatenate([np.empty(0), *found])[: len(rows)]

    def deviation(self, rows: np.ndarray) -> np.ndarray:
        """(B, F) → (B,) posterior standard deviations, without the noise of a label."""
        from scipy.linalg import solve_triangular

        found = [np.empty(0)]
        for part in _in_chunks(rows):
            column = solve_triangular(self._root, covariances(self._rows, part), lower=True, check_finite=False)
            found.append(np.sqrt(np.maximum(1.0 - np.square(column).sum(axis=0), 0.0)))
        return np.concatenate(found)[: len(rows)]


def _in_chunks(rows: np.ndarray) -> list[np.ndarray]:
    """Pieces of `_CHUNK` rows; the last one is filled up with the rows from the start."""
    return [rows[np.arange(start, start + _CHUNK) % len(rows)] for start in range(0, len(rows), _CHUNK)]
