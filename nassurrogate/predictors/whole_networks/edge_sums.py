"""Sums along the edges of graphs, exact, without padding, in memory that grows with the edges, and deterministic.

Attention runs along edges only, so its matrix has one entry per edge. Nodes of all graphs of a batch are concatenated;
an edge joins two nodes of one graph. Every sum runs over consecutive rows by `embedding_bag`, forward and backward:
it never adds atomically, so that on a GPU, too, equal inputs give equal sums. For the backward pass an edge knows the
edge that runs the other way.

Shapes: N nodes, E edges (every edge in both directions), G graphs, d the width.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional as F


class Edges(NamedTuple):
    """The edges of an undirected graph, each in both directions, sorted by target.

    Attributes:
        source, target: (E,) int64, nodes.
        first: (N + 1,) int64, the first edge of each target, and E.
        reverse: (E,) int64, the edge from `target` to `source`.
    """

    source: Tensor
    target: Tensor
    first: Tensor
    reverse: Tensor


def neighbour_sum(weight: Tensor, x: Tensor, edges: Edges) -> Tensor:
    """For each node, the sum of its neighbours' rows times the weights of the edges. (E,), (N, d) → (N, d)."""
    return cast(Tensor, _NeighbourSum.apply(weight, x, *edges))  # type: ignore[no-untyped-call]


def self_products(x: Tensor, edges: Edges) -> Tensor:
    """For each edge, the scalar product of its ends. (N, d) → (E,)."""
    return cast(Tensor, _SelfProducts.apply(x, *edges))  # type: ignore[no-untyped-call]


def graph_sum(x: Tensor, first: Tensor, graph: Tensor) -> Tensor:
    """The sum of the nodes of each graph. (N, d) → (G, d).

    Args:
        x: rows of the nodes.
        first: (G + 1,) int64, the first node of each graph, and N.
        graph: (N,) int64, the graph of each node.
    """
    return cast(Tensor, _GraphSum.apply(x, first, graph))  # type: ignore[no-untyped-call]


def _bag_sums(rows: Tensor, x: Tensor, first: Tensor, weight: Tensor | None = None) -> Tensor:
    return F.embedding_bag(rows, x, first, mode="sum", per_sample_weights=weight, include_last_offset=True)


class _NeighbourSum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, x: Tensor, source: Tensor, target: Tensor, first: Tensor, reverse: Tensor
    ) -> Tensor:
        ctx.save_for_backward(weight, x, source, target, first, reverse)
        return _bag_sums(source, x, first, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weight, x, source, target, first, reverse = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        of_weight = (gradient[target] * x[source]).sum(dim=-1) if ctx.needs_input_grad[0] else None
        of_x = _bag_sums(source, gradient, first, weight[reverse]) if ctx.needs_input_grad[1] else None
        return of_weight, of_x, None, None, None, None


class _SelfProducts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, source: Tensor, target: Tensor, first: Tensor, reverse: Tensor) -> Tensor:
        ctx.save_for_backward(x, source, first, reverse)
        return (x[target] * x[source]).sum(dim=-1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, source, first, reverse = ctx.saved_tensors
        (gradient,) = gradients
        return _bag_sums(source, x, first, gradient + gradient[reverse]), None, None, None, None


class _GraphSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, first: Tensor, graph: Tensor) -> Tensor:
        ctx.save_for_backward(graph)
        return _bag_sums(torch.arange(len(x), device=x.device), x.contiguous(), first)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (graph,) = ctx.saved_tensors
        return gradients[0][graph], None, None
