"""Which checkpoint of a training is kept: early stopping, and the criterion of published model selections."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nassurrogate.prediction_quality import kendall_tau


class EarlyStopping:
    """Keeps the best weights of each of M members, and stops once none has improved for `patience` epochs.

    Args:
        patience: epochs.
        members: M.
        device: where the weights live.

    `checkpoint` holds the best weights by name, (M, …) each; empty before the first epoch.
    """

    def __init__(self, patience: int, members: int, device: torch.device) -> None:
        self.patience = patience
        self.lowest = torch.full((members,), torch.inf, device=device)
        self.checkpoint: dict[str, Tensor] = {}
        self.waited = 0

    def should_stop(self, losses: Tensor, weights: dict[str, Tensor]) -> bool:
        """Compare an epoch's (M,) held-out losses with the lowest so far, and keep the weights that improved."""
        losses = losses.to(self.lowest.device)
        better = losses < self.lowest
        any_better = bool(better.any())
        if not self.checkpoint:
            self.checkpoint = {name: value.detach().clone() for name, value in weights.items()}
        elif any_better:
            for name, value in weights.items():
                chosen = better.view(-1, *(1 for _ in value.shape[1:]))
                self.checkpoint[name] = torch.where(chosen, value.detach(), self.checkpoint[name])
        self.lowest = torch.where(better, losses, self.lowest)
        self.waited = 0 if any_better else self.waited + 1
        return self.waited >= self.patience


def minus_tau(prediction: Tensor, target: Tensor) -> Tensor:
    """Negated Kendall's τ-b of each member's first view; 1 where it is constant. (M, B, V), (M, B) → (M,).

    >>> minus_tau(torch.tensor([[[1.0], [2.0]], [[2.0], [1.0]]]), torch.tensor([[90.0, 91.0]]).expand(2, 2)).tolist()
    [-1.0, 1.0]
    """
    pairs = zip(prediction[..., 0].cpu().numpy(), target.cpu().numpy(), strict=True)
    taus = np.array([kendall_tau(*pair) for pair in pairs])
    return torch.from_numpy(-np.where(np.isfinite(taus), taus, -1.0))
