"""NAR-Former V2 for whole networks (Yi et al., NeurIPS 2023, arXiv 2306.10792), with attention along lists of edges."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from nassurrogate.predictors.nar_former_v2.network import ATTENTION_FLOOR, Block
from nassurrogate.predictors.whole_networks.batches import GraphBatch
from nassurrogate.predictors.whole_networks.config import NarFormerConfig
from nassurrogate.predictors.whole_networks.edge_sums import Edges, neighbour_sum, self_products
from nassurrogate.predictors.whole_networks.readout import Readout
from nassurrogate.predictors.whole_networks.tokens import STATIC_WIDTH, TOKEN_WIDTH


class EdgeBlock(Block):
    """NAR-Former V2's block on concatenated nodes (N, d), with the same weights and results."""

    def attended(self, x: Tensor, query: Tensor, adjacency: Edges) -> Tensor:
        similarity = self_products(query, adjacency) / math.sqrt(x.shape[-1])
        # A column of ones sums the similarities along with the rows.
        sums = neighbour_sum(similarity, torch.cat([x, torch.ones_like(x[:, :1])], dim=-1), adjacency)
        return sums[:, :-1] / (sums[:, -1:] + ATTENTION_FLOOR)


class NarFormerNetwork(nn.Module):
    """Tokens and static features of G networks → (G,) predictions above 0."""

    def __init__(self, config: NarFormerConfig) -> None:
        super().__init__()
        widths = [TOKEN_WIDTH, *[config.width] * config.blocks]
        self.block = nn.ModuleList(EdgeBlock(a, b, config) for a, b in pairwise(widths))
        self.readout = Readout(config.width, STATIC_WIDTH, config.head_width, config.dropout)

    def forward(self, batch: GraphBatch) -> Tensor:
        x = batch.x
        for block in self.block:
            x = block(x, batch.edges, batch.degree)
        return cast(Tensor, self.readout(x, batch))
