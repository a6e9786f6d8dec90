"""ShuffleNetV2 of width 1 (Ma et al., 2018): 2,278,604 parameters."""

from __future__ import annotations

import torch
from torch import nn

from tests.networks.blocks import conv_norm


class _Unit(nn.Module):
    """Half of the channels pass by, or all at stride 2; then the two halves are interleaved."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        half = out // 2
        self.splits = stride == 1
        self.left = nn.Sequential()
        if not self.splits:
            self.left = nn.Sequential(
                conv_norm(channels, channels, 3, stride, groups=channels, activation=None), conv_norm(channels, half)
            )
        self.right = nn.Sequential(
            conv_norm(half if self.splits else channels, half),
            conv_norm(half, half, 3, stride, groups=half, activation=None),
            conv_norm(half, half),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.splits:
            left, right = x.chunk(2, dim=1)
            return _shuffled(torch.cat((left, self.right(right)), dim=1))
        return _shuffled(torch.cat((self.left(x), self.right(x)), dim=1))


def _shuffled(x: torch.Tensor) -> torch.Tensor:
    batch, channels, height, width = x.size()
    x = x.view(batch, 2, channels // 2, height, width)
    return torch.transpose(x, 1, 2).contiguous().view(batch, channels, height, width)


class ShuffleNetV2(nn.Module):
    """A stem, three stages of units, and a classifier on the mean over the image."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_norm(3, 24, 3, 2), nn.MaxPool2d(3, 2, 1))
        units: list[nn.Module] = []
        channels = 24
        for width, count in ((116, 4), (232, 8), (464, 4)):
            for unit in range(count):
                units.append(_Unit(channels, width, 2 if unit == 0 else 1))
                channels = width
        self.stages = nn.Sequential(*units, conv_norm(channels, 1024))
        self.classifier = nn.Linear(1024, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.stages(self.stem(x)).mean([2, 3]))  # type: ignore[no-any-return]


def shufflenet_v2() -> nn.Module:
    """ShuffleNetV2 for 1,000 classes."""
    return ShuffleNetV2()
