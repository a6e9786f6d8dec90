"""Padded steps, which a GPU captures, against plain ones; here both run on the CPU."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from nassurrogate.predictors.training.steps import Schedule
from nassurrogate.predictors.whole_networks.batches import GraphSet
from nassurrogate.predictors.whole_networks.captured_steps import CapturedSteps
from nassurrogate.predictors.whole_networks.config import GcnConfig, NarFormerConfig
from nassurrogate.predictors.whole_networks.gcn_network import GcnNetwork
from nassurrogate.predictors.whole_networks.nar_former_network import NarFormerNetwork
from nassurrogate.predictors.whole_networks.plain_features import operator_features, static_features
from nassurrogate.predictors.whole_networks.tokens import operator_tokens, static_tokens
from nassurrogate.predictors.whole_networks.training import train
from tests.predictors.whole_networks.chains import random_graph

CPU = torch.device("cpu")
SIZES = [1, 300, 2, 40, 7, 7, 23, 150, 3, 90, 11]
NETWORKS = {
    "nar-former": (
        lambda: NarFormerNetwork(NarFormerConfig(width=16, groups=4, head_width=8, dropout=0.0)),
        operator_tokens,
        static_tokens,
    ),
    "gcn": (lambda: GcnNetwork(GcnConfig(width=16, head_width=8, dropout=0.0)), operator_features, static_features),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batch", [1, 3, 4, 16])
def test_padding_changes_nothing(name, batch):
    build, node_features, static = NETWORKS[name]
    graphs = GraphSet.of([random_graph(n, n) for n in SIZES], node_features, static, CPU)
    rows = np.array([10, 1, 3, 4, 0, 6, 7, 8, 9, 2])
    targets = np.linspace(0.5, 2.0, len(rows))
    schedule = Schedule(epochs=4, batch=batch, learning_rate=1e-3, weight_decay=0.0, warmup=0.1, patience=4)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = build()
    padded = copy.deepcopy(plain).train()
    train(plain, graphs, rows, targets, schedule, seed=3)
    rng = np.random.default_rng(3)
    orders = [rng.permutation(len(rows)) for _ in range(schedule.epochs)]
    labels = torch.from_numpy(targets).float()
    steps = CapturedSteps(padded, graphs, rows, labels, schedule, orders, capture=_warmed_up)
    for epoch in range(schedule.epochs):
        steps.epoch(epoch)
    for name_of_weight, value in plain.state_dict().items():
        torch.testing.assert_close(padded.state_dict()[name_of_weight], value, rtol=1e-4, atol=1e-5)


def _warmed_up(step, device):
    """Runs the step three times, as the capture of a CUDA graph does."""
    for _ in range(3):
        step()
    return step
