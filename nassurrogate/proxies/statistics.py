"""Statistics of the activations and gradients of untrained networks, one number per network.

Shapes: n images, G networks, C channels, H the image's side, D inputs of a network.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_TINY = 1e-12
"""Keeps logarithms finite for cells with no path from input to output."""
_PATTERN_RIDGE = 1e-4
_JACOBIAN_RIDGE = 1e-5


def log_size(x: Tensor) -> Tensor:
    """The logarithm of non-negative numbers; finite at 0.

    >>> round(float(log_size(torch.tensor(0.0))), 1)
    -27.6
    """
    return (x.double() + _TINY).log()


def activation_statistics(x: Tensor) -> list[Tensor]:
    """Five statistics of activations (n, G, C, H, H), (G,) float64 each: see `names.ACTIVATION_NAMES`.

    The mean of every channel is subtracted first. Pooling is over the whole image. The cosines are means over the pairs
    of different images.
    """
    x = x - x.mean((0, 3, 4), keepdim=True)
    variance = x.square().mean((0, 2, 3, 4)).double() + _TINY
    neighbours = (x[..., 1:] * x[..., :-1]).mean((0, 2, 3, 4)).double() / variance
    pooled = x.mean((3, 4)).square().mean((0, 2)).double() / variance
    flat = F.normalize(x.transpose(0, 1).flatten(2), dim=2)
    cosines = (flat @ flat.transpose(1, 2)).double()
    n = cosines.shape[1]
    apart = cosines * (1 - torch.eye(n, dtype=torch.float64, device=x.device))
    pairs = n * (n - 1)
    return [variance.log(), neighbours, pooled, apart.sum((1, 2)) / pairs, apart.abs().sum((1, 2)) / pairs]


def pattern_kernel(x: Tensor) -> Tensor:
    """(G,) float64: log-determinant of the share of units (n, G, C, H, H) in the same state for each pair of images.

    Mellor et al. (arXiv 2006.04647, section 3) use all layers and no ridge.
    """
    on = (x > 0).transpose(0, 1).flatten(2).float()
    same = (on @ on.transpose(1, 2) + (1 - on) @ (1 - on).transpose(1, 2)).double() / on.shape[2]
    ridge = _PATTERN_RIDGE * torch.eye(same.shape[1], dtype=torch.float64, device=x.device)
    determinant: Tensor = torch.linalg.slogdet(same + ridge).logabsdet
    return determinant


def jacobian_covariance(jacobian: Tensor) -> Tensor:
    """(G,) float64: how dissimilar the gradients at different images (G, n, D) are.

    −Σ (log e + 1/e) over the eigenvalues e of their correlation matrix, as in the first version of Mellor et al. (arXiv
    2006.04647v1, section 3), called jacob_cov by Abdelfattah et al. (arXiv 2101.08134).
    """
    apart = F.normalize(jacobian - jacobian.mean(2, keepdim=True), dim=2)
    correlation = apart @ apart.transpose(1, 2)
    ridge = _JACOBIAN_RIDGE * torch.eye(correlation.shape[1], dtype=torch.float64, device=jacobian.device)
    values: Tensor = torch.linalg.eigvalsh(correlation + ridge).clamp(min=_JACOBIAN_RIDGE)
    return -(values.log() + 1 / values).sum(1)
