"""A problem of one's own in one file: 729 small CNNs on scikit-learn's handwritten digits, a training in half a second.

    pip install "nassurrogate[peers]"        # for scikit-learn
    nassurrogate search --problem examples/own_problem/problem.py --budget 30

`space` declares the networks, `evaluate` trains one. Some declarations give the same network: with `depth=1` there is
nothing to skip, and with `kernel=1` an average pooling does nothing.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from nassurrogate.spaces import CategoricalSpace

if TYPE_CHECKING:
    from nassurrogate import Architecture

EPOCHS = 12
BATCH = 32
LEARNING_RATE = 0.003
SPLITS = {"train": slice(0, 500), "val": slice(500, 1100), "test": slice(1100, None)}


class Block(nn.Module):
    """One operation, batch normalisation, a ReLU, and what is skipped around them.

    Args:
        inputs: channels that come in.
    """

    def __init__(self, op: str, kernel: int, inputs: int, width: int, skip: str) -> None:
        super().__init__()
        if op == "conv":
            layers = [nn.Conv2d(inputs, width, kernel, padding=kernel // 2)]
        elif op == "separable":
            depthwise = nn.Conv2d(inputs, inputs, kernel, padding=kernel // 2, groups=inputs)
            layers = [depthwise, nn.Conv2d(inputs, width, 1)]
        else:
            pooling = [nn.AvgPool2d(kernel, stride=1, padding=kernel // 2)] if kernel > 1 else []
            layers = [*pooling, nn.Conv2d(inputs, width, 1)]
        self.layers = nn.Sequential(*layers, nn.BatchNorm2d(width), nn.ReLU())
        self.skip = skip
        self.outputs = width + inputs if skip == "concat" else width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layers(x)
        if self.skip == "add":
            return x + y
        return torch.cat([x, y], dim=1) if self.skip == "concat" else y


def build(arch: Architecture) -> nn.Module:
    """The network: (B, 1, 8, 8) images → (B, 10) scores of the digits."""
    choices = arch.choices
    blocks, channels = [], 1
    for number in range(choices["depth"]):
        skip = choices["skip"] if number else "none"  # the first block changes the number of channels
        blocks.append(Block(choices["op"], choices["kernel"], channels, choices["width"], skip))
        channels = blocks[-1].outputs
    grid = choices["grid"]
    head = [nn.AdaptiveAvgPool2d(grid), nn.Flatten(), nn.Linear(grid * grid * channels, 10)]
    return nn.Sequential(*blocks, *head)


dataset = "digits"
space = CategoricalSpace(
    "digits-cnn",
    {
        "kernel": [1, 3, 5],
        "width": [4, 8, 16],
        "depth": [1, 2, 3],
        "skip": ["none", "add", "concat"],
        "op": ["conv", "separable", "pool"],
        "grid": [1, 2, 4],
    },
    build=build,
    input_shape=(1, 8, 8),
)


@cache
def digits(split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (N, 1, 8, 8) and their digits (N,) of `train`, `val` or `test`; always the same images."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    places = np.random.default_rng(0).permutation(len(labels))[SPLITS[split]]
    pixels = torch.tensor(images[places], dtype=torch.float32).reshape(-1, 1, 8, 8)
    return pixels / 8 - 1, torch.tensor(labels[places])


def train(network: nn.Module, seed: int, epochs: int = EPOCHS) -> None:
    """Adam; the learning rate falls to 0 along a cosine."""
    network.train()
    images, labels = digits("train")
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * -(-len(labels) // BATCH))
    for _ in range(epochs):
        for batch in torch.randperm(len(labels), generator=order).split(BATCH):
            optimizer.zero_grad()
            functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()
            schedule.step()


@torch.no_grad()
def accuracy_pct(network: nn.Module, split: str) -> float:
    """Share of images that are read correctly, in percent."""
    network.eval()
    images, labels = digits(split)
    return round(100.0 * float((network(images).argmax(dim=1) == labels).double().mean()), 2)


def evaluate(arch: Architecture, seed: int = 0, fidelity: int | None = None) -> dict[str, float]:
    """One training. `seed` sets the first weights and the order of the images, `fidelity` the number of epochs."""
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(arch)
    train(network, seed, EPOCHS if fidelity is None else fidelity)
    return {"val_accuracy_pct": accuracy_pct(network, "val"), "test_accuracy_pct": accuracy_pct(network, "test")}
