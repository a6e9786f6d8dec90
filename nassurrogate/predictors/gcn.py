"""The graph convolutional predictor of BRP-NAS (Dudziak et al., NeurIPS 2020, arXiv 2007.08668), as a regressor.

Shapes: B cells, N nodes and the global node, F features of a node, d the width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nassurrogate.errors import InputError
from nassurrogate.graphs.cell_graph import INPUT, OUTPUT
from nassurrogate.predictors.base import check_ranges
from nassurrogate.predictors.graph_network import GraphNetworkPredictor, TrainingConfig
from nassurrogate.predictors.training.config import check_choices
from nassurrogate.predictors.training.ensemble import Inputs, Loss
from nassurrogate.predictors.training.losses import absolute_loss, rank_loss


@dataclass(frozen=True)
class GCNConfig(TrainingConfig):
    """Hyper-parameters. The defaults are the preset `fast`; `PAPER` is the released NAS-Bench-201 configuration.

    cells: `reduced` reads the canonical graph with its multiplicities; `pruned` reads the graph of the released code:
        every edge counts once, and each dead operation, `none` or skip leaves a node without features, which only the
        global node reads.
    labels: `rank` uses squared error and a pairwise logistic loss, `fraction` the absolute error.
    """

    epochs: int = 100
    cells: str = "reduced"
    width: int = 64
    layers: int = 3
    dropout: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self, {"cells": ("reduced", "pruned")})
        check_ranges(self, _RANGES)
        if self.members * self.width > _MAX_BREADTH:
            raise InputError(f"members * width must be at most {_MAX_BREADTH}")


# The upper bounds keep a model file from demanding more memory than a machine has.
_MAX_BREADTH = 1 << 16
_RANGES = {"width": (1, 4096), "layers": (1, 64), "dropout": (0.0, 0.99)}
PAPER = GCNConfig(
    labels="fraction",
    members=1,
    epochs=250,
    batch=50,
    max_steps=0,
    learning_rate=3.5e-4,
    weight_decay=5e-4,
    warmup=0.0,
    folds=0,
    cells="pruned",
    width=600,
    layers=4,
    dropout=0.2,
)


class GraphConvolution(nn.Module):
    """Every node sums the nodes it reads, (B, N + 1, F) → (B, N + 1, d); then norm, ReLU, dropout."""

    def __init__(self, fan_in: int, width: int, dropout: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(fan_in, width))
        self.bias = nn.Parameter(torch.empty(width))
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -1 / math.sqrt(width), 1 / math.sqrt(width))
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, reads: Tensor) -> Tensor:
        normed: Tensor = self.norm(reads @ (x @ self.weight) + self.bias)
        dropped: Tensor = self.dropout(normed.relu())
        return dropped


class GCNNet(nn.Module):
    """Features (B, N + 1, F), reads (B, N + 1, N + 1) → predictions (B,), from the global node, which is first."""

    def __init__(self, n_features: int, config: GCNConfig) -> None:
        super().__init__()
        fans = [n_features, *[config.width] * (config.layers - 1)]
        self.layer = nn.ModuleList(GraphConvolution(fan_in, config.width, config.dropout) for fan_in in fans)
        self.head = nn.Linear(config.width, 1)

    def forward(self, feature: Tensor, reads: Tensor) -> Tensor:
        x = feature
        for layer in self.layer:
            x = layer(x, reads)
        prediction: Tensor = self.head(x[..., 0, :]).squeeze(-1)
        return prediction


class GCN(GraphNetworkPredictor[GCNConfig]):
    """An ensemble of graph convolutional networks; `paper` is one of the published size, trained as released.

    A node reads itself and the nodes it feeds, so information flows against the edges; a global node reads all nodes
    and gives the prediction. The paper trains for 250 epochs with a cosine schedule and keeps the checkpoint that is
    best on 100 more cells; here the learning rate falls linearly and the last weights are kept. The paper's relation
    predictor, which compares pairs, is not implemented.

    >>> import numpy as np
    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> predictor = GCN(space, config={"epochs": 5})
    >>> predictor.fit(space.parse_many([0, 1, 2]), np.array([85.5, 90.8, 72.1]))
    >>> mean, std = predictor.predict(space.parse_many([5, 6]))
    >>> mean.shape, std.shape
    ((2,), (2,))
    """

    name = "gcn"
    description = "GCN of BRP-NAS; fast: a narrow ensemble on canonical cells; paper: as published, regression"
    presets: ClassVar[Mapping[str, GCNConfig]] = {"fast": GCNConfig(), "paper": PAPER}

    def _network(self) -> GCNNet:
        return GCNNet(len(self._vocabulary) + 1, self.config)

    @property
    def _loss(self) -> Loss:
        return rank_loss if self.config.labels == "rank" else absolute_loss

    @property
    def _width(self) -> int:
        return self.config.width

    @property
    def _vocabulary(self) -> tuple[str, ...]:
        return (INPUT, *self.space.computing_ops, OUTPUT)

    def _read(self, op: Tensor, adjacency: Tensor, position: Tensor, mask: Tensor) -> Inputs:
        """One-hot features (…, N + 1, F) and which node reads which (…, N + 1, N + 1); the global node is first."""
        there = mask.float()
        feature = F.pad(F.one_hot(op, len(self._vocabulary)) * there.unsqueeze(-1), (0, 1, 1, 0))
        feature[..., 0, -1] = 1
        if self.config.cells == "pruned":
            adjacency, there = adjacency.clamp(max=1), torch.ones_like(there)
        reads = F.pad(adjacency + torch.diag_embed(there), (1, 0, 1, 0))
        reads[..., 0, 0] = 1
        reads[..., 0, 1:] = there
        return feature, reads
