"""What each kernel of a network costs: layers of fitted costs and the learned correction.

Shapes: n networks, K kernels, W weights, M members.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nassurrogate.predictors.roofline.correction import Correction
from nassurrogate.predictors.roofline.cost_layer import CostLayer, Factor
from nassurrogate.predictors.roofline.kernel_table import QUANTITIES, KernelTable
from nassurrogate.predictors.roofline.levels import weights_of


@dataclass(frozen=True)
class CostModel:
    """Predicts the cost of kernels, and of networks as their sum.

    Attributes:
        layers: of costs; the first learned many networks, later ones adapt it to a few others.
        correction: the learned correction, if there were enough networks.
        noise: standard deviation of the logarithm of a label around the prediction, where all is known.
        inflation: factor for the variance of what was learned, chosen on held-out groups of networks.
    """

    layers: tuple[CostLayer, ...]
    correction: Correction | None
    noise: float
    inflation: float = 1.0

    def log_costs(self, table: KernelTable) -> np.ndarray:
        """(W,) logarithm of every weight of the table's kinds."""
        weights = weights_of(table.kinds)
        return np.asarray(sum(layer.log_costs(weights) for layer in self.layers))

    def corrections(self, table: KernelTable) -> np.ndarray:
        """(M, K) logarithms of the corrections; zeros without any."""
        return np.zeros((1, len(table.kind))) if self.correction is None else self.correction(table)

    def kernel_costs(self, table: KernelTable) -> np.ndarray:
        """(K,) the predicted cost of each kernel."""
        return np.asarray(self._base(table) * np.exp(self.corrections(table).mean(axis=0)))

    def _base(self, table: KernelTable) -> np.ndarray:
        costs = np.exp(self.log_costs(table)).reshape(len(QUANTITIES), len(table.kinds))
        return np.asarray((table.quantities * costs.T[table.kind]).sum(axis=1))

    def predict(self, table: KernelTable) -> tuple[np.ndarray, np.ndarray]:
        """(n,) predicted values, and (n,) standard deviations of their logarithms."""
        value, known, unknown = self.variances(table)
        return value, np.sqrt(self.noise**2 + self.inflation * known + unknown)

    def variances(self, table: KernelTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(n,) predicted values, and the variances of their logarithms, (n,) each.

        The first variance is that of what was learned, the second that of factors that no training network has. Noise
        is in neither.
        """
        base, corrections = self._base(table), self.corrections(table)
        factor = np.exp(corrections.mean(axis=0))
        value = table.per_network(base * factor)
        parts = table.sums(factor).reshape(len(table), -1) * np.exp(self.log_costs(table))
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.nan_to_num(parts / parts.sum(axis=1, keepdims=True))
        weights = weights_of(table.kinds)
        *earlier, last = self.layers
        known, unknown = last.variances(shares, weights)
        for layer in earlier:  # what the last layer learned corrects the known factors of earlier ones
            unknown += layer.variances(shares, weights, last.places)[1]
        if len(corrections) > 1:
            with np.errstate(divide="ignore"):
                members = np.stack([np.log(table.per_network(base * np.exp(member))) for member in corrections])
            known += np.nan_to_num(members.var(axis=0))
        return value, known, unknown

    def doubt(self, factor: Factor) -> float:
        """The prior standard deviation of a factor's logarithm in the layers that have not learned it."""
        return math.hypot(*(layer.spread.of(factor[0]) for layer in self.layers if factor not in layer.places))
