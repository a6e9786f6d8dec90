"""The kernel of Space-Process, and its hyper-parameters as fitted to a few labels.

A linear model plus a Matérn 5/2 function plus a constant, each block of features with numbers of its own:

    k(x, y) = constant + Σ_b linear_b · x_b·y_b + rough · matern(√ Σ_b near_b · |x_b − y_b|²)

The numbers are those that maximise the likelihood of the labels times a log-normal prior: few labels leave them near
its centre, and a block that does not matter is switched off by many. Rasmussen & Williams, "Gaussian Processes for
Machine Learning", 2006: equation 5.9 is the gradient.

Shapes: n labels, m architectures, B blocks, F features of all blocks together. Scores are labels of about standard
deviation 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONSTANT = 0.1
"""Variance of the scores' unknown mean: they are centred, but of a sample."""
JITTER = 1e-8
"""Added to the diagonal: equal architectures stay invertible without noise."""


@dataclass(frozen=True)
class Prior:
    """Log-normal prior of the kernel's numbers.

    A new space has other blocks, so totals are given: every block has an equal part of them.

    Args:
        linear: total variance of the linear part, in squared scores.
        rough: variance of the rough part.
        near: total of the blocks' inverse squared length scales; two random architectures are √2 apart in each block.
        noise: variance of the labels' noise.
        spread: standard deviation of each number's natural logarithm. A wide one lets unneeded blocks go.
        furthest: how far a number may go from the centre, in units of `spread`.
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
    """The kernel with its numbers; see the module.

    Args:
        linear: (B,) variance that each block's linear part gives an average architecture.
        near: (B,) inverse squared length scales.
        rough: variance of the Matérn part.
        noise: variance of the labels' noise; `covariances` is without it.
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
        # Both products in one: only the smaller side is weighted.
        products = x @ np.concatenate([y * linear, y * (-2.0 * near)]).T
        covariance, squared = products[:, : len(y)], products[:, len(y) :]
        squared += (x_squares @ self.near)[:, None]
        squared += y_squares @ self.near
        rough = _matern(np.maximum(squared, 0.0))[0]
        rough *= self.rough
        rough += covariance
        rough += CONSTANT
        return rough

    def variances(self, squares: np.ndarray) -> np.ndarray:
        """(m, B) `block_squares` → (m,): each architecture's covariance with itself."""
        return np.asarray(CONSTANT + self.rough + squares @ self.linear)


def block_squares(features: np.ndarray, widths: Sequence[int]) -> np.ndarray:
    """(m, F) → (m, B): the squared length of every block."""
    starts = np.cumsum([0, *widths[:-1]])
    return np.asarray(np.add.reduceat(np.square(features), starts, axis=1))


def _matern(squared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances → Matérn 5/2 of the distances (the book's equation 4.17), and its derivative by the square."""
    distance = np.sqrt(5.0 * squared)
    decay = np.exp(-distance)
    slope = (1.0 + distance) * decay
    value = slope + (5.0 / 3.0) * squared * decay
    slope *= -5.0 / 6.0
    return value, slope


class _Posterior:
    """Minus the log of likelihood times prior, and its gradient, as a function of the numbers' logarithms."""

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
        smooth, slope = _matern(kernel.near @ self._apart)
        covariance = (kernel.linear @ self._products + kernel.rough * smooth + CONSTANT).reshape(n, n)
        covariance.flat[:: n + 1] += kernel.noise + JITTER
        root, failed = dpotrf(covariance, lower=1)
        if failed:
            return 1e10, np.zeros_like(logs)
        inverse = dpotri(root, lower=1)[0]
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        weights = inverse @ self._scores
        # The gradient by the covariance; by the logarithm of a factor, times the part that it multiplies.
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
    """The kernel of the most probable numbers; deterministic.

    Args:
        features: (n, F).
        widths: (B,) features in each block.
        scores: (n,).
        prior: of the numbers.

    >>> kernel = likely_kernel(np.array([[-1.0], [0.0], [1.0]]), [1], np.array([-1.0, 0.0, 1.0]), Prior())
    >>> kernel.linear.shape, kernel.near.shape
    ((1,), (1,))
    """
    centre = prior.centre(len(widths))
    if len(scores) < 2 or np.ptp(scores) == 0.0:
        return BlockKernel.from_logs(centre, widths)  # equal labels would only tell that nothing matters
    from scipy.optimize import minimize

    reach = prior.furthest * prior.spread
    bounds = list(zip(centre - reach, centre + reach, strict=True))
    # The posterior is flat about its top: more steps than these change no prediction that matters.
    options = {"maxiter": 40, "ftol": 1e-6}
    of = _Posterior(features, widths, scores, prior)
    found = minimize(of, centre, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return BlockKernel.from_logs(found.x, widths)
