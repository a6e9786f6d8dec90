"""A Gaussian process with the fixed kernel of `cell_kernel`.

It runs in PyTorch, whose number of threads can be set from each thread; that of NumPy's linear algebra cannot.

Shapes: n labels, B cells, F features.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from nassurrogate.errors import InputError
from nassurrogate.predictors.calibration import HeldOut
from nassurrogate.predictors.cell_kernel import KERNEL, Kernel

_ALL_UP_TO, _SOME_LABELS = 511, 256
"""Up to 511 labels, all determine the posterior variance (quadratic time per cell); of more, 256 do."""
_WEIGHTS, _SOME = "process.weights", "process.some"
_LARGEST = 1e6
"""Largest number accepted from a file; for standard normal labels, those of a posterior are at most a few hundred."""


class CellPosterior:
    """The posterior of any cell given n labels, of which the first k determine its variance.

    Args:
        inputs: (n, F) rows of `kernel_inputs`.
        weights: (n,) of the labels in the mean.
        some: (k, k) inverse of the lower Cholesky factor of the first k labels' covariance.
        kernel: with its variances.
    """

    def __init__(self, inputs: np.ndarray, weights: np.ndarray, some: np.ndarray, kernel: Kernel = KERNEL) -> None:
        self._inputs, self._weights, self._some, self._kernel = inputs, weights, some, kernel

    def state(self) -> dict[str, np.ndarray]:
        """Everything but the inputs and the kernel, as named arrays."""
        return {_WEIGHTS: self._weights, _SOME: self._some}

    @classmethod
    def restored(cls, inputs: np.ndarray, tensors: Mapping[str, np.ndarray]) -> CellPosterior:
        """The inverse of `state` for (n, F) inputs. Raises `InputError` for arrays that do not fit n labels."""
        n = len(inputs)
        for name, shape in ((_WEIGHTS, (n,)), (_SOME, (_n_some(n),) * 2)):
            value = tensors[name]
            if value.dtype != np.float64 or value.shape != shape:
                raise InputError(f"{name} are {value.dtype}{value.shape}, expected float64{shape}")
            if not (np.abs(value) <= _LARGEST).all():
                raise InputError(f"{name} must be numbers of at most {_LARGEST:g} in size")
        return cls(inputs, tensors[_WEIGHTS].copy(), tensors[_SOME].copy())

    def predict(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(B, F) → (B,) means and (B,) standard deviations, including the noise of one label."""
        covariance = _covariances(self._kernel, inputs, self._inputs)
        mean = covariance @ torch.from_numpy(self._weights)
        return mean.numpy(), self._spread(covariance[:, : len(self._some)])

    def _spread(self, covariance: Tensor) -> np.ndarray:
        known = (covariance @ torch.from_numpy(self._some).T).square_().sum(dim=1)
        spread: np.ndarray = (self._kernel.variance - known).clamp_(min=0.0).add_(self._kernel.noise).sqrt_().numpy()
        return spread


class CellProcess(CellPosterior):
    """The posterior given n labels in random order, of which the first ones determine its variance.

    Args:
        inputs: (n, F) rows of `kernel_inputs`.
        scores: (n,) to learn, about standard normal.
        kernel: with its variances.
    """

    def __init__(self, inputs: np.ndarray, scores: np.ndarray, kernel: Kernel = KERNEL) -> None:
        from scipy.linalg import cholesky, solve_triangular

        self._scores = scores
        covariance = _covariances(kernel, inputs, inputs).numpy()
        np.einsum("ii->i", covariance)[:] += kernel.noise
        root = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
        self._root_inverse = solve_triangular(root, np.eye(len(root)), lower=True, check_finite=False)
        weights = self._root_inverse.T @ (self._root_inverse @ scores)
        n_some = _n_some(len(root))
        # The leading block of a Cholesky factor, and of its inverse, is that of the leading block.
        super().__init__(inputs, weights, self._root_inverse[:n_some, :n_some], kernel)

    def held_out(self) -> HeldOut:
        """Every label's prediction from all the others (equations 5.10 to 5.12).

        If only some labels determine the variance, those are left out: their variance without their own label is not
        known.
        """
        n_some = len(self._some)
        precision = np.square(self._root_inverse).sum(axis=0)
        mean = self._scores - self._weights / precision
        if n_some == len(self._scores):
            return HeldOut(np.arange(len(mean)), mean, np.sqrt(1.0 / precision))
        others = slice(n_some, None)
        covariance = _covariances(self._kernel, self._inputs[others], self._inputs[:n_some])
        return HeldOut(np.arange(n_some, len(mean)), mean[others], self._spread(covariance))


def _n_some(n: int) -> int:
    """How many of n labels determine the variance of the posterior."""
    return n if n <= _ALL_UP_TO else _SOME_LABELS


def _covariances(kernel: Kernel, inputs: np.ndarray, others: np.ndarray) -> Tensor:
    """`Kernel.covariances` on PyTorch's threads."""
    x, y = torch.from_numpy(inputs), torch.from_numpy(others)
    squared = torch.addmm(y.square().sum(dim=1), x, y.T, alpha=-2.0)
    squared += x.square().sum(dim=1, keepdim=True)
    distance = squared.clamp_(min=0.0).mul_(3.0).sqrt_()
    decay = distance.neg().exp_().mul_(kernel.variance)
    return decay.mul_(distance.add_(1.0))
