"""The networks of NAS-Bench-Macro in PyTorch; their structure is described in `macro.space`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from nassurrogate.spaces.macro.costs import BLOCKS, HEAD_CHANNELS, IDENTITY, LAYERS, N_LABELS, STEM_CHANNELS, Layer


def build_macro(choices: Sequence[str]) -> nn.Module:
    """The network of eight choices, freshly initialised: (B, 3, 32, 32) → (B, 10)."""
    return nn.Sequential(
        *_convolution(3, STEM_CHANNELS, 3, relu=True),
        *(_layer(layer, choice) for layer, choice in zip(LAYERS, choices, strict=True)),
        *_convolution(LAYERS[-1].channels_out, HEAD_CHANNELS, 1, relu=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(HEAD_CHANNELS, N_LABELS),
    )


def _layer(layer: Layer, choice: str) -> nn.Module:
    channels_in, channels_out, stride, _ = layer
    if choice == IDENTITY:
        return (
            nn.Identity() if stride == 1 else nn.Sequential(*_convolution(channels_in, channels_out, 1, stride=stride))
        )
    kernel, expansion = BLOCKS[choice]
    hidden = expansion * channels_in
    block = nn.Sequential(
        *_convolution(channels_in, hidden, 1, relu=True),
        *_convolution(hidden, hidden, kernel, stride=stride, groups=hidden, relu=True),
        *_convolution(hidden, channels_out, 1),
    )
    return Residual(block) if stride == 1 else block


def _convolution(
    channels_in: int, channels_out: int, kernel: int, *, stride: int = 1, groups: int = 1, relu: bool = False
) -> list[nn.Module]:
    convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(channels_out), *([nn.ReLU(inplace=True)] if relu else [])]


class Residual(nn.Module):
    """Adds a block's output to its input, (B, C, H, W) both."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.block(x)
        return out
