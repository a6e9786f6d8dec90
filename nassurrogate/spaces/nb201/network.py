"""The networks of NAS-Bench-201 in PyTorch; `nb201.costs` describes them.

All operations of the string are there, also those that do not reach the output, as in the benchmark's own networks. An
edge `none` is left out of the sum at its end; a node that nothing reaches is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from nassurrogate.spaces.nb201.costs import CELLS_PER_STAGE, CHANNELS
from nassurrogate.spaces.network_sizes import check_network_sizes

CellEdges = Sequence[tuple[tuple[int, int], str]]
"""((start, end), operation) of every edge."""
_CONVOLUTIONS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
_NONE = "none"


class NB201Network(nn.Module):
    """The network of a cell: (B, 3, H, W) images → (B, `n_labels`) logits.

    Args:
        edges: of the cell.
        n_labels: number of classes.
        width: channels of the first stage; the two others have twice and four times as many.
        cells_per_stage: cells of each of the three stages.

    Raises `InputError` for sizes that are too small.
    """

    def __init__(self, edges: CellEdges, *, n_labels: int, width: int, cells_per_stage: int = CELLS_PER_STAGE) -> None:
        check_network_sizes("nb201", n_labels=n_labels, width=width, cells_per_stage=cells_per_stage)
        super().__init__()
        channels = [width * channels // CHANNELS[0] for channels in CHANNELS]
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        cells: list[nn.Module] = [Cell(edges, width) for _ in range(cells_per_stage)]
        for before, after in pairwise(channels):
            cells += [Reduction(before, after), *(Cell(edges, after) for _ in range(cells_per_stage))]
        self.cells = nn.Sequential(*cells)
        self.head = nn.Sequential(
            nn.BatchNorm2d(channels[-1]),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(channels[-1], n_labels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.cells(self.stem(x)))
        return logits


class Cell(nn.Module):
    """Every node is the sum of what its edges make of the nodes before it: (B, C, H, W) → (B, C, H, W)."""

    def __init__(self, edges: CellEdges, channels: int) -> None:
        super().__init__()
        self.n_nodes = 1 + max(end for (_, end), _ in edges)
        self.edges = nn.ModuleDict(
            {f"{start}_{end}": _operation(op, channels) for (start, end), op in edges if op != _NONE}
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        nodes = [x]
        for end in range(1, self.n_nodes):
            arriving = [
                self.edges[f"{start}_{end}"](nodes[start]) for start in range(end) if f"{start}_{end}" in self.edges
            ]
            nodes.append(sum(arriving[1:], start=arriving[0]) if arriving else torch.zeros_like(x))
        return nodes[-1]


class Reduction(nn.Module):
    """The residual block of stride 2 between two stages: (B, C, H, W) → (B, C′, H/2, W/2)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            *_relu_conv_bn(channels_in, channels_out, 3, stride=2), *_relu_conv_bn(channels_out, channels_out, 3)
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels_in, channels_out, 1, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.shortcut(x) + self.block(x)
        return out


def _operation(op: str, channels: int) -> nn.Module:
    if op in _CONVOLUTIONS:
        return nn.Sequential(*_relu_conv_bn(channels, channels, _CONVOLUTIONS[op]))
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False) if op == "avg_pool_3x3" else nn.Identity()


def _relu_conv_bn(channels_in: int, channels_out: int, kernel: int, *, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, padding=kernel // 2, bias=False)
    return [nn.ReLU(), convolution, nn.BatchNorm2d(channels_out)]
