"""Costs of kernels fitted to measured networks: the most likely factors, and how uncertain they remain.

Shapes: n networks, W weights, F factors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nassurrogate.predictors.roofline.levels import LEVELS, Spread, Weight, factors_of, incidence

Factor = tuple[str, Hashable]
_STEPS = 300


@dataclass(frozen=True)
class CostLayer:
    """Factors of the costs, with a Gaussian posterior of their natural logarithms.

    Attributes:
        factors: F of them, as (level, name).
        log: (F,) most likely logarithms.
        covariance: (F, F) of their posterior.
        spread: their prior, which is also what holds for factors that are not among them.
    """

    factors: tuple[Factor, ...]
    log: np.ndarray
    covariance: np.ndarray
    spread: Spread

    @property
    def places(self) -> dict[Factor, int]:
        """The position of each factor."""
        return {factor: place for place, factor in enumerate(self.factors)}

    def log_costs(self, weights: Sequence[Weight]) -> np.ndarray:
        """(W,) what the layer adds to the logarithm of each weight; unknown factors are 1."""
        return np.asarray(np.append(self.log, 0.0)[incidence(weights, self.places)].sum(axis=1))

    def variances(
        self, shares: np.ndarray, weights: Sequence[Weight], learned_later: Collection[Factor] = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """Variances of the logarithm of each network's latency that this layer leaves, (n,) each.

        The first is that of known factors, the second that of unknown ones.

        Args:
            shares: (n, W) the share of each weight in each network's latency.
            weights: W of them.
            learned_later: unknown factors that do not count, since a later layer has learned them.
        """
        places = dict(self.places)
        for weight in weights:
            for factor in factors_of(weight):
                if self.spread.of(factor[0]) > 0:
                    places.setdefault(factor, len(places))
        exposure = _pooled(shares, incidence(weights, places), len(places))
        old, new = exposure[:, : len(self.log)], exposure[:, len(self.log) :]
        prior = np.array(
            [0.0 if factor in learned_later else self.spread.of(factor[0]) for factor in list(places)[len(self.log) :]]
        )
        return np.einsum("nf,fg,ng->n", old, self.covariance, old), ((new * prior) ** 2).sum(axis=1)


@dataclass(frozen=True)
class LayerFit:
    """A fitted layer, and how well it explains its labels.

    Attributes:
        layer: the layer.
        noise: standard deviation of the logarithm of a label around the prediction.
        log_evidence: logarithm of the probability of the labels under the prior, up to a constant.
    """

    layer: CostLayer
    noise: float
    log_evidence: float


@dataclass(frozen=True)
class LayerTask:
    """What a layer is fitted to.

    Attributes:
        sums: (n, W) quantities of each network, as `KernelTable.sums`.
        values: (n,) measured values, above 0.
        weights: W of them.
        offset: (W,) logarithms of the costs so far.
        doubt: by factor, the standard deviation of its logarithm that earlier layers leave, for those that they have
            not learned. It widens the posterior, not the prior: an operator seen for the first time is no reason to
            move far from what its relatives cost.
    """

    sums: np.ndarray
    values: np.ndarray
    weights: Sequence[Weight]
    offset: np.ndarray
    doubt: Callable[[Factor], float] = lambda factor: 0.0


def fit_layer(task: LayerTask, spread: Spread, *, evidence: float, noise: float | None = None) -> LayerFit:
    """The most likely factors of a layer: regularised least squares of the logarithms of the values.

    Args:
        task: the labels.
        spread: the prior; levels of spread 0 have no factors.
        evidence: the number of labels that at most count as independent.
        noise: standard deviation of a label's logarithm; None: estimated by maximising the evidence.
    """
    used = np.asarray(task.sums.any(axis=0))
    weights = [weight for weight, is_used in zip(task.weights, used, strict=True) if is_used]
    scaled = task.sums[:, used] / task.values[:, None] * np.exp(task.offset[used])
    places: dict[Factor, int] = {}
    for weight in weights:
        for factor in factors_of(weight):
            if spread.of(factor[0]) > 0:
                places.setdefault(factor, len(places))
    problem = _Problem(
        scaled,
        incidence(weights, places),
        np.array([spread.of(level) for level, _ in places]),
        min(1.0, evidence / len(task.values)),
    )
    start = problem.balanced(weights, places) if spread.all == 0 else np.zeros(len(places))
    solution, level = problem.most_likely(start, noise or 0.05), noise or 0.05
    if noise is None:
        for _ in range(4):
            level = problem.likely_noise(solution, level)
            solution = problem.most_likely(solution, level)
    doubt = np.array([task.doubt(factor) for factor in places])
    covariance = np.linalg.inv(problem.precision(solution, level, np.hypot(problem.prior, doubt)))
    layer = CostLayer(tuple(places), solution, (covariance + covariance.T) / 2, spread)
    return LayerFit(layer, level, problem.log_evidence(solution, level))


class _Problem:
    """Labels and prior of one layer.

    Args:
        scaled: (n, W) quantities of each network, over its measured value, at the costs so far.
        place: (W, levels) the factors of each weight.
        prior: (F,) standard deviations.
        temper: the share of a label's information that counts.
    """

    def __init__(self, scaled: np.ndarray, place: np.ndarray, prior: np.ndarray, temper: float) -> None:
        self.scaled, self.place, self.prior, self.temper = scaled, place, prior, temper

    def balanced(self, weights: Sequence[Weight], places: Mapping[Factor, int]) -> np.ndarray:
        """(F,) a start at which every quantity explains the same share of the values."""
        start = np.zeros(len(places))
        names = [quantity for quantity, _ in weights]
        for quantity in set(names):
            total = self.scaled[:, [name == quantity for name in names]].sum(axis=1).mean()
            start[places["quantity", quantity]] = -math.log(total * len(set(names)))
        return start

    def costs(self, log: np.ndarray) -> np.ndarray:
        """(W,) the factor of each weight."""
        return np.asarray(np.exp(np.append(log, 0.0)[self.place].sum(axis=1)))

    def errors(self, log: np.ndarray) -> np.ndarray:
        """(n,) logarithms of prediction over value."""
        return np.asarray(np.log(self.scaled @ self.costs(log)))

    def exposure(self, log: np.ndarray) -> np.ndarray:
        """(n, F) derivatives of the errors: the share of each factor in each prediction."""
        parts = self.scaled * self.costs(log)
        return _pooled(parts / parts.sum(axis=1, keepdims=True), self.place, len(self.prior))

    def most_likely(self, start: np.ndarray, noise: float) -> np.ndarray:
        """(F,) the factors of the highest posterior."""
        from scipy.optimize import minimize

        information = self.temper / noise**2

        def loss(log: np.ndarray) -> tuple[float, np.ndarray]:
            parts = self.scaled * self.costs(log)
            predicted = parts.sum(axis=1)
            error = np.log(predicted)
            slope = (2 * information * error / predicted) @ parts
            gradient = np.zeros(len(log) + 1)
            for column in self.place.T:
                gradient += np.bincount(column % len(gradient), weights=slope, minlength=len(gradient))
            prior = log / self.prior
            return information * float(error @ error) + float(prior @ prior), gradient[:-1] + 2 * prior / self.prior

        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS, "maxcor": 30})
        return np.asarray(found.x)

    def precision(self, log: np.ndarray, noise: float, prior: np.ndarray | None = None) -> np.ndarray:
        """(F, F) the Gauss-Newton precision of the posterior, under this or another prior."""
        exposure = self.exposure(log)
        prior = self.prior if prior is None else prior
        return np.asarray(self.temper / noise**2 * exposure.T @ exposure + np.diag(prior**-2.0))

    def likely_noise(self, log: np.ndarray, noise: float) -> float:
        """The fixed-point step of MacKay (1992) for the noise: squared errors over the labels' degrees of freedom."""
        exposure = self.exposure(log)
        information = self.temper / noise**2 * exposure.T @ exposure
        determined = float(np.trace(np.linalg.solve(self.precision(log, noise), information)))
        error = self.errors(log)
        free = max(self.temper * len(error) - determined, 0.1 * self.temper * len(error))
        return float(np.clip(math.sqrt(self.temper * float(error @ error) / free), _LEAST_NOISE, 1.0))

    def log_evidence(self, log: np.ndarray, noise: float) -> float:
        """Laplace's approximation."""
        error, n = self.errors(log), self.temper * len(self.scaled)
        fit = self.temper * float(error @ error) / noise**2 + float(((log / self.prior) ** 2).sum())
        volume = np.linalg.slogdet(self.precision(log, noise))[1] + 2 * float(np.log(self.prior).sum())
        return float(-0.5 * (fit + volume)) - n * math.log(noise)


_LEAST_NOISE = 0.003
"""No device repeats a latency more exactly than to 0.3 %."""


def _pooled(shares: np.ndarray, place: np.ndarray, n_factors: int) -> np.ndarray:
    """(n, F): shares of weights, (n, W), summed over the weights that have each factor."""
    membership = np.zeros((len(place), n_factors + 1))
    for column in range(len(LEVELS)):
        membership[np.arange(len(place)), place[:, column]] += 1.0
    return np.asarray(shares @ membership[:, :n_factors])
