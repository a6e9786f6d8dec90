"""MobileNetV2 (Sandler et al., 2018) and MnasNet-B1 (Tan et al., 2019)."""

from __future__ import annotations

import torch
from torch import nn

from tests.networks.blocks import InvertedResidual, conv_norm


class _Mobile(nn.Module):
    """Features, the mean over the image in functional form, and a linear classifier."""

    def __init__(self, features: list[nn.Module], channels: int, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(channels, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).mean([2, 3]))  # type: ignore[no-any-return]


def mobilenet_v2(classes: int = 1000) -> nn.Module:
    """MobileNetV2 of width 1: 3,504,872 parameters."""
    stages = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    features: list[nn.Module] = [conv_norm(3, 32, 3, 2, activation=nn.ReLU6)]
    channels = 32
    for expansion, width, count, stride in stages:
        for block in range(count):
            step = stride if block == 0 else 1
            features.append(InvertedResidual(channels, expansion * channels, width, 3, step, nn.ReLU6))
            channels = width
    return _Mobile([*features, conv_norm(channels, 1280, activation=nn.ReLU6)], 1280, classes)


def mnasnet(classes: int = 1000) -> nn.Module:
    """MnasNet-B1 of depth multiplier 1: 4,383,312 parameters."""
    stages = [
        (3, 24, 3, 3, 2),
        (3, 40, 3, 5, 2),
        (6, 80, 3, 5, 2),
        (6, 96, 2, 3, 1),
        (6, 192, 4, 5, 2),
        (6, 320, 1, 3, 1),
    ]
    features: list[nn.Module] = [conv_norm(3, 32, 3, 2), conv_norm(32, 32, 3, groups=32)]
    features.append(conv_norm(32, 16, activation=None))
    channels = 16
    for expansion, width, count, kernel, stride in stages:
        for block in range(count):
            step = stride if block == 0 else 1
            features.append(InvertedResidual(channels, expansion * channels, width, kernel, step, nn.ReLU))
            channels = width
    return _Mobile([*features, conv_norm(channels, 1280)], 1280, classes)
