"""A small transformer whose heads attend along the relations of a directed cell, laid out for training.

There is a head for the parents of a node, one for its children, one for its ancestors and one for its descendants;
NN-Former (arXiv 2507.00880) has heads for neighbours and siblings. See `relation_network` for the forward pass.

Shapes: B cells, N nodes, F features of a node, P proxies, d the width, 4 heads of d / 4.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nassurrogate.predictors.probe_former.relation_network import NORM_EPSILON, RELATIONS, BlockPass, NetworkPass

DEEPEST = 6
"""Depths from here on count as the same."""
_FORBIDDEN = -1e9


def node_features(op: Tensor, adjacency: Tensor, depth: Tensor, mask: Tensor, n_ops: int) -> Tensor:
    """One-hot operation and depth, and logarithms of the number of readers and of inputs of each node: (B, N, F).

    Args:
        op: (B, N) numbers of operations below `n_ops`.
        adjacency: (B, N, N), entry (x, y) is how many times y adds x.
        depth: (B, N), the most operations on a path from the input.
        mask: (B, N), true for a node, false for padding.
        n_ops: number of operations, input and output included.
    """
    read = torch.stack([adjacency.sum(dim=-1), adjacency.sum(dim=-2)], dim=-1).log1p()
    parts = [F.one_hot(op, n_ops), F.one_hot(depth.clamp(max=DEEPEST), DEEPEST + 1), read]
    return torch.cat([part.float() for part in parts], dim=-1) * mask.unsqueeze(-1)


def relation_bias(adjacency: Tensor, mask: Tensor, *, masked: bool = True) -> Tensor:
    """The bias on the attention logits of each head: (B, 4, N, N), a row for each node that attends.

    It is 0 where the relation holds, and from a node to itself; the logarithm of the multiplicity where an edge counts
    more than once; elsewhere so low that the weight vanishes. Without `masked`, every node attends to all nodes.
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


class Block(BlockPass, nn.Module):
    """One block. (B, N, d), (B, 4, N, N), (B, N, N) → (B, N, d)."""

    width_dim = -1
    joined: nn.Linear
    down: nn.Linear

    def __init__(self, width: int, ffn_ratio: int) -> None:
        super().__init__()
        self.attention_norm, self.ffn_norm = nn.RMSNorm(width, NORM_EPSILON), nn.RMSNorm(width, NORM_EPSILON)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.up, self.down = nn.Linear(3 * width, ffn_ratio * width), nn.Linear(ffn_ratio * width, width)

    def attended(self, query_key_value: Tensor, bias: Tensor) -> Tensor:
        """(B, N, 3 d), (B, 4, N, N) → (B, N, d)."""
        parts = query_key_value.unflatten(-1, (3, len(RELATIONS), -1))  # type: ignore[no-untyped-call]
        query, key, value = parts.movedim(-3, 0).transpose(-2, -3)  # (B, heads, N, d / heads) each
        attention = (query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) + bias).softmax(dim=-1)
        attended: Tensor = (attention @ value).transpose(-2, -3).flatten(-2)
        return attended

    def neighbour_sums(self, x: Tensor, adjacency: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, d), (B, N, N) → (B, N, d) twice."""
        return adjacency.transpose(-1, -2) @ x, adjacency @ x


class RelationTransformer(NetworkPass, nn.Module):
    """Features (B, N, F), bias (B, 4, N, N), adjacency (B, N, N), mask (B, N) → (B, 1 + P).

    The first column is the prediction. The others are the zero-cost proxies of the cell, which a second head predicts:
    learning those of unlabelled cells teaches the blocks what a cell does.

    Args:
        n_ops: number of operations, input and output included.
        n_proxies: P.
        width: d, a multiple of 4.
        blocks: how many, one after the other.
        ffn_ratio: width of the feed-forward networks in units of d.
    """

    width_dim = -1

    def __init__(self, n_ops: int, n_proxies: int, width: int, blocks: int, ffn_ratio: int) -> None:
        super().__init__()
        self.node = nn.Linear(n_ops + DEEPEST + 3, width)
        made = [Block(width, ffn_ratio) for _ in range(blocks)]
        self.block = nn.ModuleList(made)
        self.norm = nn.RMSNorm(width, NORM_EPSILON)
        last = nn.Linear(width, 1)
        self.head = nn.ModuleList([nn.Linear(2 * width, width), last])
        self.proxies = nn.ModuleList([nn.Linear(2 * width, width), nn.Linear(width, n_proxies)] if n_proxies else [])
        # Meta tensors have no values, and initialising them would make PyTorch import its compiler: a second.
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

    @property
    def blocks(self) -> Iterator[BlockPass]:
        return iter(cast("Sequence[Block]", self.block))

    def forward(self, feature: Tensor, bias: Tensor, adjacency: Tensor, mask: Tensor) -> Tensor:
        summary = self.summary(feature, bias, adjacency, partial(_mean_and_output, mask))
        heads = [head for head in (self.head, self.proxies) if len(head)]
        return torch.cat([self.headed(summary, [*head]) for head in heads], dim=-1)


def _mean_and_output(mask: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """(B, N), (B, N, d) → the mean of the nodes that are not padding, and the last of them, (B, d) each."""
    there = mask.unsqueeze(-1).to(x.dtype)
    mean = (x * there).sum(dim=-2) / there.sum(dim=-2)
    place = torch.arange(mask.shape[-1], device=mask.device)
    is_output = (place == mask.sum(dim=-1, keepdim=True) - 1).unsqueeze(-1).to(x.dtype)
    return mean, (x * is_output).sum(dim=-2)
