"""A bounded correction of what each kernel costs, learned by a small network from the latencies of whole networks.

A roofline is linear in sizes. Devices are not: channels that fill a vector badly, caches, other algorithms for other
sizes. The correction multiplies the cost of a kernel by exp(c), |c| < `bound`, so it cannot do much harm where it has
seen nothing.

Shapes: n networks, K kernels, D features, M members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nassurrogate.errors import InputError
from nassurrogate.graphs.operator_kinds import group_of
from nassurrogate.predictors.base import Progress
from nassurrogate.predictors.roofline.kernel_table import KernelTable

ROLES = (
    *("convolution", "depthwise convolution", "matrix product", "pool", "elementwise", "data movement"),
    *("unknown",),
)
_N_SIZES = 22
_CHUNK = 1 << 12
"""Kernels per call of linear algebra, always the same number: rounding depends on it."""


@dataclass(frozen=True)
class CorrectionConfig:
    """How the correction is built and trained; see `RooflineConfig`."""

    members: int
    width: int
    bound: float
    epochs: int
    batch: int
    max_steps: int
    learning_rate: float
    weight_decay: float


def kernel_features(table: KernelTable, operators: Sequence[str]) -> np.ndarray:
    """(K, D) float32: logarithms of sizes, how badly they fill vectors, the role, and the operator if it is listed."""
    channels_in, channels_out, positions = (table.column(n) for n in ("channels_in", "channels_out", "positions"))
    data = table.column("numbers_read") + table.column("numbers_written")
    flops, params = table.column("flops"), table.column("params")
    sizes = [channels_in, channels_out, positions, table.column("window"), table.column("stride"), flops, data, params]
    logs = [_log2(size) for size in sizes]
    intensity = _log2(flops) - _log2(data + params)
    waste = [
        *(_waste(channels_out, width) for width in (4, 8, 16, 32)),
        *(_waste(channels_in, width) for width in (4, 16)),
        *(_waste(positions, width) for width in (4, 16, 32)),
    ]
    activation = table.column("activation")
    flags = [
        table.column("n_inputs") / 3,
        activation == 1,
        activation == 2,
        table.column("pads") > 0,
    ]
    columns = [*(log / 8 for log in logs), intensity / 8, *(2 * part for part in waste), *flags]
    assert len(columns) == _N_SIZES
    role = np.array([[kind.role == role for role in ROLES] for kind in table.kinds], np.float32)
    operator = np.array([[kind.operator == name for name in operators] for kind in table.kinds], np.float32)
    per_kind = np.concatenate([role, operator.reshape(len(table.kinds), -1) / 2], axis=1)
    return np.concatenate([np.stack(columns, axis=1).astype(np.float32), per_kind[table.kind]], axis=1)


def _log2(size: np.ndarray) -> np.ndarray:
    return np.asarray(np.log2(np.maximum(size, 1.0)))


def _waste(size: np.ndarray, width: int) -> np.ndarray:
    """log2 of the size rounded up to whole vectors, over the size."""
    return np.asarray(np.log2(np.ceil(size / width) * width / np.maximum(size, 1.0)))


class CorrectionNet(nn.Module):
    """M networks side by side: (K, D) → (M, K) corrections, 0 before training."""

    def __init__(self, n_features: int, config: CorrectionConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.bound = config.bound
        shapes = [(n_features, config.width), (config.width, config.width), (config.width, 1)]
        self.weight = nn.ParameterList()
        self.bias = nn.ParameterList()
        for number, (fan_in, fan_out) in enumerate(shapes):
            limit = 0.0 if number == len(shapes) - 1 else fan_in**-0.5
            weight = torch.empty(config.members, fan_in, fan_out).uniform_(-1, 1, generator=generator) * limit
            bias = torch.empty(config.members, 1, fan_out).uniform_(-1, 1, generator=generator) * limit
            self.weight.append(nn.Parameter(weight))
            self.bias.append(nn.Parameter(bias))

    def forward(self, features: Tensor) -> Tensor:
        x = features.expand(len(self.weight[0]), -1, -1)
        for number, (weight, bias) in enumerate(zip(self.weight, self.bias, strict=True)):
            x = torch.baddbmm(bias, F.silu(x) if number else x, weight)
        return self.bound * torch.tanh(x.squeeze(-1) / self.bound)


@dataclass(frozen=True)
class Correction:
    """A trained correction.

    Attributes:
        operators: those that it distinguishes.
        net: the networks, on the CPU.
    """

    operators: tuple[str, ...]
    net: CorrectionNet

    def __call__(self, table: KernelTable) -> np.ndarray:
        """(M, K) float64 logarithms of the factors; those of a kernel depend on that kernel alone."""
        features = torch.from_numpy(kernel_features(table, self.operators))
        found = torch.empty(len(self.net.weight[0]), len(features))
        with torch.no_grad():
            for start in range(0, len(features), _CHUNK):
                piece = features[start : start + _CHUNK]
                padded = F.pad(piece, (0, 0, 0, _CHUNK - len(piece)))
                found[:, start : start + len(piece)] = self.net(padded)[:, : len(piece)]
        return found.numpy().astype(np.float64)

    def arrays(self) -> dict[str, np.ndarray]:
        """The weights, by name."""
        return {name: value.detach().numpy().copy() for name, value in self.net.state_dict().items()}

    @classmethod
    def of(cls, operators: tuple[str, ...], config: CorrectionConfig, arrays: Mapping[str, np.ndarray]) -> Correction:
        """The inverse of `arrays`. Raises `InputError` for missing arrays, and for ones of other shapes or types."""
        net = CorrectionNet(_N_SIZES + len(ROLES) + len(operators), config)
        wanted = net.state_dict()
        for name, tensor in wanted.items():
            array = arrays.get(name)
            if array is None or array.shape != tuple(tensor.shape) or array.dtype != np.float32:
                raise InputError(f"the correction's {name} must be float32 of shape {tuple(tensor.shape)}")
            if not np.isfinite(array).all():
                raise InputError(f"the correction's {name} must be finite")
        net.load_state_dict({name: torch.from_numpy(arrays[name].copy()) for name in wanted})
        return cls(operators, net)


def train_correction(
    table: KernelTable,
    base: np.ndarray,
    values: np.ndarray,
    config: CorrectionConfig,
    *,
    noise: float,
    seed: int,
    device: torch.device,
    progress: Progress | None = None,
) -> Correction:
    """Train a correction to measured networks, by Huber's loss of the logarithm of their latency.

    Args:
        table: the kernels of n networks.
        base: (K,) what each kernel costs without a correction.
        values: (n,) measured values.
        config: how.
        noise: of the logarithms of the values; errors beyond it count linearly, as the noise of latencies is skewed.
        seed: of initial weights and batches.
        device: where to train.
        progress: called with (steps done, total steps).
    """
    operators = tuple(sorted({kind.operator for kind in table.kinds if group_of(kind.operator) != "unknown"}))
    features = torch.from_numpy(kernel_features(table, operators)).to(device)
    cost = torch.from_numpy(base.astype(np.float32)).to(device)
    target = torch.from_numpy(np.log(values).astype(np.float32)).to(device)
    first = torch.from_numpy(table.start[:-1]).to(device)
    size = torch.from_numpy(np.diff(table.start)).to(device)
    generator = torch.Generator().manual_seed(seed)
    net = CorrectionNet(features.shape[1], config, generator).to(device)
    per_epoch = -(-len(values) // config.batch)
    steps = min(config.epochs * per_epoch, config.max_steps)
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    rate = config.learning_rate
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps + 1, pct_start=0.1)
    order = torch.empty(0, dtype=torch.long)
    for step in range(steps):
        if len(order) == 0:
            order = torch.randperm(len(values), generator=generator)
        batch, order = order[: config.batch].to(device), order[config.batch :]
        # Kernels of the batch, and the network of each.
        network = torch.repeat_interleave(torch.arange(len(batch), device=device), size[batch])
        offset = first[batch] - (torch.cumsum(size[batch], 0) - size[batch])
        kernel = torch.arange(len(network), device=device) + offset[network]
        spent = cost[kernel] * torch.exp(net(features[kernel]))
        total = torch.zeros(config.members, len(batch), device=device).index_add(1, network, spent)
        error = torch.log(total) - target[batch]
        loss = F.huber_loss(error, torch.zeros_like(error), delta=noise) / noise**2
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if progress is not None and step % 50 == 49:
            progress(step + 1, steps)
    return Correction(operators, net.cpu())
