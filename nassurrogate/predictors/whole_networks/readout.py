"""From nodes to a prediction: what NNLP and NAR-Former V2 have in common."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nassurrogate.predictors.nar_former_v2.layers import Linear
from nassurrogate.predictors.whole_networks.batches import GraphBatch
from nassurrogate.predictors.whole_networks.edge_sums import graph_sum


class Readout(nn.Module):
    """The sum of the nodes, joined with the static features, through a head of three layers. (N, h) → (G,).

    The prediction is −log σ(o), which is above 0.

    Args:
        width: h, of the nodes.
        static_width: S, of the static features.
        head_width: of the hidden layers.
        dropout: after each hidden layer.
    """

    def __init__(self, width: int, static_width: int, head_width: int, dropout: float) -> None:
        super().__init__()
        self.static_map = Linear(static_width, width)
        self.head = nn.ModuleList([Linear(2 * width, head_width), Linear(head_width, head_width)])
        self.output = Linear(head_width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, batch: GraphBatch) -> Tensor:
        static = self.dropout(self.static_map(batch.static)).relu()
        graph = torch.cat([graph_sum(x, batch.first, batch.graph), static], dim=-1)
        for layer in self.head:
            graph = self.dropout(layer(graph).relu())
        return -F.logsigmoid(cast(Tensor, self.output(graph)).squeeze(-1))
