"""A small transformer whose heads attend along the relations of a directed cell.

The relations are those of the first trials in this project: a head for the parents of a node, its children, its
ancestors and its descendants, as NN-Former (arXiv 2507.00880) has heads for neighbours and siblings. What probes say of
the entire cell is added to every node.

Shapes: B cells, N nodes, F features of a node, P probes, d the width, 4 heads of d / 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RELATIONS = ("parents", "children", "ancestors", "descendants")
DEEPEST = 6
"""Depths from here on count as the same."""
NORM_EPSILON = 1e-6
_FORBIDDEN = -1e9


def node_features(op: Tensor, adjacency: Tensor, depth: Tensor, mask: Tensor, n_ops: int) -> Tensor:
    """Operation and depth in one-hot code, logarithms of how often a node is read and reads: (B, N, F).

    Args:
        op: (B, N) numbers of operations below `n_ops`.
        adjacency: (B, N, N), entry (x, y) says how many times y adds x.
        depth: (B, N), the most operations on a way from the input.
        mask: (B, N), true where there is a node.
        n_ops: operations, input and output among them.
    """
    read = torch.stack([adjacency.sum(dim=-1), adjacency.sum(dim=-2)], dim=-1).log1p()
    parts = [F.one_hot(op, n_ops), F.one_hot(depth.clamp(max=DEEPEST), DEEPEST + 1), read]
    return torch.cat([part.float() for part in parts], dim=-1) * mask.unsqueeze(-1)


def relation_bias(adjacency: Tensor, mask: Tensor, *, masked: bool = True) -> Tensor:
    """What is added to the attention of each head: (B, 4, N, N), row the node that attends.

    0 where the relation holds, and from a node to itself; where an edge counts more than once the logarithm of how
    often; elsewhere a number so low that nothing is left. Without `masked` every node attends to all nodes.
    """
    edge = adjacency > 0
    reach = edge
    for _ in range(adjacency.shape[-1].bit_length()):  # paths twice as long each time
        reach = reach | ((reach.float() @ reach.float()) > 0)
    itself = torch.eye(adjacency.shape[-1], dtype=torch.bool, device=adjacency.device)
    holds = torch.stack([edge.transpose(-1, -2), edge, reach.transpose(-1, -2), reach], dim=-3) | itself
    if not masked:
        holds = mask[:, None, None, :].expand_as(holds) | itself
    times = adjacency.clamp(min=1).log()
    none = torch.zeros_like(times)
    times = torch.stack([times.transpose(-1, -2), times, none, none], dim=-3)
    return times.masked_fill(~holds, _FORBIDDEN)


class RootMeanSquareNorm(nn.Module):
    """x / √mean(x²) times a learned scale."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + NORM_EPSILON) * self.scale


class Block(nn.Module):
    """Attention along the relations, then a feed-forward network. (B, N, d), (B, 4, N, N) → (B, N, d)."""

    def __init__(self, width: int, ffn_ratio: int) -> None:
        super().__init__()
        self.heads = len(RELATIONS)
        self.attention_norm, self.ffn_norm = RootMeanSquareNorm(width), RootMeanSquareNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, ffn_ratio * width), nn.Linear(ffn_ratio * width, width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        parts = self.query_key_value(self.attention_norm(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.movedim(-3, 0).transpose(-2, -3)  # (B, heads, N, d / heads) each
        attention = (query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) + bias).softmax(dim=-1)
        x = x + self.joined((attention @ value).transpose(-2, -3).flatten(-2))
        y: Tensor = x + self.down(F.gelu(self.up(self.ffn_norm(x))))
        return y


class RelationTransformer(nn.Module):
    """Features (B, N, F), bias (B, 4, N, N), mask (B, N), probes (B, P) → predictions (B,).

    The readout joins the mean of the nodes, the output node and the probes.

    Args:
        n_ops: operations, input and output among them.
        n_probes: P; 0 for a network without them.
        width: d, a multiple of 4.
        blocks: how many, one after the other.
        ffn_ratio: width of the feed-forward networks in units of d.
    """

    def __init__(self, n_ops: int, n_probes: int, width: int, blocks: int, ffn_ratio: int) -> None:
        super().__init__()
        self.node = nn.Linear(n_ops + DEEPEST + 3, width)
        self.probe = nn.Linear(n_probes, width) if n_probes else None
        made = [Block(width, ffn_ratio) for _ in range(blocks)]
        self.block = nn.ModuleList(made)
        self.norm = RootMeanSquareNorm(width)
        joined, last = nn.Linear((3 if n_probes else 2) * width, width), nn.Linear(width, 1)
        self.head = nn.ModuleList([joined, last])
        # Meta tensors have no values, and drawing them would make PyTorch import its compiler, which takes a second.
        if not last.weight.is_meta:
            self._start(made, last)

    def _start(self, blocks: Sequence[Block], last: nn.Linear) -> None:
        """Initialise the weights from PyTorch's generator."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                nn.init.zeros_(module.bias)
        # Residual branches start small, so that the first steps are those of a shallow network.
        for block in blocks:
            for layer in (block.joined, block.down):
                layer.weight.data.mul_(0.5)
        last.weight.data.mul_(0.3)

    def forward(self, feature: Tensor, bias: Tensor, mask: Tensor, probe: Tensor) -> Tensor:
        x = self.node(feature)
        told = None if self.probe is None else self.probe(probe).relu()
        if told is not None:
            x = x + told.unsqueeze(-2)
        for block in self.block:
            x = block(x, bias)
        x = self.norm(x)
        there = mask.unsqueeze(-1).to(x.dtype)
        mean = (x * there).sum(dim=-2) / there.sum(dim=-2)
        place = torch.arange(mask.shape[-1], device=mask.device)
        is_output = (place == mask.sum(dim=-1, keepdim=True) - 1).unsqueeze(-1).to(x.dtype)
        last = (x * is_output).sum(dim=-2)
        joined = torch.cat([mean, last] if told is None else [mean, last, told], dim=-1)
        prediction: Tensor = self.head[1](F.gelu(self.head[0](joined))).squeeze(-1)
        return prediction
