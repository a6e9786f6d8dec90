"""Layers that several networks share."""

from __future__ import annotations

import torch
from torch import nn


def conv_norm(
    channels: int,
    width: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    activation: type[nn.Module] | None = nn.ReLU,
    norm_eps: float = 1e-5,
) -> nn.Sequential:
    """A convolution without bias that keeps the size at stride 1, its batch norm, and an activation if any."""
    conv = nn.Conv2d(channels, width, kernel, stride, padding=(kernel - 1) // 2, groups=groups, bias=False)
    layers: list[nn.Module] = [conv, nn.BatchNorm2d(width, eps=norm_eps)]
    if activation is not None:
        layers.append(activation())
    return nn.Sequential(*layers)


class SqueezeExcitation(nn.Module):
    """Channel attention of Hu et al. (2018), with 1x1 convolutions."""

    def __init__(self, channels: int, squeezed: int, activation: type[nn.Module], gate: type[nn.Module]) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.activation = activation()
        self.excite = nn.Conv2d(squeezed, channels, 1)
        self.gate = gate()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale: torch.Tensor = self.gate(self.excite(self.activation(self.squeeze(self.pool(x)))))
        return x * scale


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expand, filter each channel, project, with a shortcut where the shape allows.

    Args:
        squeezed: channels inside the squeeze-and-excitation; 0 for none.
        gate: the last activation of the squeeze-and-excitation.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        out: int,
        kernel: int,
        stride: int,
        activation: type[nn.Module],
        squeezed: int = 0,
        gate: type[nn.Module] = nn.Sigmoid,
        squeeze_activation: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if width != channels:
            layers.append(conv_norm(channels, width, activation=activation))
        layers.append(conv_norm(width, width, kernel, stride, groups=width, activation=activation))
        if squeezed:
            layers.append(SqueezeExcitation(width, squeezed, squeeze_activation, gate))
        layers.append(conv_norm(width, out, activation=None))
        self.layers = nn.Sequential(*layers)
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.layers(x)
        return x + out if self.shortcut else out
