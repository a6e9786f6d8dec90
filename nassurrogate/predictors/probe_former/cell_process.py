"""A Gaussian process with the fixed kernel of `cell_kernel` and a linear prior mean, see `prior`.

It runs in PyTorch, whose number of threads can be set from each thread; that of NumPy's linear algebra cannot.

Shapes: n labels, B cells, F columns: the features of the kernel, and last the prior score.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from nassurrogate.errors import InputError
from nassurrogate.predictors.calibration import HeldOut
from nassurrogate.predictors.cell_kernel import KERNEL, Kernel
from nassurrogate.predictors.probe_former.prior import PRIOR, Prior

_ALL_UP_TO, _SOME_LABELS = 511, 256
"""Up to 511 labels, all determine the posterior variance (quadratic time per cell); of more, 256 do."""
_WEIGHTS, _SOME = "process.weights", "process.some"
_LARGEST = 1e6
"""Largest number accepted from a file; for standard normal labels, those of a posterior are at most a few hundred."""


class CellPosterior:
    """The posterior of any cell given n labels, of which the first k determine its variance.

    Args:
        inputs: (n, F) rows of `kernel_inputs`, and the prior score of each.
        weights: (n,) of the labels in the mean.
        some: (k, k) inverse of the lower Cholesky factor of the first k labels' covariance.
        slope: the expected slope of the labels in the prior score.
        kernel: with its variances.
        prior: with the variances of slope and ranks.

    Attributes:
        device: on which it predicts.
    """

    def __init__(
        self,
        inputs: np.ndarray,
        weights: np.ndarray,
        some: np.ndarray,
        slope: float,
        kernel: Kernel = KERNEL,
        prior: Prior = PRIOR,
    ) -> None:
        self._inputs, self._weights, self._some, self._slope = inputs, weights, some, slope
        self._kernel, self._prior = kernel, prior
        self.device = torch.device("cpu")

    @property
    def noise(self) -> float:
        """Variance of a label, in squared normal scores."""
        return self._kernel.noise + self._prior.rank_noise / len(self._inputs)

    def state(self) -> dict[str, np.ndarray]:
        """Everything but the inputs and the kernel, as named arrays."""
        return {_WEIGHTS: self._weights, _SOME: self._some}

    @classmethod
    def restored(cls, inputs: np.ndarray, tensors: Mapping[str, np.ndarray], slope: float) -> CellPosterior:
        """The inverse of `state`. Raises `InputError` for arrays that do not fit n labels.

        Args:
            inputs: (n, F).
            tensors: the state.
            slope: the expected slope of the labels in the prior score.
        """
        n = len(inputs)
        for name, shape in ((_WEIGHTS, (n,)), (_SOME, (_n_some(n),) * 2)):
            value = tensors[name]
            if value.dtype != np.float64 or value.shape != shape:
                raise InputError(f"{name} are {value.dtype}{value.shape}, expected float64{shape}")
            if not (np.abs(value) <= _LARGEST).all():
                raise InputError(f"{name} must be numbers of at most {_LARGEST:g} in size")
        return cls(inputs, tensors[_WEIGHTS].copy(), tensors[_SOME].copy(), slope)

    def predict(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(B, F) → (B,) means and (B,) standard deviations, including the noise of one label."""
        covariance = self._covariances(inputs, self._inputs)
        mean = (covariance @ self._on_device(self._weights)).cpu().numpy()
        return mean + self._slope * inputs[:, -1], self._spread(inputs, covariance[:, : len(self._some)])

    def _spread(self, inputs: np.ndarray, covariance: Tensor) -> np.ndarray:
        known = (covariance @ self._on_device(self._some).T).square_().sum(dim=1).cpu().numpy()
        unknown = self._kernel.variance + np.square(self._prior.slope_std * inputs[:, -1]) - known
        return np.asarray(np.sqrt(np.maximum(unknown, 0.0) + self.noise))

    def _covariances(self, inputs: np.ndarray, others: np.ndarray) -> Tensor:
        """`Kernel.covariances` of the features and a linear kernel of the prior scores, on PyTorch's threads."""
        rows, columns = self._on_device(inputs), self._on_device(others)
        x, y = rows[:, :-1], columns[:, :-1]
        squared = torch.addmm(y.square().sum(dim=1), x, y.T, alpha=-2.0)
        squared += x.square().sum(dim=1, keepdim=True)
        distance = squared.clamp_(min=0.0).mul_(3.0).sqrt_()
        decay = distance.neg().exp_().mul_(self._kernel.variance)
        prior = torch.outer(rows[:, -1], columns[:, -1])
        return decay.mul_(distance.add_(1.0)).add_(prior, alpha=self._prior.slope_std**2)

    def _on_device(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(self.device)


class CellProcess(CellPosterior):
    """The posterior given n labels in random order, of which the first ones determine its variance.

    Args:
        inputs: (n, F) rows of `kernel_inputs`, and the prior score of each.
        scores: (n,) to learn, about standard normal.
        slope: the expected slope of the scores in the prior score.
        kernel: with its variances.
        prior: with the variances of slope and ranks.
    """

    def __init__(
        self, inputs: np.ndarray, scores: np.ndarray, slope: float, kernel: Kernel = KERNEL, prior: Prior = PRIOR
    ) -> None:
        from scipy.linalg import cholesky, solve_triangular

        n = len(inputs)
        super().__init__(inputs, np.empty(0), np.empty(0), slope, kernel, prior)
        self._scores = scores
        covariance = self._covariances(inputs, inputs).numpy()
        np.einsum("ii->i", covariance)[:] += self.noise
        root = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
        self._root_inverse = solve_triangular(root, np.eye(n), lower=True, check_finite=False)
        self._weights = self._root_inverse.T @ (self._root_inverse @ (scores - slope * inputs[:, -1]))
        # The leading block of a Cholesky factor, and of its inverse, is that of the leading block.
        self._some = self._root_inverse[: _n_some(n), : _n_some(n)]

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
        inputs = self._inputs[others]
        covariance = self._covariances(inputs, self._inputs[:n_some])
        return HeldOut(np.arange(n_some, len(mean)), mean[others], self._spread(inputs, covariance))


def _n_some(n: int) -> int:
    """How many of n labels determine the variance of the posterior."""
    return n if n <= _ALL_UP_TO else _SOME_LABELS
