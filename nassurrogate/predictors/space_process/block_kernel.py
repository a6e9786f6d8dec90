"""The kernel of Space-Process, and its hyper-parameters fitted to a few labels.

A linear model plus a Matérn 5/2 function plus a constant, with hyper-parameters for each block of features:

    k(x, y) = constant + Σ_b linear_b · x_b·y_b + rough · matern(√ Σ_b near_b · |x_b − y_b|²)

The hyper-parameters maximise the likelihood of the labels times a log-normal prior: few labels leave them near its
centre, and many labels switch off a block that does not matter. Rasmussen & Williams, "Gaussian Processes for
Machine Learning", 2006: equation 5.9 is the gradient.

Shapes: n labels, m architectures, B blocks, F features of all blocks together. Scores are labels of about standard
deviation 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONSTANT = 0.1
"""Variance of the scores' unknown mean: only the sample is centred."""
JITTER = 1e-8
"""Added to the diagonal, so that the covariance of equal architectures is invertible without noise."""


@dataclass(frozen=True)
class Prior:
    """Log-normal prior of the kernel's hyper-parameters.

    Spaces have different blocks, so it is given as totals, of which every block has an equal share.

    Args:
        linear: total variance of the linear part, in squared scores.
        rough: variance of the rough part.
        near: total of the blocks' inverse squared length scales; two random architectures are √2 apart in each block.
        noise: variance of the labels' noise.
        spread: standard deviation of the natural logarithm of each. A wide prior lets unneeded blocks vanish.
        furthest: bound on the distance from the centre, in units of `spread`.
    """

    linear: float = 0.5
    rough: float = 1.0
    near: float = 3.0
    noise: float = 0.05
    spread: float = 1.5
    furthest: float = 4.0

    def centre(self, n_blocks: int) -> np.ndarray:
        """(2B + 2,) logarithms: B linear, B near, rough, noise."""
        each = np.ones(n_blocks) / n_blocks
        return np.asarray(np.log(np.concatenate([self.linear * each, self.near * each, [self.rough, self.noise]])))


@dataclass(frozen=True)
class BlockKernel:
    """The kernel with its hyper-parameters; see the module.

    Args:
        linear: (B,) variance of each block's linear part for an average architecture.
        near: (B,) inverse squared length scales.
        rough: variance of the Matérn part.
        noise: variance of the labels' noise, which `covariances` leaves out.
        widths: (B,) features in each block.
    """

    linear: np.ndarray
    near: np.ndarray
    rough: float
    noise: float
    widths: tuple[int, ...]

    @classmethod
    def from_logs(cls, logs: np.ndarray, widths: Sequence[int]) -> BlockKernel:
        """(2B + 2,) logarithms in the order of `Prior.centre`."""
        numbers = np.exp(logs)
        n_blocks = len(widths)
        return cls(numbers[:n_blocks], numbers[n_blocks:-2], float(numbers[-2]), float(numbers[-1]), tuple(widths))

    def covariances(self, x: np.ndarray, x_squares: np.ndarray, y: np.ndarray, y_squares: np.ndarray) -> np.ndarray:
        """(m, F) and (n, F) features with their (m, B) and (n, B) `block_squares` → (m, n)."""
        linear, near = (np.repeat(weights, self.widths) for weights in (self.linear, self.near))
        # Both products in one; only the smaller side is weighted.
        products = x @ np.concatenate([y * linear, y * (-2.0 * near)]).T
        covariance, squared = products[:, : len(y)], products[:, len(y) :]
        squared += (x_squares @ self.near)[:, None]
        squared += y_squares @ self.near
        rough = matern(np.maximum(squared, 0.0))[0]
        rough *= self.rough
        rough += covariance
        rough += CONSTANT
        return rough

    def variances(self, squares: np.ndarray) -> np.ndarray:
        """(m, B) `block_squares` → (m,): the variance of each architecture."""
        return np.asarray(CONSTANT + self.rough + squares @ self.linear)


def block_squares(features: np.ndarray, widths: Sequence[int]) -> np.ndarray:
    """(m, F) → (m, B): the squared length of every block."""
    starts = np.cumsum([0, *widths[:-1]])
    return np.asarray(np.add.reduceat(np.square(features), starts, axis=1))


def matern(squared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances → Matérn 5/2 of the distances (the book's equation 4.17), and its derivative by the square."""
    distance = np.sqrt(5.0 * squared)
    decay = np.exp(-distance)
    slope = (1.0 + distance) * decay
    value = slope + (5.0 / 3.0) * squared * decay
    slope *= -5.0 / 6.0
    return value, slope


class _Posterior:
    """Negative log of likelihood times prior, with its gradient, as a function of the hyper-parameters' logarithms."""

    def __init__(self, features: np.ndarray, widths: Sequence[int], scores: np.ndarray, prior: Prior) -> None:
        ends = np.cumsum(widths)
        blocks = [features[:, end - width : end] for width, end in zip(widths, ends, strict=True)]
        products = np.stack([block @ block.T for block in blocks])
        own = np.einsum("bii->bi", products)
        apart = np.maximum(own[:, :, None] + own[:, None, :] - 2.0 * products, 0.0)
        # Flat, so that every sum over blocks or over pairs of labels is one matrix product.
        self._products, self._apart = products.reshape(len(blocks), -1), apart.reshape(len(blocks), -1)
        self._widths, self._scores = widths, scores
        self.centre, self._spread = prior.centre(len(blocks)), prior.spread

    def __call__(self, logs: np.ndarray) -> tuple[float, np.ndarray]:
        from scipy.linalg.lapack import dpotrf, dpotri

        kernel, n = BlockKernel.from_logs(logs, self._widths), len(self._scores)
        smooth, slope = matern(kernel.near @ self._apart)
        covariance = (kernel.linear @ self._products + kernel.rough * smooth + CONSTANT).reshape(n, n)
        covariance.flat[:: n + 1] += kernel.noise + JITTER
        root, failed = dpotrf(covariance, lower=1)
        if failed:
            return 1e10, np.zeros_like(logs)
        inverse = dpotri(root, lower=1)[0]
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        weights = inverse @ self._scores
        # The gradient by the covariance; by the logarithm of a factor, it is times the term with that factor.
        pull = (0.5 * (inverse - np.outer(weights, weights))).ravel()
        gradient = np.concatenate(
            [
                kernel.linear * (self._products @ pull),
                kernel.near * (self._apart @ (pull * slope)) * kernel.rough,
                [kernel.rough * (smooth @ pull), kernel.noise * pull[:: n + 1].sum()],
            ]
        )
        off = (logs - self.centre) / self._spread
        value = 0.5 * self._scores @ weights + np.log(np.diag(root)).sum() + 0.5 * off @ off
        return float(value), gradient + off / self._spread


def likely_kernel(features: np.ndarray, widths: Sequence[int], scores: np.ndarray, prior: Prior) -> BlockKernel:
    """The kernel with the most probable hyper-parameters; deterministic.

    Args:
        features: (n, F).
        widths: (B,) features in each block.
        scores: (n,).
        prior: of the hyper-parameters.

    >>> kernel = likely_kernel(np.array([[-1.0], [0.0], [1.0]]), [1], np.array([-1.0, 0.0, 1.0]), Prior())
    >>> kernel.linear.shape, kernel.near.shape
    ((1,), (1,))
    """
    centre = prior.centre(len(widths))
    if len(scores) < 2 or np.ptp(scores) == 0.0:
        return BlockKernel.from_logs(centre, widths)  # equal labels carry no information
    from scipy.optimize import minimize

    reach = prior.furthest * prior.spread
    bounds = list(zip(centre - reach, centre + reach, strict=True))
    # The posterior is flat around its maximum: more steps hardly change the predictions.
    options = {"maxiter": 40, "ftol": 1e-6}
    of = _Posterior(features, widths, scores, prior)
    found = minimize(of, centre, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return BlockKernel.from_logs(found.x, widths)
