"""What a surrogate predicts for whole networks: latencies with intervals, where the time goes, what it has never seen.

Shapes: B networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from nassurrogate.devices.latency_models import device_of
from nassurrogate.errors import InputError
from nassurrogate.graphs.kernels import KernelKind
from nassurrogate.graphs.operator_graph import OperatorGraph, Shape
from nassurrogate.graphs.operator_kinds import group_of
from nassurrogate.predictors.roofline import Roofline

if TYPE_CHECKING:
    from nassurrogate.surrogate import Surrogate

_Z90: Final = 1.6448536269514722
"""Half the width of the 90 % interval of a normal distribution, in standard deviations."""


class KernelTime(NamedTuple):
    """One kernel: an operator with the activation that is fused into it.

    Attributes:
        position: of the operator in the network's graph.
        role: convolution, depthwise convolution, matrix product, pool, elementwise, data movement or unknown. Unlike in
            `KernelKind`, a matrix product is one whatever the number of its rows.
        kind: its ONNX name, with window and stride, such as `Conv 3x3/2`.
        shape: of its output.
        latency_ms: its part of the network's predicted latency.
        is_unknown: whether no training network had such an operator.
        is_beyond: whether it is more than twice as large as the largest of its kind in the training networks.
    """

    position: int
    role: str
    kind: str
    shape: Shape
    latency_ms: float
    is_unknown: bool
    is_beyond: bool


class KindTime(NamedTuple):
    """All kernels of one kind in a network.

    Attributes:
        kind, role: as in `KernelTime`.
        n_kernels: how many there are.
        latency_ms: the sum of their parts.
    """

    kind: str
    role: str
    n_kernels: int
    latency_ms: float


@dataclass(frozen=True)
class PredictedLatency:
    """The predicted latency of one network on one device.

    Attributes:
        graph: the network.
        device: the device.
        latency_ms: the prediction; the true one is as often above as below it.
        low_ms, high_ms: the 90 % interval.
        kernels: in the network's order; empty if the predictor does not add up kernels.
    """

    graph: OperatorGraph
    device: str
    latency_ms: float
    low_ms: float
    high_ms: float
    kernels: tuple[KernelTime, ...]

    def by_kind(self) -> list[KindTime]:
        """The kinds of kernels, those with most time first."""
        found: dict[tuple[str, str], list[float]] = {}
        for kernel in self.kernels:
            found.setdefault((kernel.kind, kernel.role), []).append(kernel.latency_ms)
        rows = [KindTime(kind, role, len(times), sum(times)) for (kind, role), times in found.items()]
        return sorted(rows, key=lambda row: -row.latency_ms)

    def slowest(self, n: int) -> list[KernelTime]:
        """The n kernels that take most time, the slowest first."""
        return sorted(self.kernels, key=lambda kernel: -kernel.latency_ms)[:n]

    @property
    def unknown_share(self) -> float:
        """The share of the time, from 0 to 1, in operators that no training network had."""
        return self._share([kernel.latency_ms for kernel in self.kernels if kernel.is_unknown])

    @property
    def beyond_share(self) -> float:
        """The share of the time, from 0 to 1, in operators far larger than any in the training networks."""
        return self._share([kernel.latency_ms for kernel in self.kernels if kernel.is_beyond])

    def _share(self, times: Sequence[float]) -> float:
        total = sum(kernel.latency_ms for kernel in self.kernels)
        return sum(times) / total if total > 0 else 0.0


def predicted_latencies(model: Surrogate, networks: Sequence[OperatorGraph]) -> list[PredictedLatency]:
    """The latencies of B networks.

    Args:
        model: a surrogate of latencies of whole networks, such as `latency_predictor` returns.
        networks: B graphs.

    The default predictor, `roofline`, has log-normal intervals and times of kernels. For others, intervals are normal.
    """
    if not networks:
        return []
    archs = model.space.parse_many(networks)
    predictor, device = model.predictor, device_of(model)
    if not isinstance(predictor, Roofline):
        mean, std = model.predict(archs)
        low, high = np.maximum(mean - _Z90 * std, 0.0), mean + _Z90 * std
        every: list[tuple[KernelTime, ...]] = [()] * len(networks)
    else:
        mean, log_std = predictor.log_normal(archs)
        low, high = mean * np.exp(-_Z90 * log_std), mean * np.exp(_Z90 * log_std)
        every = [_kernel_times(predictor, model, graph) for graph in networks]
    return [
        PredictedLatency(graph, device, float(mean[place]), float(low[place]), float(high[place]), every[place])
        for place, graph in enumerate(networks)
    ]


def has_kernel_times(model: Surrogate) -> bool:
    """Whether its predictions say where the time goes."""
    return isinstance(model.predictor, Roofline)


def require_kernel_times(model: Surrogate, option: str) -> None:
    """Raise `InputError` if a surrogate does not say where the time goes, which an option needs."""
    if not has_kernel_times(model):
        raise InputError(
            f"{option} needs a predictor that adds up the times of operators; {device_of(model)} is predicted by "
            f"{model.predictor.name!r}, which does not; use {Roofline.name!r}"
        )


def _kernel_times(predictor: Roofline, model: Surrogate, graph: OperatorGraph) -> tuple[KernelTime, ...]:
    table, cost = predictor.kernel_costs(model.space.parse_many([graph])[0])
    unknown, beyond = predictor.familiarity.unknown(table), predictor.familiarity.beyond(table)
    return tuple(
        KernelTime(
            position=(position := int(table.position[row])),
            role=_role(kind := table.kinds[table.kind[row]]),
            kind=str(kind),
            shape=graph.operators[position].output_shape,
            latency_ms=float(cost[row]),
            is_unknown=bool(unknown[row]),
            is_beyond=bool(beyond[row]),
        )
        for row in range(len(cost))
    )


def _role(kind: KernelKind) -> str:
    """The role for readers: one of many rows may cost what a 1x1 convolution does, but it is a matrix product."""
    return "matrix product" if group_of(kind.operator) == "matrix product" else kind.role
