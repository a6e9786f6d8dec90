"""A Gaussian process whose kernel is fixed: see `cell_kernel`.

PyTorch computes it, on the threads that it is given: those of NumPy's linear algebra cannot be told how many to be.

Shapes: n labels, B cells, F features.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nassurrogate.predictors.calibration import HeldOut
from nassurrogate.predictors.cell_kernel import KERNEL, Kernel

_ALL_SAY_UP_TO, _SOME = 511, 256
"""Labels up to which all say how wide the posterior is, which takes quadratic time a cell; of more so many do."""


class CellProcess:
    """The posterior given n labels in random order, of which the first ones say how wide it is.

    Args:
        inputs: (n, F) rows of `kernel_inputs`.
        scores: (n,) what is learned, about standard normal.
        kernel: has the variances.
    """

    def __init__(self, inputs: np.ndarray, scores: np.ndarray, kernel: Kernel = KERNEL) -> None:
        from scipy.linalg import cholesky, solve_triangular

        self._inputs, self._scores, self._kernel = inputs, scores, kernel
        covariance = _covariances(kernel, self._inputs, self._inputs).numpy()
        np.einsum("ii->i", covariance)[:] += kernel.noise
        root = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
        self._root_inverse = solve_triangular(root, np.eye(len(root)), lower=True, check_finite=False)
        self._weights = self._root_inverse.T @ (self._root_inverse @ self._scores)
        n_some = len(root) if len(root) <= _ALL_SAY_UP_TO else _SOME
        # The leading block of a Cholesky factor, and of its inverse, is that of the leading block.
        self._some = self._root_inverse[:n_some, :n_some]

    def predict(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(B, F) → (B,) means and (B,) standard deviations, the noise of one label included."""
        covariance = _covariances(self._kernel, inputs, self._inputs)
        mean = covariance @ torch.from_numpy(self._weights)
        return mean.numpy(), self._spread(covariance[:, : len(self._some)])

    def held_out(self) -> HeldOut:
        """Every label's prediction from all the others (equations 5.10 to 5.12).

        Where not all labels say how wide the posterior is, those that do are left out: of them the spread of a cell
        that is not among them is not known.
        """
        n_some = len(self._some)
        precision = np.square(self._root_inverse).sum(axis=0)
        mean = self._scores - self._weights / precision
        if n_some == len(self._scores):
            return HeldOut(np.arange(len(mean)), mean, np.sqrt(1.0 / precision))
        others = slice(n_some, None)
        covariance = _covariances(self._kernel, self._inputs[others], self._inputs[:n_some])
        return HeldOut(np.arange(n_some, len(mean)), mean[others], self._spread(covariance))

    def _spread(self, covariance: Tensor) -> np.ndarray:
        known = (covariance @ torch.from_numpy(self._some).T).square_().sum(dim=1)
        spread: np.ndarray = (self._kernel.variance - known).clamp_(min=0.0).add_(self._kernel.noise).sqrt_().numpy()
        return spread


def _covariances(kernel: Kernel, inputs: np.ndarray, others: np.ndarray) -> Tensor:
    """`Kernel.covariances` on PyTorch's threads."""
    x, y = torch.from_numpy(inputs), torch.from_numpy(others)
    squared = torch.addmm(y.square().sum(dim=1), x, y.T, alpha=-2.0)
    squared += x.square().sum(dim=1, keepdim=True)
    distance = squared.clamp_(min=0.0).mul_(3.0).sqrt_()
    decay = distance.neg().exp_().mul_(kernel.variance)
    return decay.mul_(distance.add_(1.0))
