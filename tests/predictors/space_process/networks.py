"""A space of small networks that tests build, and an accuracy that depends on the networks alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from nassurrogate import Architecture
from nassurrogate.spaces import CategoricalSpace

OPERATIONS = ["none", "skip", "conv", "pool"]
SLOTS = {"first": OPERATIONS, "second": OPERATIONS, "around": OPERATIONS, "width": [4, 8]}


class Cell(nn.Module):
    """Two operations in a row, and one around them."""

    def __init__(self, ops: tuple[str, str, str], width: int) -> None:
        super().__init__()
        self.ops = ops
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
            if op == "conv"
            else nn.AvgPool2d(3, 1, 1)
            if op == "pool"
            else nn.Identity()
            for op in ops
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second, around = self.layers
        parts = []
        if "none" not in self.ops[:2]:
            parts.append(second(first(x)))
        if self.ops[2] != "none":
            parts.append(around(x))
        return sum(parts[1:], start=parts[0]) if parts else torch.zeros_like(x)


def build(arch: Architecture) -> nn.Module:
    choices = arch.choices
    width, ops = choices["width"], (choices["first"], choices["second"], choices["around"])
    return nn.Sequential(
        nn.Conv2d(3, width, 1), Cell(ops, width), Cell(ops, width), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(width, 4),
    )  # fmt: skip


def build_nothing(arch: Architecture) -> nn.Module:
    raise RuntimeError("no network today")


class Untraceable(nn.Module):
    """Its control flow depends on the numbers in a tensor."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.module(x)
        return y if y.sum() > 0 else -y


def build_untraceable(arch: Architecture) -> nn.Module:
    return Untraceable(build(arch))


def space_of(make=build, name: str = "cells", **options) -> CategoricalSpace:
    return CategoricalSpace(name, SLOTS, build=make, input_shape=(3, 6, 6), **options)


def made_up_accuracies(archs: list[Architecture]) -> np.ndarray:
    """Convolutions that reach the output help, a way around them too."""
    values = []
    for arch in archs:
        c = arch.choices
        has_path = "none" not in (c["first"], c["second"])
        convs = has_path * ((c["first"] == "conv") + (c["second"] == "conv")) + (c["around"] == "conv")
        values.append(60.0 + 6.0 * convs + 3.0 * (has_path and c["around"] != "none") + 0.2 * c["width"])
    return np.array(values)
