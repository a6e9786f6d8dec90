"""What a trained relation transformer says of many cells of one size: the same function, laid out for a CPU.

Cells are the innermost dimension, so that every step works along thousands of numbers. Laid out as in training, with
seven nodes innermost, half of the time goes into attention that no vector unit can speed up.

Shapes: B cells of N nodes, F features of a node, P probes, d the width, h heads, k = d / h.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from nassurrogate.predictors.probe_former.relation_transformer import NORM_EPSILON, RELATIONS

_Layer: TypeAlias = tuple[Tensor, Tensor]
"""Weights (out, in) and a bias (out, 1)."""


class RelationScorer:
    """A `RelationTransformer` with fixed weights.

    Args:
        weights: of its parameters, by name.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._weights = weights
        self._node = self._layer("node")
        self._probe = self._layer("probe") if "probe.weight" in weights else None
        n_blocks = len({name.split(".")[1] for name in weights if name.startswith("block.")})
        self._blocks = [self._block(f"block.{number}") for number in range(n_blocks)]
        self._scale = weights["norm.scale"][:, None]
        self._head = self._layer("head.0"), self._layer("head.1")

    def _layer(self, name: str, norm: str = "") -> _Layer:
        """A linear layer, with the scale of the norm before it."""
        weight = self._weights[f"{name}.weight"]
        return weight * self._weights[f"{norm}.scale"] if norm else weight, self._weights[f"{name}.bias"][:, None]

    def _block(self, name: str) -> tuple[_Layer, _Layer, _Layer, _Layer]:
        weight, bias = self._layer(f"{name}.query_key_value", f"{name}.attention_norm")
        width = weight.shape[1]
        # Attention is divided by √k: so are the queries.
        share = torch.ones_like(bias)
        share[:width] = (width / len(RELATIONS)) ** -0.5
        up = self._layer(f"{name}.up", f"{name}.ffn_norm")
        return (weight * share, bias * share), self._layer(f"{name}.joined"), up, self._layer(f"{name}.down")

    def __call__(self, feature: Tensor, bias: Tensor, probe: Tensor) -> Tensor:
        """(B,) predictions.

        Args:
            feature: (F, N, B), see `node_features`.
            bias: (h, N, N, B), see `relation_bias`.
            probe: (P, B).
        """
        x = _linear(self._node, feature)
        told = None if self._probe is None else _linear(self._probe, probe).relu()
        if told is not None:
            x += told[:, None]
        for query_key_value, joined, up, down in self._blocks:
            x += _linear(joined, _attended(_linear(query_key_value, _normed(x)), bias))
            x += _linear(down, F.gelu(_linear(up, _normed(x))))
        x = _normed(x)
        parts = [x.mean(dim=1) * self._scale, x[:, -1] * self._scale]
        first, last = self._head
        joint = torch.cat(parts if told is None else [*parts, told])
        return _linear(last, F.gelu(_linear(first, joint)))[0]


def _linear(layer: _Layer, x: Tensor) -> Tensor:
    """(in, …) → (out, …)."""
    weight, bias = layer
    return torch.addmm(bias, weight, x.flatten(1)).view(-1, *x.shape[1:])


def _normed(x: Tensor) -> Tensor:
    """x / √mean(x²) along the first dimension."""
    return x * torch.rsqrt(x.square().mean(dim=0) + NORM_EPSILON)


def _attended(query_key_value: Tensor, bias: Tensor) -> Tensor:
    """(3 d, N, B), (h, N, N, B) → (d, N, B)."""
    query, key, value = query_key_value.view(3, len(RELATIONS), -1, *query_key_value.shape[1:])  # (h, k, N, B) each
    attention = (query.unsqueeze(3) * key.unsqueeze(2)).sum(dim=1)
    attention = attention.add_(bias).softmax(dim=2)
    attended: Tensor = (attention.unsqueeze(1) * value.unsqueeze(2)).sum(dim=3).flatten(0, 1)
    return attended
