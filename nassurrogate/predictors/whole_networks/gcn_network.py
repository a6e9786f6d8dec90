"""NNLP, the predictor of NNLQP (Liu et al., ICPP 2022): GraphSAGE layers and a sum over the nodes."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from nassurrogate.predictors.whole_networks.batches import GraphBatch
from nassurrogate.predictors.whole_networks.config import GcnConfig
from nassurrogate.predictors.whole_networks.edge_sums import neighbour_sum
from nassurrogate.predictors.whole_networks.plain_features import FEATURES, STATIC_FEATURES
from nassurrogate.predictors.whole_networks.readout import Readout


class SageLayer(nn.Module):
    """GraphSAGE with the mean of the neighbours (Hamilton et al., arXiv 1706.02216), L2-normalised. (N, d) → (N, h)."""

    def __init__(self, d: int, h: int) -> None:
        super().__init__()
        self.neighbour_map = nn.Linear(d, h)
        self.root_map = nn.Linear(d, h, bias=False)

    def forward(self, x: Tensor, batch: GraphBatch) -> Tensor:
        share = 1 / batch.degree.squeeze(-1).clamp(min=1)
        mean = neighbour_sum(share[batch.edges.target], x, batch.edges)
        return F.normalize(self.neighbour_map(mean) + self.root_map(x), dim=-1)


class GcnNetwork(nn.Module):
    """Features of G networks → (G,) predictions above 0."""

    def __init__(self, config: GcnConfig) -> None:
        super().__init__()
        widths = [FEATURES, *[config.width] * config.layers]
        self.layer = nn.ModuleList(SageLayer(a, b) for a, b in pairwise(widths))
        self.dropout = nn.Dropout(config.dropout)
        self.readout = Readout(config.width, STATIC_FEATURES, config.head_width, config.dropout)

    def forward(self, batch: GraphBatch) -> Tensor:
        x = batch.x
        for layer in self.layer:
            x = self.dropout(layer(x, batch).relu())
        return cast(Tensor, self.readout(x, batch))
