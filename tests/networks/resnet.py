"""ResNet (He et al., 2016), with the stride in the 3x3 convolution."""

from __future__ import annotations

import torch
from torch import nn

from tests.networks.blocks import conv_norm


class _Block(nn.Module):
    """A residual block: two 3x3 convolutions, or a bottleneck of 1x1, 3x3 and 1x1."""

    def __init__(self, channels: int, width: int, stride: int, *, bottleneck: bool) -> None:
        super().__init__()
        out = 4 * width if bottleneck else width
        if bottleneck:
            body = [
                conv_norm(channels, width),
                conv_norm(width, width, 3, stride),
                conv_norm(width, out, activation=None),
            ]
        else:
            body = [conv_norm(channels, width, 3, stride), conv_norm(width, out, 3, activation=None)]
        self.body = nn.Sequential(*body)
        same = stride == 1 and channels == out
        self.shortcut = nn.Identity() if same else conv_norm(channels, out, 1, stride, activation=None)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.body(x)
        out += self.shortcut(x)
        return self.relu(out)  # type: ignore[no-any-return]


class ResNet(nn.Module):
    """A stem, four stages of residual blocks, and a linear classifier."""

    def __init__(self, blocks: tuple[int, ...], *, bottleneck: bool, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_norm(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1))
        stages: list[nn.Module] = []
        channels = 64
        for stage, count in enumerate(blocks):
            width = 64 * 2**stage
            for block in range(count):
                stride = 2 if block == 0 and stage > 0 else 1
                stages.append(_Block(channels, width, stride, bottleneck=bottleneck))
                channels = 4 * width if bottleneck else width
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.stages(self.stem(x)))
        return self.classifier(torch.flatten(x, 1))  # type: ignore[no-any-return]


def resnet18() -> nn.Module:
    """ResNet-18: 11,689,512 parameters."""
    return ResNet((2, 2, 2, 2), bottleneck=False)


def resnet50() -> nn.Module:
    """ResNet-50: 25,557,032 parameters."""
    return ResNet((3, 4, 6, 3), bottleneck=True)
