"""A kernel of the slots of a space that learns from noise-free quantities which slots act together.

    l(x, y) = Σ_u a_u · Π_{s in u} B[x_s, y_s]
    k(x, y) = constant + linear · l(x, y) + rough · matern(√ l(x, x) + l(y, y) − 2 l(x, y))

The sum is over small subsets u of the slots, as in the functional analysis of variance (Durrande et al., "ANOVA kernels
and RKHS of zero mean functions for model-based sensitivity analysis", 2013). B holds how alike the choices of a slot
are; slots of equal choices share it. If a choice removes an operation, its row of B becomes 0, and the products count
paths; the weights a_u then show which slots follow each other in the network.

All quantities share the kernel. Its hyper-parameters maximise their likelihood times a prior.

Shapes: n and m architectures, G slots, U subsets, Q quantities.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np

from nassurrogate.predictors.space_process.block_kernel import matern
from nassurrogate.spaces.base import Gene

Subset: TypeAlias = tuple[int, ...]
MOST_SUBSETS: Final = 100
"""Subsets of up to three slots are used if they are at most this many, else those of up to two, else of neighbours."""
_JITTER: Final = 1e-3
_CONSTANT, _NOISE, _ROUGH, _LINEAR = range(4)
_CENTRES: Final = np.log([0.37, 0.02, 0.37, 1.0])
"""Centres of the prior of the last four hyper-parameters, logarithms."""
_SPREADS: Final = np.array([3.0, 4.0, 3.0, 3.0])
_SPREAD_OF_WEIGHTS: Final = 4.0
_SPREAD_OF_CHOICES: Final = 2.0
_STEPS: Final = 80
_LEAST_SHARE: Final = 1e-3
"""Of the variance of l, that a subset must have to be used after the fit."""


def subsets_of(n_slots: int) -> list[Subset]:
    """Subsets of slots that may act together.

    >>> subsets_of(3)
    [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
    """
    for order in (3, 2):
        found = [u for size in range(1, order + 1) for u in itertools.combinations(range(n_slots), size)]
        if len(found) <= MOST_SUBSETS:
            return found
    return [(slot,) for slot in range(n_slots)] + [(slot, slot + 1) for slot in range(n_slots - 1)]


class SlotKernel:
    """The kernel with hyper-parameters.

    Args:
        genes: the G slots.
        parameters: of an earlier fit, `SlotKernel.parameters`; None: the centre of their prior.
    """

    def __init__(self, genes: Sequence[Gene], parameters: np.ndarray | None = None) -> None:
        groups: dict[tuple[object, ...], int] = {}
        # 1, 1.0 and True are equal in Python, but are different choices here.
        self._group = [groups.setdefault((tuple(map(repr, g.choices)), g.levels), len(groups)) for g in genes]
        self._sizes = [len(genes[self._group.index(number)].choices) for number in range(len(groups))]
        self._subsets = subsets_of(len(genes))
        weights = [-2.0 - (len(subset) - 1) for subset in self._subsets]
        choices = [np.eye(size).ravel() for size in self._sizes]
        self._centre = np.concatenate([weights, *choices, _CENTRES])
        n_choices = sum(size**2 for size in self._sizes)
        self._spread = np.concatenate(
            [np.full(len(weights), _SPREAD_OF_WEIGHTS), np.full(n_choices, _SPREAD_OF_CHOICES), _SPREADS]
        )
        self._ends = np.cumsum([len(weights), *(size**2 for size in self._sizes)])
        self.parameters = self._centre.copy() if parameters is None else parameters

    def fit(self, codes: np.ndarray, counts: np.ndarray, quantities: np.ndarray) -> SlotKernel:
        """Choose the hyper-parameters; deterministic.

        Args:
            codes: (n, G).
            counts: (n, C) standardised counts of paths. Products of choices give them exactly, so they are fitted
                first, without the rough part; else the search for the others often ends elsewhere.
            quantities: (n, Q), standardised.
        """
        if counts.shape[1]:
            self._climb(codes, counts, is_rough=False)
        self._climb(codes, quantities, is_rough=True)
        return self

    def _climb(self, codes: np.ndarray, quantities: np.ndarray, *, is_rough: bool) -> None:
        """Maximise the posterior from where the parameters of the subsets and choices are."""
        from scipy.optimize import minimize

        start = self.parameters.copy()
        start[-4:] = self._centre[-4:]
        if not is_rough:
            start[-4 + _ROUGH] = -30.0
        reach = 4.0 * self._spread
        low, high = self._centre - reach, self._centre + reach
        bounds = [(a, b) if a < x < b else (x, x) for x, a, b in zip(start, low, high, strict=True)]
        options = {"maxiter": _STEPS, "ftol": 1e-6}
        found = minimize(
            self._objective, start, (codes, quantities), jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        self.parameters = found.x

    @property
    def noise(self) -> float:
        """Variance of what the kernel does not explain."""
        return float(np.exp(self.parameters[-4 + _NOISE])) + _JITTER

    def covariances(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(m, G) and (n, G) codes → (m, n)."""
        weights, roots, last = self._unpacked(self.parameters)
        used = self._used(weights, roots)
        x_roots, y_roots = self._embedded(x, roots), self._embedded(y, roots)
        joint = _sum_of_products([a @ b.T for a, b in zip(x_roots, y_roots, strict=True)], used)
        x_own, y_own = (
            _sum_of_products([np.einsum("ij,ij->i", rows, rows) for rows in of], used) for of in (x_roots, y_roots)
        )
        apart = np.maximum(x_own[:, None] + y_own - 2.0 * joint, 0.0)
        return np.asarray(last[_CONSTANT] + last[_LINEAR] * joint + last[_ROUGH] * matern(apart)[0])

    def _used(self, weights: np.ndarray, roots: Sequence[np.ndarray]) -> dict[Subset, float]:
        """The weights of the subsets that matter; a fit leaves many with next to none."""
        own = [float(np.square(root).sum(axis=1).mean()) for root in roots]
        shares = weights * [math.prod(own[self._group[slot]] for slot in subset) for subset in self._subsets]
        matters = shares >= _LEAST_SHARE * shares.sum()
        return {self._subsets[place]: float(weights[place]) for place in np.flatnonzero(matters)}

    def _unpacked(self, parameters: np.ndarray) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
        """(U,) weights, for each group of slots the root of B, and the last four hyper-parameters."""
        starts = self._ends[:-1]
        roots = [
            parameters[start:end].reshape(size, size)
            for start, end, size in zip(starts, self._ends[1:], self._sizes, strict=True)
        ]
        return np.exp(parameters[: starts[0]]), roots, np.exp(parameters[-4:])

    def _embedded(self, codes: np.ndarray, roots: Sequence[np.ndarray]) -> list[np.ndarray]:
        """For each slot, (n, k) rows whose inner products are B; zeros for an inactive slot."""
        return [
            np.where(codes[:, [slot]] >= 0, roots[group][codes[:, slot]], 0.0) for slot, group in enumerate(self._group)
        ]

    def _sum(self, of_slots: Sequence[np.ndarray], weights: np.ndarray) -> tuple[np.ndarray, dict[Subset, np.ndarray]]:
        """l, and the product of each subset."""
        total = np.zeros_like(of_slots[0])
        products: dict[Subset, np.ndarray] = {}
        for subset, weight in zip(self._subsets, weights, strict=True):
            last = of_slots[subset[-1]]
            # The subset without its last slot comes earlier, except where only neighbours are paired.
            products[subset] = last if len(subset) == 1 else products[subset[:-1]] * last
            total += weight * products[subset]
        return total, products

    def _objective(self, parameters: np.ndarray, codes: np.ndarray, quantities: np.ndarray) -> tuple[float, np.ndarray]:
        """Negative log of likelihood, a mean over the quantities, times prior; and its gradient."""
        from scipy.linalg.lapack import dpotrf, dpotri

        n, n_quantities = quantities.shape
        weights, roots, last = self._unpacked(parameters)
        of_slots = [rows @ rows.T for rows in self._embedded(codes, roots)]
        joint, products = self._sum(of_slots, weights)
        own = joint.diagonal()
        apart = np.maximum(own[:, None] + own - 2.0 * joint, 0.0)
        smooth, slope = matern(apart)
        covariance = last[_CONSTANT] + last[_LINEAR] * joint + last[_ROUGH] * smooth
        covariance.flat[:: n + 1] += last[_NOISE] + _JITTER
        root, failed = dpotrf(covariance, lower=1)
        if failed:
            return 1e10, np.zeros_like(parameters)
        inverse = dpotri(root, lower=1)[0]
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        solved = inverse @ quantities
        pull = 0.5 * (inverse - solved @ solved.T / n_quantities)  # the gradient by the covariance
        of_last = [pull.sum(), pull.trace(), (pull * smooth).sum(), (pull * joint).sum()]
        by_apart = last[_ROUGH] * pull * slope
        by_joint = last[_LINEAR] * pull - 2.0 * by_apart
        by_joint.flat[:: n + 1] += 2.0 * by_apart.sum(axis=1)
        gradient = np.concatenate(
            [*self._gradients(codes, roots, of_slots, products, weights, by_joint), last * of_last]
        )
        off = (parameters - self._centre) / self._spread
        fit = 0.5 * (quantities * solved).sum() / n_quantities
        value = fit + np.log(root.diagonal()).sum() + 0.5 * off @ off
        return float(value), gradient + off / self._spread

    def _gradients(
        self,
        codes: np.ndarray,
        roots: Sequence[np.ndarray],
        of_slots: Sequence[np.ndarray],
        products: dict[Subset, np.ndarray],
        weights: np.ndarray,
        by_joint: np.ndarray,
    ) -> list[np.ndarray]:
        """The gradients by the logarithms of the weights, and by the root of each group's B."""
        of_weights = np.empty(len(weights))
        by_slots = [np.zeros_like(by_joint) for _ in of_slots]
        for number, (subset, weight) in enumerate(zip(self._subsets, weights, strict=True)):
            of_weights[number] = weight * np.vdot(by_joint, products[subset])
            for slot in subset:
                others = [of_slots[other] for other in subset if other != slot]
                by_slots[slot] += weight * (others[0] * others[1] if len(others) == 2 else others[0] if others else 1.0)
        of_choices = [np.zeros((size, size)) for size in self._sizes]
        for slot, group in enumerate(self._group):
            taken = (codes[:, [slot]] == np.arange(self._sizes[group])).astype(np.float64)
            of_choices[group] += taken.T @ (by_joint * by_slots[slot]) @ taken
        by_roots = [(by + by.T) @ root for by, root in zip(of_choices, roots, strict=True)]
        return [of_weights, *(by.ravel() for by in by_roots)]


def _sum_of_products(of_slots: Sequence[np.ndarray], weights: dict[Subset, float]) -> np.ndarray:
    """Σ_u a_u · Π_{s in u} of the values of the slots."""
    total = np.zeros_like(of_slots[0])
    for subset, weight in weights.items():
        product = weight * of_slots[subset[0]]
        for slot in subset[1:]:
            product *= of_slots[slot]
        total += product
    return total
