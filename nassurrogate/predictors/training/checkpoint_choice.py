"""The criterion that chooses a checkpoint, where a published model selection is reproduced."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nassurrogate.prediction_quality import kendall_tau


def minus_tau(prediction: Tensor, target: Tensor) -> Tensor:
    """Negated Kendall's τ-b of each member's first view; 1 where it is constant. (M, B, V), (M, B) → (M,).

    >>> minus_tau(torch.tensor([[[1.0], [2.0]], [[2.0], [1.0]]]), torch.tensor([[90.0, 91.0]]).expand(2, 2)).tolist()
    [-1.0, 1.0]
    """
    pairs = zip(prediction[..., 0].cpu().numpy(), target.cpu().numpy(), strict=True)
    taus = np.array([kendall_tau(*pair) for pair in pairs])
    return torch.from_numpy(-np.where(np.isfinite(taus), taus, -1.0))
