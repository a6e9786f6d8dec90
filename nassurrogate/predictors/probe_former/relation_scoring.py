"""The relation transformer laid out for scoring many cells of one size on a CPU.

Cells are the innermost dimension, so that every step works along hundreds of numbers. In the layout of training, with
seven nodes innermost, half of the time goes into attention that no vector unit can speed up. Both layouts run the
forward pass of `relation_network`.

Shapes: B cells of N nodes, F features of a node, d the width, h heads, k = d / h.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nassurrogate.predictors.probe_former.relation_network import NORM_EPSILON, RELATIONS, BlockPass, Map, NetworkPass


class RelationScorer(NetworkPass):
    """A `RelationTransformer` with fixed weights.

    Args:
        weights: its parameters, by name.
    """

    width_dim = 0

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self.node = _Linear(weights, "node")
        n_blocks = len({name.split(".")[1] for name in weights if name.startswith("block.")})
        self._blocks = [_Block(weights, f"block.{number}") for number in range(n_blocks)]
        self.norm: Map = _normed
        self._scale = weights["norm.weight"][:, None]
        self._head = _Linear(weights, "head.0"), _Linear(weights, "head.1")

    @property
    def blocks(self) -> list[BlockPass]:
        return [*self._blocks]

    def __call__(self, feature: Tensor, bias: Tensor, adjacency: Tensor) -> Tensor:
        """(B,) predictions.

        Args:
            feature: (F, N, B), see `node_features`.
            bias: (h, N, N, B), see `relation_bias`.
            adjacency: (N, N, B).
        """
        return self.headed(self.summary(feature, bias, adjacency, self._mean_and_output), self._head).squeeze(0)

    def _mean_and_output(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.mean(dim=1) * self._scale, x[:, -1] * self._scale


class _Block(BlockPass):
    """One block; the scales of its norms are multiplied into the weights behind them."""

    width_dim = 0

    def __init__(self, weights: Mapping[str, Tensor], name: str) -> None:
        self.attention_norm: Map = _normed
        self.query_key_value = _Linear(weights, f"{name}.query_key_value", norm=f"{name}.attention_norm")
        self.query_key_value.divide_queries()
        self.joined = _Linear(weights, f"{name}.joined")
        self.ffn_norm: Map = _normed
        self.up = _Linear(weights, f"{name}.up", norm=f"{name}.ffn_norm")
        self.down = _Linear(weights, f"{name}.down")

    def attended(self, query_key_value: Tensor, bias: Tensor) -> Tensor:
        """(3 d, N, B), (h, N, N, B) → (d, N, B)."""
        query, key, value = query_key_value.view(3, len(RELATIONS), -1, *query_key_value.shape[1:])  # (h, k, N, B) each
        # Sums are accumulated term by term: all products at once would not fit in a core's cache.
        attention = bias.clone()
        for place in range(query.shape[1]):
            attention.addcmul_(query[:, place, :, None], key[:, place, None])
        attention = attention.softmax(dim=2)
        attended = torch.zeros_like(value)
        for node in range(value.shape[2]):
            attended.addcmul_(attention[:, None, :, node], value[:, :, node, None])
        return attended.flatten(0, 1)

    def neighbour_sums(self, x: Tensor, adjacency: Tensor) -> tuple[Tensor, Tensor]:
        """(d, N, B), (N, N, B) → (d, N, B) twice. Nodes stand in topological order."""
        of_parents, of_children = torch.zeros_like(x), torch.zeros_like(x)
        for node in range(x.shape[1]):
            of_parents[:, node + 1 :].addcmul_(x[:, node, None], adjacency[node, node + 1 :])
            of_children[:, :node].addcmul_(x[:, node, None], adjacency[:node, node])
        return of_parents, of_children


class _Linear:
    """(in, …) → (out, …)."""

    def __init__(self, weights: Mapping[str, Tensor], name: str, *, norm: str = "") -> None:
        weight = weights[f"{name}.weight"]
        if norm:  # the sums over neighbours are behind the norm too
            scale = weights[f"{norm}.weight"]
            weight = weight * scale.repeat(weight.shape[1] // len(scale))
        self._weight = weight
        self._bias = weights[f"{name}.bias"][:, None]

    def divide_queries(self) -> None:
        """Divide the queries by √k, as attention divides its logits."""
        width = self._weight.shape[1]
        share = torch.ones_like(self._bias)
        share[:width] = (width / len(RELATIONS)) ** -0.5
        self._weight, self._bias = self._weight * share, self._bias * share

    def __call__(self, x: Tensor) -> Tensor:
        return torch.addmm(self._bias, self._weight, x.flatten(1)).view(-1, *x.shape[1:])


def _normed(x: Tensor) -> Tensor:
    """x / √mean(x²) along the first dimension."""
    return x * torch.rsqrt(x.square().mean(dim=0) + NORM_EPSILON)
