"""The networks of NAS-Bench-101 in PyTorch, as in the official `model_builder`; `nb101.costs` describes them."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from nassurrogate.errors import InputError
from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.spaces.nb101.costs import CELLS_PER_STAGE, CHANNELS, vertex_channels
from nassurrogate.spaces.network_sizes import check_network_sizes

_CONVOLUTIONS = {"conv1x1-bn-relu": 1, "conv3x3-bn-relu": 3}
"""Operation → size of its kernel."""
_MOMENTUM = 0.003
"""TensorFlow's .997: the official code gives the share of the old mean, PyTorch that of the new one."""


class NB101Network(nn.Module):
    """The network of a cell: (B, 3, H, W) images → (B, `n_labels`) logits.

    Args:
        cell: its raw graph; the vertices are in the order in which it was trained.
        n_labels: number of classes.
        width: channels of the stem and of the first stage; the two others have twice and four times as many.
        cells_per_stage: cells of each of the three stages.

    Raises `InputError` for sizes that are too small.
    """

    def __init__(self, cell: CellGraph, *, n_labels: int, width: int, cells_per_stage: int = CELLS_PER_STAGE) -> None:
        check_network_sizes("nb101", n_labels=n_labels, width=width, cells_per_stage=cells_per_stage)
        super().__init__()
        self.stem = nn.Sequential(*_conv_bn_relu(3, width, 3))
        layers: list[nn.Module] = []
        before = width
        for stage, official in enumerate(CHANNELS):
            after = width * official // CHANNELS[0]
            if stage:
                layers.append(nn.MaxPool2d(2))
            for _ in range(cells_per_stage):
                layers.append(Cell(cell, before, after))
                before = after
        self.cells = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, n_labels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.cells(self.stem(x)))
        return logits


class Cell(nn.Module):
    """One cell: (B, `channels_in`, H, W) → (B, `channels_out`, H, W).

    A vertex sums what it reads, cut to its own number of channels; the cell's input is projected to it. Vertices that
    feed the output are concatenated, and a projection of the cell's input is added if the output reads it.
    """

    def __init__(self, cell: CellGraph, channels_in: int, channels_out: int) -> None:
        super().__init__()
        inner = vertex_channels(cell.adjacency.astype(np.int64)[None], channels_out)[0].tolist()
        if 0 in inner:
            raise InputError(f"an nb101 cell of {channels_out} channels leaves a vertex without any; increase width")
        self.channels = [channels_in, *inner, channels_out]
        self.reads = [np.flatnonzero(column).tolist() for column in cell.adjacency.T]
        self.operations = nn.ModuleDict(
            {str(vertex): _operation(cell.ops[vertex], width) for vertex, width in enumerate(inner, start=1)}
        )
        self.projections = nn.ModuleDict(
            {
                str(vertex): nn.Sequential(*_conv_bn_relu(channels_in, self.channels[vertex], 1))
                for vertex, sources in enumerate(self.reads)
                if 0 in sources
            }
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        vertices = [x]
        for vertex, width in enumerate(self.channels[1:-1], start=1):
            parts = [self._cut(vertices, source, width) for source in self.reads[vertex] if source]
            vertices.append(self.operations[str(vertex)](self._with_input(parts, vertex, x)))
        joined = [vertices[source] for source in self.reads[-1] if source]
        parts = [torch.cat(joined, 1) if len(joined) > 1 else joined[0]] if joined else []
        return self._with_input(parts, len(vertices), x)

    def _cut(self, vertices: list[torch.Tensor], source: int, width: int) -> torch.Tensor:
        return vertices[source] if self.channels[source] == width else vertices[source][:, :width]

    def _with_input(self, parts: list[torch.Tensor], vertex: int, x: torch.Tensor) -> torch.Tensor:
        """The sum of what a vertex reads, with the projection of the cell's input if it reads that."""
        if str(vertex) in self.projections:
            parts = [*parts, self.projections[str(vertex)](x)]
        return sum(parts[1:], start=parts[0])


def _operation(op: str, channels: int) -> nn.Module:
    if op in _CONVOLUTIONS:
        return nn.Sequential(*_conv_bn_relu(channels, channels, _CONVOLUTIONS[op]))
    return nn.MaxPool2d(3, stride=1, padding=1)


def _conv_bn_relu(channels_in: int, channels_out: int, kernel: int) -> list[nn.Module]:
    convolution = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(channels_out, momentum=_MOMENTUM), nn.ReLU()]
