"""Trains a network on whole networks by their mean squared relative error.

Shapes: n labels, B of them in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from nassurrogate.predictors.training.steps import Schedule
from nassurrogate.predictors.training.weights import require_finite, seeded
from nassurrogate.predictors.whole_networks.batches import GraphSet
from nassurrogate.predictors.whole_networks.captured_steps import CapturedSteps


def train(
    network: nn.Module,
    graphs: GraphSet,
    rows: np.ndarray,
    targets: np.ndarray,
    schedule: Schedule,
    seed: int,
    *,
    after_epoch: Callable[[], None] | None = None,
) -> None:
    """Minimise the mean of (ŷ/y − 1)² by Adam; the network keeps the last weights and is left in evaluation mode.

    On a GPU each step replays a CUDA graph (see `captured_steps`), in full single precision: TensorFloat-32 saves no
    time, as the kernels are small. Equal arguments give equal weights on one machine,
    on the CPU and on a GPU. The process's generators are left as they were.

    Args:
        network: on the device of the graphs.
        graphs: encoded networks.
        rows: (n,) which of them to learn.
        targets: (n,) above 0.
        schedule: how long and how fast.
        seed: of the batches and the dropout.
        after_epoch: called after every epoch.

    Raises `InputError` if a weight is not finite in the end.
    """
    device = graphs.row.device
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(rows)) for _ in range(schedule.epochs)]
    labels = torch.from_numpy(np.asarray(targets, dtype=np.float32)).to(device)
    network.train()
    try:
        if device.type == "cuda" and graphs.edge_counts[rows].any():
            steps = CapturedSteps(network, graphs, rows, labels, schedule, orders)
            with seeded(seed, device):
                for epoch in range(schedule.epochs):
                    steps.epoch(epoch)
                    if after_epoch is not None:
                        after_epoch()
        else:
            with seeded(seed, device):
                _plain_steps(network, graphs, rows, labels, schedule, orders, after_epoch)
    finally:
        network.eval()
    require_finite(dict(network.named_parameters()), schedule.learning_rate)


def _plain_steps(
    network: nn.Module,
    graphs: GraphSet,
    rows: np.ndarray,
    labels: Tensor,
    schedule: Schedule,
    orders: Sequence[np.ndarray],
    after_epoch: Callable[[], None] | None,
) -> None:
    # Adam: AdamW without a decay.
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.0, weight_decay=0.0, fused=True)
    rates = iter(schedule.rates(len(rows)))
    ends = np.cumsum(schedule.batch_sizes(len(rows)))
    for order in orders:
        for picked in np.split(order, ends[:-1]):
            optimizer.param_groups[0]["lr"] = next(rates)
            optimizer.zero_grad(set_to_none=True)
            relative = network(graphs.batch(rows[picked])) / labels[torch.from_numpy(picked).to(labels.device)]
            (relative - 1).square().mean().backward()
            optimizer.step()
        if after_epoch is not None:
            after_epoch()
