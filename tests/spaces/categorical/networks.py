"""Modules that tests build: small networks of every kind, and faulty ones."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import nn

from nassurrogate import Architecture


class Block(nn.Module):
    """A convolution with batch norm and activation, with or without a residual connection."""

    def __init__(self, channels: tuple[int, int], kernel: int, act: str, *, skip: bool, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(*channels, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(channels[1])
        self.act = {"relu": nn.ReLU(), "leaky": nn.LeakyReLU(0.2), "leakier": nn.LeakyReLU(0.3)}[act]
        self.dropout = nn.Dropout(dropout)
        self.skip = skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.dropout(self.act(self.norm(self.conv(x))))
        return x + y if self.skip else y


CNN_SLOTS: dict[str, Any] = {
    "depth": [1, 2, 3],
    "width": [4, 8],
    "kernel": [1, 3],
    "skip": [True, False],
    "act": ["relu", "leaky", "leakier"],
    "dropout": [0.0, 0.1],
}


def build_cnn(arch: Architecture) -> nn.Module:
    """A small network for 12x12 images of one channel; the first block has no residual connection."""
    choices = arch.choices
    width, layers = choices["width"], []
    for place in range(choices["depth"]):
        channels = (width if place else 1, width)
        skip = choices["skip"] and place > 0
        layers.append(Block(channels, choices["kernel"], choices["act"], skip=skip, dropout=choices["dropout"]))
    return nn.Sequential(*layers, nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


class DependsOnNumbers(nn.Module):
    """Its control flow depends on the numbers in a tensor."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(x)
        return y if y.sum() > 0 else -y


class Applies(nn.Module):
    """Applies a function to its input."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x)


class StochasticDepth(nn.Module):
    """Skips a block with some probability in training, drawn by torch for each input, by torch alone, or by Python."""

    def __init__(self, p: float, drawn: str) -> None:
        super().__init__()
        self.block, self.p, self.drawn = nn.Conv2d(3, 3, 1), p, drawn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.block(x)
        if not self.training:
            return x + y
        if self.drawn == "mask":
            return x + y * x.new_empty((len(x), 1, 1, 1)).bernoulli_(1 - self.p)
        chance = torch.rand(1).item() if self.drawn == "torch" else random.random()
        return x if chance < self.p else x + y
