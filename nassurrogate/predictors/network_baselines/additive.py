"""Non-negative additive models: a latency as a constant and a price for each FLOP, byte, weight and operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nassurrogate.errors import InputError
from nassurrogate.predictors.network_baselines.baseline import BaselineConfig, Model, NetworkBaseline
from nassurrogate.predictors.network_baselines.operator_sums import Columns

_RIDGE = 1e-7
"""Relative size of the penalty that makes prices unique if features are proportional to each other."""


class _Additive(NetworkBaseline[BaselineConfig]):
    """The non-negative costs that minimise the mean squared relative error."""

    presets: ClassVar[Mapping[str, BaselineConfig]] = {"default": BaselineConfig()}

    def _learn(self, rows: np.ndarray, labels: np.ndarray) -> Model:
        return AdditiveModel.fitted(rows, labels)

    def _constant(self, columns: Columns, value: float) -> Model:
        return AdditiveModel(np.concatenate([[value], np.zeros(len(columns))]))

    def _restored(self, columns: Columns, tensors: Mapping[str, np.ndarray]) -> Model:
        prices = tensors["prices"]
        shape = (1 + len(columns),)
        if prices.shape != shape or prices.dtype != np.float64 or not (np.isfinite(prices) & (prices >= 0)).all():
            raise InputError(f"'prices' must be numbers from 0, float64{shape}, got {prices.dtype}{prices.shape}")
        return AdditiveModel(prices.copy())


class FlopsRegression(_Additive):
    """Latency = a·FLOPs + b, with a, b ≥ 0 fitted to relative errors.

    >>> from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
    >>> from nassurrogate.spaces import get_space
    >>> def network(flops):
    ...     product = Operator("Gemm", (0,), ((1, 10),), params=flops // 2, flops=flops)
    ...     return OperatorGraph([Operator("Input", (), ((1, 100),)), product])
    >>> space = get_space("networks")
    >>> predictor = FlopsRegression(space)
    >>> predictor.fit(space.parse_many([network(flops) for flops in (1000, 2000, 4000)]), np.array([3.0, 5.0, 9.0]))
    >>> predictor.predict(space.parse_many([network(8000)]))[0].round(3)
    array([17.])
    """

    name = "flops-regression"
    description = "latency of whole networks as a non-negative linear function of FLOPs; CPU, milliseconds"
    totals = ("flops",)
    per_kind = False

    def uses(self) -> list[str]:
        return ["FLOPs"]


class FlopsMemoryRegression(_Additive):
    """Latency = a·FLOPs + b·bytes read and written + c, with a, b, c ≥ 0 fitted to relative errors."""

    name = "flops-memory-regression"
    description = (
        "latency of whole networks as a non-negative linear function of FLOPs and memory access; CPU, milliseconds"
    )
    totals = ("flops", "memory_bytes")
    per_kind = False

    def uses(self) -> list[str]:
        return ["FLOPs", "memory access"]


class OperatorAdditive(_Additive):
    """Latency as a sum over operators, each with non-negative costs of its kind, fitted to relative errors.

    Each kind has a price per FLOP, byte, weight and operator; a constant is added. Operators of a kind that no training
    network has count nothing, so a network that consists of them is underestimated.
    """

    name = "operator-additive"
    description = "latency of whole networks as a sum of non-negative costs per kind of operator; CPU, seconds"
    totals = ()
    per_kind = True

    def uses(self) -> list[str]:
        return ["operator graph", "FLOPs", "memory access", "parameters"]


@dataclass(frozen=True)
class AdditiveModel(Model):
    """(1 + F,) prices: the constant, and one for each feature."""

    prices: np.ndarray

    @classmethod
    def fitted(cls, rows: np.ndarray, labels: np.ndarray) -> AdditiveModel:
        """The prices p ≥ 0 that minimise Σ ((1, x)·p / y − 1)², for (n, F) features x and (n,) labels y."""
        from scipy.optimize import nnls

        relative = np.column_stack([np.ones(len(rows)), rows]) / labels[:, None]
        scale = np.sqrt((relative**2).sum(axis=0))
        scale[scale == 0] = 1.0
        # By the QR decomposition, a problem of n rows becomes one of at most F + 2.
        reduced = np.asarray(np.linalg.qr(np.column_stack([relative / scale, np.ones(len(rows))]), mode="r"))
        ridge = _RIDGE * np.eye(len(scale))
        prices, _ = nnls(np.vstack([reduced[:, :-1], ridge]), np.concatenate([reduced[:, -1], np.zeros(len(scale))]))
        return cls(prices / scale)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        # Not a matrix product, whose rounding depends on the number of rows.
        return np.asarray(self.prices[0] + (rows * self.prices[1:]).sum(axis=1))

    def tensors(self) -> dict[str, np.ndarray]:
        return {"prices": self.prices}
