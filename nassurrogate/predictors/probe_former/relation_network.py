"""The forward pass of the relation transformer, for tensors of either layout.

`relation_transformer` has the rows of a batch first, as training needs them, `relation_scoring` has them last. In both,
nodes are the last dimension but one. A layout supplies the linear maps, the norms, attention, sums over neighbours and
the readout of nodes.

Shapes: B cells, N nodes, d the width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

Map: TypeAlias = Callable[[Tensor], Tensor]
RELATIONS = ("parents", "children", "ancestors", "descendants")
"""A head of the attention for each."""
NORM_EPSILON = 1e-6


class BlockPass(ABC):
    """Attention along the relations, then a feed-forward network, each behind a norm and beside a residual.

    The feed-forward network of a node also reads the sums over its parents and over its children, as in NN-Former
    (arXiv 2507.00880).
    """

    width_dim: ClassVar[int]
    """Which dimension is the width."""
    attention_norm: Map
    query_key_value: Map
    joined: Map
    ffn_norm: Map
    up: Map
    down: Map

    @abstractmethod
    def attended(self, query_key_value: Tensor, bias: Tensor) -> Tensor:
        """Softmax attention of every head, the heads joined. `bias` is added to its logits."""

    @abstractmethod
    def neighbour_sums(self, x: Tensor, adjacency: Tensor) -> tuple[Tensor, Tensor]:
        """The sum over the parents of each node and the one over its children, of the shape of `x`."""

    def forward(self, x: Tensor, bias: Tensor, adjacency: Tensor) -> Tensor:
        """The next representation of the nodes."""
        x = x + self.joined(self.attended(self.query_key_value(self.attention_norm(x)), bias))
        normed = self.ffn_norm(x)
        read = torch.cat([normed, *self.neighbour_sums(normed, adjacency)], dim=self.width_dim)
        return x + self.down(F.gelu(self.up(read)))


class NetworkPass(ABC):
    """Features of the nodes → a summary of the cell, through the blocks, and heads that read it."""

    width_dim: ClassVar[int]
    """Which dimension is the width."""
    node: Map
    norm: Map

    @property
    @abstractmethod
    def blocks(self) -> Iterable[BlockPass]:
        """One after the other."""

    def summary(
        self, feature: Tensor, bias: Tensor, adjacency: Tensor, readout: Callable[[Tensor], Sequence[Tensor]]
    ) -> Tensor:
        """The mean of the nodes and the output node, side by side; `readout` gives the two."""
        x = self.node(feature)
        for block in self.blocks:
            x = block.forward(x, bias, adjacency)
        return torch.cat([*readout(self.norm(x))], dim=self.width_dim)

    @staticmethod
    def headed(summary: Tensor, maps: Sequence[Map]) -> Tensor:
        """What a head of two linear maps reads in the summary."""
        first, last = maps
        return last(F.gelu(first(summary)))
