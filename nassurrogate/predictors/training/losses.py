"""Losses of accuracy predictors. Shapes: M members, B labels per batch, V views of each cell."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def rank_loss(prediction: Tensor, target: Tensor, *, pairwise: float = 1.0) -> Tensor:
    """Squared error plus `pairwise` times `pairwise_logistic`, the mean over the views. (M, B, V), (M, B) → (M,)."""
    by_view = prediction.movedim(-1, 1)  # (M, V, B)
    wanted = target.unsqueeze(1).expand_as(by_view)
    error = (by_view - wanted).square().mean(dim=-1)
    return (error + pairwise * pairwise_logistic(by_view, wanted)).mean(dim=-1)


def pairwise_logistic(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean over the pairs with yᵢ > yⱼ of log(1 + exp(−(ŷᵢ − ŷⱼ))); 0 without such a pair. (…, B), (…, B) → (…)."""
    above = (target.unsqueeze(-1) > target.unsqueeze(-2)).to(prediction.dtype)
    margin = prediction.unsqueeze(-1) - prediction.unsqueeze(-2)
    return (F.softplus(-margin) * above).sum(dim=(-1, -2)) / above.sum(dim=(-1, -2)).clamp(min=1)


def relative_loss(prediction: Tensor, target: Tensor, *, ranking: float = 0.1, consistency: float = 0.5) -> Tensor:
    """NAR-Former V2's loss (arXiv 2306.10792, section 3.4). (M, B, V), (M, B) → (M,).

    The mean of (ŷ/y − 1)²; plus `ranking` times `sequence_ranking`; plus `consistency` times `inconsistency`.
    """
    error = (prediction / target.unsqueeze(-1) - 1).square().mean(dim=(-1, -2))
    return error + ranking * sequence_ranking(prediction, target) + consistency * inconsistency(prediction)


def squared_loss(prediction: Tensor, target: Tensor, *, ranking: float = 0.1, consistency: float = 0.5) -> Tensor:
    """NAR-Former's loss (arXiv 2211.08024): `relative_loss`, its first term the mean of (ŷ − y)². (M, B, V) → (M,)."""
    error = (prediction - target.unsqueeze(-1)).square().mean(dim=(-1, -2))
    return error + ranking * sequence_ranking(prediction, target) + consistency * inconsistency(prediction)


def absolute_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of |ŷ − y|. (M, B, V), (M, B) → (M,)."""
    return (prediction - target.unsqueeze(-1)).abs().mean(dim=(-1, -2))


def sequence_ranking(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of |(ŷᵢ − ŷ_π(i)) − (yᵢ − y_π(i))| for a random permutation π of the batch. (M, B, V), (M, B) → (M,)."""
    wanted = target.unsqueeze(-1)
    order = _random_order(target.shape[-1], target.device)
    gap = (prediction - prediction.index_select(1, order)) - (wanted - wanted.index_select(1, order))
    return gap.abs().mean(dim=(-1, -2))


def inconsistency(prediction: Tensor) -> Tensor:
    """Mean difference between a cell and its relabellings, 0 if it has none. (M, B, V) → (M,)."""
    drift = prediction[..., 1:] - prediction[..., :1]
    return drift.abs().mean(dim=(-1, -2)) if drift.shape[-1] else torch.zeros_like(prediction[:, 0, 0])


def _random_order(n: int, device: torch.device) -> Tensor:
    """(n,) a random permutation; on a GPU by sorting, which a CUDA graph can capture."""
    return torch.randperm(n) if device.type == "cpu" else torch.rand(n, device=device).argsort()
