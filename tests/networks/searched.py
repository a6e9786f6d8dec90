"""Networks with squeeze-and-excitation: MobileNetV3 (Howard et al., 2019) and EfficientNet-B0 (Tan and Le, 2019)."""

from __future__ import annotations

import torch
from torch import nn

from tests.networks.blocks import InvertedResidual, conv_norm

_LARGE = (
    # kernel, expanded, out, squeeze-and-excitation, Hardswish, stride
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
)
_B0 = (
    (1, 16, 1, 3, 1),
    (6, 24, 2, 3, 2),
    (6, 40, 2, 5, 2),
    (6, 80, 3, 3, 2),
    (6, 112, 3, 5, 1),
    (6, 192, 4, 5, 2),
    (6, 320, 1, 3, 1),
)
"""Expansion, width, blocks, kernel, stride of each stage."""


class _Pooled(nn.Module):
    def __init__(self, features: list[nn.Module], classifier: nn.Module) -> None:
        super().__init__()
        self.features = nn.Sequential(*features)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = classifier

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.features(x))
        return self.classifier(x.flatten(1))  # type: ignore[no-any-return]


def mobilenet_v3_large(classes: int = 1000) -> nn.Module:
    """MobileNetV3-Large of width 1: 5,483,032 parameters."""
    features: list[nn.Module] = [conv_norm(3, 16, 3, 2, activation=nn.Hardswish, norm_eps=1e-3)]
    channels = 16
    for kernel, width, out, squeezes, hard, stride in _LARGE:
        squeezed = _divisible(width / 4) if squeezes else 0
        activation = nn.Hardswish if hard else nn.ReLU
        block = InvertedResidual(channels, width, out, kernel, stride, activation, squeezed, nn.Hardsigmoid)
        features.append(block)
        channels = out
    features.append(conv_norm(channels, 960, activation=nn.Hardswish, norm_eps=1e-3))
    classifier = nn.Sequential(nn.Linear(960, 1280), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(1280, classes))
    return _Pooled(features, classifier)


def efficientnet_b0(classes: int = 1000) -> nn.Module:
    """EfficientNet-B0: 5,288,548 parameters."""
    features: list[nn.Module] = [conv_norm(3, 32, 3, 2, activation=nn.SiLU)]
    channels = 32
    for expansion, width, count, kernel, stride in _B0:
        for block in range(count):
            step = stride if block == 0 else 1
            inside = expansion * channels
            features.append(
                InvertedResidual(
                    channels, inside, width, kernel, step, nn.SiLU, channels // 4, squeeze_activation=nn.SiLU
                )
            )
            channels = width
    features.append(conv_norm(channels, 1280, activation=nn.SiLU))
    return _Pooled(features, nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes)))


def _divisible(width: float, by: int = 8) -> int:
    """The nearest multiple, but at least 90 % of the width."""
    rounded = max(by, int(width + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * width else rounded
