"""The layers of NAR-Former V2, and its code of numbers."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

_SHORT = 128
"""Rows up to this length are normalised faster by `LayerNorm`'s own formula, on a GPU."""


def identity_code(numbers: Tensor, width: int) -> Tensor:
    """(…) whole numbers → (…, width): sin and cos of π·x·(1 + k/K), k = 0 … K, K = width / 2 − 1, interleaved.

    The released code has width 64 and the frequencies linspace(1, 2³¹, 32). Modulo full turns they are the same, but
    these avoid the rounding noise of phases of 10¹⁰ in single precision.
    """
    n_frequencies = width // 2
    steps = torch.arange(n_frequencies, device=numbers.device, dtype=torch.float64) / (n_frequencies - 1)
    frequency = torch.pi * (1 + steps)
    phase = numbers.to(torch.float64)[..., None] * frequency
    return torch.stack([phase.sin(), phase.cos()], dim=-1).flatten(-2).float()


class Linear(nn.Linear):
    """Linear layer with the paper's initialisation: weight uniform in ±1/√fan_in, bias in ±1/√fan_out."""

    def reset_parameters(self) -> None:
        nn.init.uniform_(self.weight, -1 / math.sqrt(self.in_features), 1 / math.sqrt(self.in_features))
        if self.bias is not None:
            nn.init.uniform_(self.bias, -1 / math.sqrt(self.out_features), 1 / math.sqrt(self.out_features))


class LayerNorm(nn.LayerNorm):
    """Layer norm over the last dimension. Short rows that a GPU scores take a few passes over all of them.

    PyTorch starts a block of threads for each row, which takes longer than the rest of a narrow network. The results
    differ in their last digits.
    """

    def forward(self, x: Tensor) -> Tensor:
        width = x.shape[-1]
        if not x.is_cuda or torch.is_grad_enabled() or width > _SHORT:
            return super().forward(x)
        centred = x - x.mean(dim=-1, keepdim=True)
        # The norm adds up the squares without storing them.
        variance = torch.linalg.vector_norm(centred, dim=-1, keepdim=True).square() / width
        return torch.addcmul(self.bias, centred * (variance + self.eps).rsqrt(), self.weight)


class GroupedLinear(nn.Module):
    """(…, groups·in) → (…, groups·out): one map per group, then layer norm in each group with a shared affine."""

    def __init__(self, groups: int, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(groups, fan_in, fan_out))
        self.bias = nn.Parameter(torch.zeros(groups, 1, fan_out))
        self.group_norm = LayerNorm(fan_out)
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        split = torch.unflatten(x, -1, (self.weight.shape[0], self.weight.shape[1]))
        mapped = torch.einsum("...gi,gio->...go", split, self.weight) + self.bias.squeeze(1)
        return cast(Tensor, self.group_norm(mapped)).flatten(-2)
