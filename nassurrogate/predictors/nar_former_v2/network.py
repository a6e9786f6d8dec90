"""The network of NAR-Former V2.

Shapes: B cells, N nodes, d the width of a block's input, h of its output.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nassurrogate.predictors.nar_former_v2.config import V2Config
from nassurrogate.predictors.nar_former_v2.layers import GroupedLinear, LayerNorm, Linear

ATTENTION_FLOOR = 1e-6
"""Added to the sum of a node's similarities."""


class BlockConfig(Protocol):
    """The hyper-parameters that a block reads; see `V2Config`."""

    @property
    def groups(self) -> int: ...
    @property
    def ffn_ratio(self) -> int: ...
    @property
    def dropout(self) -> float: ...
    @property
    def layer_scale(self) -> float: ...


class Block(nn.Module):
    """Graph-aided attention and a grouped feed-forward network. (B, N, d), (B, N, N), (B, N, 1) → (B, N, h).

    A subclass that overrides `attended` may hold the edges in another form than a matrix, and the nodes as (N, d).
    """

    def __init__(self, d: int, h: int, config: BlockConfig) -> None:
        super().__init__()
        inner = h * config.ffn_ratio
        self.degree_gate = Linear(1, d)
        self.query_key_map = Linear(d, d)
        self.neighbour_map = Linear(d, h)
        self.root_map = Linear(d, h, bias=False)
        self.ffn_pre_norm = LayerNorm(h)
        self.ffn_up = GroupedLinear(config.groups, h // config.groups, inner // config.groups)
        self.ffn_down = GroupedLinear(config.groups, inner // config.groups, h // config.groups)
        self.layer_scale = nn.Parameter(torch.full((h,), config.layer_scale))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, adjacency: Any, degree: Tensor) -> Tensor:
        y = self.attention(x * self.gate(degree).sigmoid(), adjacency)
        y = cast(Tensor, self.dropout(F.normalize(y, dim=-1).relu()))
        return y + self.layer_scale * self.feed_forward(y)

    def gate(self, degree: Tensor) -> Tensor:
        """What a node's degree says of its features, before the sigmoid. (B, N, 1) → (B, N, d)."""
        return cast(Tensor, self.degree_gate(degree))

    def attention(self, x: Tensor, adjacency: Any) -> Tensor:
        """Each node's neighbours and, in place of a residual, the node itself. (B, N, d) → (B, N, h)."""
        query = self.query_key_map(x).sigmoid()  # serves as the key too
        return cast(Tensor, self.neighbour_map(self.attended(x, query, adjacency)) + self.root_map(x))

    def attended(self, x: Tensor, query: Tensor, adjacency: Any) -> Tensor:
        """The mean of each node's neighbours, weighted by similarity; without neighbours 0. (B, N, d) → (B, N, d)."""
        similarity = query @ query.transpose(-1, -2) / math.sqrt(query.shape[-1]) * adjacency
        attention = similarity / (similarity.sum(dim=-1, keepdim=True) + ATTENTION_FLOOR)  # no softmax: all are > 0
        return cast(Tensor, attention @ x)

    def feed_forward(self, y: Tensor) -> Tensor:
        hidden = self.dropout(self.ffn_up(self.ffn_pre_norm(y)).relu())
        return cast(Tensor, self.dropout(self.ffn_down(hidden)))


class CellBlock(Block):
    """A block of small graphs: a GPU does the same in fewer kernels, as each takes longer to start than to run.

    The results differ in their last digits.
    """

    def gate(self, degree: Tensor) -> Tensor:
        if not degree.is_cuda:
            return super().gate(degree)
        return torch.addcmul(self.degree_gate.bias, degree, self.degree_gate.weight.squeeze(-1))

    def attention(self, x: Tensor, adjacency: Tensor) -> Tensor:
        if not x.is_cuda:
            return super().attention(x, adjacency)
        # One product for three maps: the mean of the neighbours is linear, so their map may come first, but for its
        # bias, which a node without neighbours has too.
        maps = (self.query_key_map, self.neighbour_map, self.root_map)
        late = self.neighbour_map.bias
        bias = torch.cat([self.query_key_map.bias, torch.zeros_like(late), late])
        joined = F.linear(x, torch.cat([each.weight for each in maps]), bias)
        query, neighbours, root = torch.split_with_sizes(joined, [each.out_features for each in maps], dim=-1)
        return self.attended(neighbours, query.sigmoid(), adjacency) + root


class NarFormerV2Net(nn.Module):
    """Tokens (B, N, 2·code_width), undirected adjacency (B, N, N), mask (B, N) → predictions (B,)."""

    def __init__(self, config: V2Config) -> None:
        super().__init__()
        h, depth = config.width, config.blocks
        widths = [2 * config.code_width, *[h] * depth]
        self.block = nn.ModuleList(CellBlock(a, b, config) for a, b in pairwise(widths))
        self.readout_gate = nn.ModuleList([Linear(depth * h, depth * h // 4), Linear(depth * h // 4, depth)])
        self.head = nn.ModuleList(
            [Linear(h, config.head_width), Linear(config.head_width, config.head_width), Linear(config.head_width, 1)]
        )
        self.dropout = nn.Dropout(config.dropout)
        self.positive = config.output == "log-sigmoid"

    def forward(self, token: Tensor, adjacency: Tensor, mask: Tensor) -> Tensor:
        x, means = token, []
        degree = adjacency.sum(dim=-1, keepdim=True)
        node_share = (mask / mask.sum(dim=-1, keepdim=True)).unsqueeze(-1).to(token.dtype)
        for block in self.block:
            x = block(x, adjacency, degree)
            means.append((x * node_share).sum(dim=-2))
        joined = torch.cat(means, dim=-1)
        gate = self.readout_gate[1](self.readout_gate[0](joined).relu()).sigmoid()  # one gate per block
        graph = (gate.unsqueeze(-1) * torch.stack(means, dim=-2)).sum(dim=-2)
        for layer in self.head[:-1]:
            graph = self.dropout(layer(graph).relu())
        output = self.head[-1](graph).squeeze(-1)
        return -F.logsigmoid(output) if self.positive else output
