"""A convolution of many networks with one shared filter, whose gradient is separate for each network.

Shapes: n images, G networks, C and ci channels out and in, k the filter's side, H the image's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def shared_convolution(x: Tensor, weights: Tensor) -> Tensor:
    """The zero-padded convolution of (n, G, ci, H, H) with G equal filters (G, C, ci, k, k): (n, G, C, H, H).

    As the filters are equal, it is one convolution of G·n images, without copies of patches; each filter still has its
    own gradient. The caller ensures that they are equal: only the first is read.

    >>> x = torch.ones(1, 2, 1, 4, 4)
    >>> weights = torch.ones(1, 1, 3, 3).expand(2, 1, 1, 3, 3).requires_grad_()
    >>> shared_convolution(x, weights)[0, 0, 0, 1].tolist()
    [6.0, 9.0, 9.0, 6.0]
    """
    result: Tensor = _Convolution.apply(x, weights)  # type: ignore[no-untyped-call]
    return result


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(x, weights)
        result = F.conv2d(x.flatten(0, 1), weights[0], padding=weights.shape[-1] // 2)
        return result.view(*x.shape[:2], *result.shape[1:])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        x, weights = ctx.saved_tensors
        back, kernel = gradients[0], weights.shape[-1]
        to_x = F.conv_transpose2d(back.flatten(0, 1), weights[0], padding=kernel // 2).view_as(x)
        return to_x, _weight_gradients(x, back, kernel)


def _weight_gradients(x: Tensor, back: Tensor, kernel: int) -> Tensor:
    """(G, C, ci, k, k) gradients of the filters from those of the result, (n, G, C, H, H), and (n, G, ci, H, H) images.

    With rows padded to one width, a shift of the image is a shift of its flat pixels: k² products without copies.
    """
    width = x.shape[-1] + kernel - 1
    flat = F.pad(x, [kernel // 2] * 4).flatten(3)
    rows = F.pad(back, (0, kernel - 1)).flatten(3)[..., : back.shape[-2] * width - kernel + 1]
    starts = [row * width + column for row in range(kernel) for column in range(kernel)]
    products = [(rows @ flat[..., start : start + rows.shape[-1]].mT).sum(0) for start in starts]
    return torch.stack(products, dim=-1).view(*products[0].shape, kernel, kernel)
