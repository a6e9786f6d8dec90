"""A Gaussian process whose kernel is fixed: how alike two cells are follows from their paths and their probes.

The kernel is Matérn 3/2 (Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, equation 4.17) in the
distance r with r² = Σ over blocks of features of (mean squared difference / length²). Its eight numbers were chosen
once on NAS-Bench-201's cifar10, inside `development_split`; with few labels that beats choosing them by likelihood.
PyTorch computes it, on the threads that it is given: those of NumPy's linear algebra cannot be told how many to be.

Shapes: n labels, B cells, F features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from nassurrogate.predictors.calibration import HeldOut
from nassurrogate.predictors.path_features import feature_names, path_names
from nassurrogate.spaces import Space


@dataclass(frozen=True)
class Kernel:
    """The numbers of the kernel; `examples/choose_probe_former.py` shows what others in their place would do.

    Attributes:
        lengths_of_paths: length scales of the blocks of paths of 0, 1, 2, and 3 or more operations.
        length_of_counts: of what is counted in the entire cell.
        length_of_probes: of the probes.
        variance: of the function, in normal scores.
        noise: variance of a label, in normal scores.
    """

    lengths_of_paths: tuple[float, ...] = (1.5, 1.8, 2.9, 2.2)
    length_of_counts: float = 1.9
    length_of_probes: float = 3.5
    variance: float = 1.5
    noise: float = 0.027

    def covariances(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(B, F), (n, F) rows of `kernel_inputs` → (B, n)."""
        return self._covariances(torch.from_numpy(x), torch.from_numpy(y)).numpy()

    def _covariances(self, x: Tensor, y: Tensor) -> Tensor:
        squared = torch.addmm(y.square().sum(dim=1), x, y.T, alpha=-2.0)
        squared += x.square().sum(dim=1, keepdim=True)
        distance = squared.clamp_(min=0.0).mul_(3.0).sqrt_()
        decay = distance.neg().exp_().mul_(self.variance)
        return decay.mul_(distance.add_(1.0))


KERNEL = Kernel()
_ALL_SAY_UP_TO, _SOME = 511, 256
"""Labels up to which all say how wide the posterior is, which takes quadratic time a cell; of more so many do."""


def kernel_inputs(
    space: Space, path_features: np.ndarray, probes: np.ndarray | None, kernel: Kernel = KERNEL
) -> np.ndarray:
    """Features in units of their length scales, so that the squared distance of two rows is r².

    Args:
        space: says what the columns of the path features are.
        path_features: (B, F), see `path_features`.
        probes: (B, P) normal scores, or None.
        kernel: has the length scales.
    """
    counts = path_features.copy()
    counts[:, -1] += 1.0  # the longest path, −1 in a cell that has none
    np.log1p(counts, out=counts)
    counts /= _column_lengths(space, kernel)
    if probes is None:
        return counts
    return np.hstack([counts, probes / (kernel.length_of_probes * np.sqrt(probes.shape[1]))])


@lru_cache(maxsize=4)
def _column_lengths(space: Space, kernel: Kernel) -> np.ndarray:
    """(F,) what a difference in a path feature is divided by: its block's length times √(columns of the block)."""
    last = len(kernel.lengths_of_paths) - 1
    of_paths = np.array([min(len(path), last) for path in path_names(space)])
    block = np.concatenate([of_paths, np.full(len(feature_names(space)) - len(of_paths), last + 1)])
    lengths = np.array([*kernel.lengths_of_paths, kernel.length_of_counts])
    return np.asarray((lengths * np.sqrt(np.bincount(block)))[block])


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
        covariance = kernel.covariances(self._inputs, self._inputs)
        np.einsum("ii->i", covariance)[:] += kernel.noise
        root = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
        self._root_inverse = solve_triangular(root, np.eye(len(root)), lower=True, check_finite=False)
        self._weights = self._root_inverse.T @ (self._root_inverse @ self._scores)
        n_some = len(root) if len(root) <= _ALL_SAY_UP_TO else _SOME
        # The leading block of a Cholesky factor, and of its inverse, is that of the leading block.
        self._some = self._root_inverse[:n_some, :n_some]

    def predict(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(B, F) → (B,) means and (B,) standard deviations, the noise of one label included."""
        covariance = torch.from_numpy(self._kernel.covariances(inputs, self._inputs))
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
        covariance = self._kernel.covariances(self._inputs[others], self._inputs[:n_some])
        return HeldOut(np.arange(n_some, len(mean)), mean[others], self._spread(torch.from_numpy(covariance)))

    def _spread(self, covariance: Tensor) -> np.ndarray:
        known = (covariance @ torch.from_numpy(self._some).T).square_().sum(dim=1)
        spread: np.ndarray = (self._kernel.variance - known).clamp_(min=0.0).add_(self._kernel.noise).sqrt_().numpy()
        return spread
