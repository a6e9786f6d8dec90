"""The forward pass of the relation transformer, for tensors of either layout.

`relation_transformer` has the rows of a batch first, as training needs them, `relation_scoring` has them last. In both,
nodes are the last dimension but one. A layout supplies the linear maps, the norms, attention and the readout of nodes.

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
    """Attention along the relations, then a feed-forward network, each behind a norm and beside a residual."""

    attention_norm: Map
    query_key_value: Map
    joined: Map
    ffn_norm: Map
    up: Map
    down: Map

    @abstractmethod
    def attended(self, query_key_value: Tensor, bias: Tensor) -> Tensor:
        """Softmax attention of every head, the heads joined. `bias` is added to its logits."""

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """The next representation of the nodes."""
        x = x + self.joined(self.attended(self.query_key_value(self.attention_norm(x)), bias))
        return x + self.down(F.gelu(self.up(self.ffn_norm(x))))


class NetworkPass(ABC):
    """Features of the nodes and probes of the cell → predictions, through the blocks.

    The probes are added to every node, and are read again beside the mean of the nodes and the output node.
    """

    width_dim: ClassVar[int]
    """Which dimension is the width."""
    node: Map
    probe: Map | None
    norm: Map

    @property
    @abstractmethod
    def blocks(self) -> Iterable[BlockPass]:
        """One after the other."""

    @property
    @abstractmethod
    def head_maps(self) -> tuple[Map, Map]:
        """The two linear maps of the readout."""

    def predicted(
        self, feature: Tensor, bias: Tensor, probe: Tensor, readout: Callable[[Tensor], Sequence[Tensor]]
    ) -> Tensor:
        """(B,) predictions; `readout` gives the mean of the nodes and the output node."""
        x = self.node(feature)
        summary = None if self.probe is None else self.probe(probe).relu()
        if summary is not None:
            x = x + summary.unsqueeze(-2)
        for block in self.blocks:
            x = block.forward(x, bias)
        parts = [*readout(self.norm(x)), *([] if summary is None else [summary])]
        first, last = self.head_maps
        return last(F.gelu(first(torch.cat(parts, dim=self.width_dim)))).squeeze(self.width_dim)
