"""The networks of NAS-Bench-Macro in PyTorch; their structure is described in `macro.space`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from nassurrogate.spaces.macro.costs import BLOCKS, HEAD_CHANNELS, IDENTITY, LAYERS, STEM_CHANNELS
from nassurrogate.spaces.network_sizes import check_network_sizes


class MacroNetwork(nn.Module):
    """The network of eight choices: (B, 3, H, W) images → (B, `n_labels`) logits.

    Args:
        choices: of the layers.
        n_labels: number of classes.
        width: channels of the stem; all others are in proportion.

    Raises `InputError` for sizes that are too small.
    """

    def __init__(self, choices: Sequence[str], *, n_labels: int, width: int) -> None:
        check_network_sizes("macro", n_labels=n_labels, width=width)
        super().__init__()
        head, last = _scaled(HEAD_CHANNELS, width), _scaled(LAYERS[-1].channels_out, width)
        self.stem = nn.Sequential(*_convolution(3, width, 3, relu=True))
        self.layers = nn.Sequential(
            *(
                _layer(choice, _scaled(layer.channels_in, width), _scaled(layer.channels_out, width), layer.stride)
                for layer, choice in zip(LAYERS, choices, strict=True)
            )
        )
        self.head = nn.Sequential(
            *_convolution(last, head, 1, relu=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(head, n_labels)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.layers(self.stem(x)))
        return logits


class Residual(nn.Module):
    """Adds a block's output to its input, (B, C, H, W) both."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.block(x)
        return out


def _scaled(channels: int, width: int) -> int:
    return channels * width // STEM_CHANNELS


def _layer(choice: str, channels_in: int, channels_out: int, stride: int) -> nn.Module:
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
