"""NAR-Former V2 (Yi et al., NeurIPS 2023, arXiv 2306.10792): a transformer whose attention runs along the graph.

Shapes: B cells, N nodes, d the width of a block's input, h of its output. The model is the paper's; what the presets
change around it stands in `V2Config`. Training is in `ensemble_training`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CODE_WIDTH = 64
"""Width of the code of one number in a token."""


@dataclass(frozen=True)
class V2Config:
    """Hyper-parameters. The defaults are the preset `fast`; `paper` is the paper's NAS-Bench-201 configuration.

    cells: "reduced" reads the cell as what it computes (nothing dead, no `none`, skips contracted), with a node's depth
        as its position; "wired" reads all six edges as nodes, with their number as position.
    targets: "rank" learns normal scores of the labels' ranks; "fraction" learns labels / 100, for accuracies.
    loss: "rank" is squared error plus a pairwise logistic loss; "relative" is the paper's: squared relative error, plus
        .1 of its sequence-ranking loss, plus .5 of the consistency between a cell and an isomorphic relabelling.
    holdout: share of the labels that is held out to stop early; 0 trains for all epochs and keeps the last weights.
    """

    cells: str = "reduced"
    width: int = 64
    blocks: int = 4
    head_width: int = 64
    groups: int = 8
    ffn_ratio: int = 4
    dropout: float = 0.05
    output: str = "linear"
    targets: str = "rank"
    loss: str = "rank"
    members: int = 4
    epochs: int = 150
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    holdout: float = 0.0
    patience: int = 30


PAPER = V2Config(
    cells="wired",
    width=512,
    blocks=6,
    head_width=512,
    output="log-sigmoid",
    targets="fraction",
    loss="relative",
    members=1,
    epochs=1000,
    batch=8,
    learning_rate=1e-4,
    weight_decay=0.0,
)


def identity_code(numbers: Tensor) -> Tensor:
    """(…) whole numbers → (…, 64): sin and cos of π·x·(1 + k/31), k = 0 … 31, interleaved.

    The released code has the frequencies linspace(1, 2³¹, 32); modulo full turns they are these, without the rounding
    noise that phases of 10¹⁰ have in single precision.
    """
    frequency = torch.pi * (1 + torch.arange(CODE_WIDTH // 2, device=numbers.device, dtype=torch.float64) / 31)
    phase = numbers.to(torch.float64)[..., None] * frequency
    return torch.stack([phase.sin(), phase.cos()], dim=-1).flatten(-2).float()


class Linear(nn.Linear):
    """Linear layer with the paper's start: weight uniform in ±1/√fan_in, bias in ±1/√fan_out."""

    def reset_parameters(self) -> None:
        nn.init.uniform_(self.weight, -1 / math.sqrt(self.in_features), 1 / math.sqrt(self.in_features))
        if self.bias is not None:
            nn.init.uniform_(self.bias, -1 / math.sqrt(self.out_features), 1 / math.sqrt(self.out_features))


class GroupedLinear(nn.Module):
    """(…, groups·in) → (…, groups·out): one map a group, then layer norm inside each group with a shared affine."""

    def __init__(self, groups: int, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(groups, fan_in, fan_out))
        self.bias = nn.Parameter(torch.zeros(groups, 1, fan_out))
        self.group_norm = nn.LayerNorm(fan_out)
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        split = x.unflatten(-1, (self.weight.shape[0], self.weight.shape[1]))
        mapped = torch.einsum("...gi,gio->...go", split, self.weight) + self.bias.squeeze(1)
        return self.group_norm(mapped).flatten(-2)


class Block(nn.Module):
    """Graph-aided attention and a grouped feed-forward network. (B, N, d), (B, N, N) → (B, N, h)."""

    def __init__(self, d: int, h: int, config: V2Config) -> None:
        super().__init__()
        inner = h * config.ffn_ratio
        self.degree_gate = Linear(1, d)
        self.query_key_map = Linear(d, d)
        self.neighbour_map = Linear(d, h)
        self.root_map = Linear(d, h, bias=False)
        self.ffn_pre_norm = nn.LayerNorm(h)
        self.ffn_up = GroupedLinear(config.groups, h // config.groups, inner // config.groups)
        self.ffn_down = GroupedLinear(config.groups, inner // config.groups, h // config.groups)
        self.layer_scale = nn.Parameter(torch.full((h,), 1e-4))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        x = x * self.degree_gate(adjacency.sum(dim=-1, keepdim=True)).sigmoid()
        query = self.query_key_map(x).sigmoid()  # serves as the key too
        similarity = query @ query.transpose(-1, -2) / math.sqrt(x.shape[-1]) * adjacency
        attention = similarity / (similarity.sum(dim=-1, keepdim=True) + 1e-6)  # no softmax: sigmoids are positive
        y = self.neighbour_map(attention @ x) + self.root_map(x)  # the root term stands in for a residual
        y = self.dropout(F.normalize(y, dim=-1).relu())
        return y + self.layer_scale * self.feed_forward(y)

    def feed_forward(self, y: Tensor) -> Tensor:
        hidden = self.dropout(self.ffn_up(self.ffn_pre_norm(y)).relu())
        return self.dropout(self.ffn_down(hidden))


class NarFormerV2Net(nn.Module):
    """Tokens (B, N, 128), undirected adjacency (B, N, N), mask (B, N) → predictions (B,)."""

    def __init__(self, config: V2Config) -> None:
        super().__init__()
        h, depth = config.width, config.blocks
        widths = [2 * CODE_WIDTH, *[h] * depth]
        self.block = nn.ModuleList(Block(a, b, config) for a, b in zip(widths, widths[1:], strict=False))
        self.readout_gate = nn.ModuleList([Linear(depth * h, depth * h // 4), Linear(depth * h // 4, depth)])
        self.head = nn.ModuleList(
            [Linear(h, config.head_width), Linear(config.head_width, config.head_width), Linear(config.head_width, 1)]
        )
        self.dropout = nn.Dropout(config.dropout)
        self.positive = config.output == "log-sigmoid"

    def forward(self, token: Tensor, adjacency: Tensor, mask: Tensor) -> Tensor:
        x, means = token, []
        node_share = (mask / mask.sum(dim=-1, keepdim=True)).unsqueeze(-1).to(token.dtype)
        for block in self.block:
            x = block(x, adjacency)
            means.append((x * node_share).sum(dim=-2))
        joined = torch.cat(means, dim=-1)
        gate = self.readout_gate[1](self.readout_gate[0](joined).relu()).sigmoid()  # one gate a block
        graph = sum(gate[..., i : i + 1] * mean for i, mean in enumerate(means))
        for layer in self.head[:-1]:
            graph = self.dropout(layer(graph).relu())
        output = self.head[-1](graph).squeeze(-1)
        return -F.logsigmoid(output) if self.positive else output
