"""The network that NAS-Bench-101 trains on CIFAR-10, as a graph of operators; `nb101.costs` describes it.

It is the network at inference. Batch norms are folded, so a convolution of C channels has C parameters fewer than in
`costs`; floating-point operations are twice the multiply-accumulates there.
"""

from __future__ import annotations

import numpy as np

from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.graphs.network_builder import NetworkBuilder
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.spaces.nb101.costs import CELLS_PER_STAGE, CHANNELS, IMAGE_PX, N_LABELS, vertex_channels

_CONVOLUTIONS = {"conv1x1-bn-relu": 1, "conv3x3-bn-relu": 3}
"""Operation → size of its kernel."""


def nb101_network(cell: CellGraph, name: str) -> OperatorGraph:
    """The CIFAR-10 network of a cell, whose vertices are in the order in which it was trained."""
    build = NetworkBuilder(channels=3, side=IMAGE_PX)
    reads = [np.flatnonzero(column).tolist() for column in cell.adjacency.T]
    adjacency = cell.adjacency.astype(np.int64)[None]
    x = _conv_bn_relu(build, build.image, CHANNELS[0], 3)
    for stage, channels in enumerate(CHANNELS):
        if stage:
            x = build.pool(x, "MaxPool", 2, stride=2)
        inner = vertex_channels(adjacency, channels)[0].tolist()
        for _ in range(CELLS_PER_STAGE):
            x = _cell(build, x, cell.ops, reads, [0, *inner, channels])
    return build.finish(build.classifier(x, N_LABELS), name)


def _cell(build: NetworkBuilder, x: int, ops: tuple[str, ...], reads: list[list[int]], channels: list[int]) -> int:
    """Vertices that feed the output are concatenated; the cell's input is added to them.

    Args:
        build: the network.
        x: the cell's input.
        ops: V operations, input and output included.
        reads: the vertices that each vertex reads.
        channels: of each vertex.
    """
    made = [x]
    for vertex in range(1, len(ops) - 1):
        parts = [build.first_channels(made[source], channels[vertex]) for source in reads[vertex] if source]
        if 0 in reads[vertex]:
            parts.append(_conv_bn_relu(build, x, channels[vertex], 1))
        total = build.add(parts)
        if ops[vertex] in _CONVOLUTIONS:
            made.append(_conv_bn_relu(build, total, channels[vertex], _CONVOLUTIONS[ops[vertex]]))
        else:
            made.append(build.pool(total, "MaxPool", 3, padding=1))
    joined = [made[source] for source in reads[-1] if source]
    parts = [build.concat(joined)] if joined else []
    if 0 in reads[-1]:
        parts.append(_conv_bn_relu(build, x, channels[-1], 1))
    return build.add(parts)


def _conv_bn_relu(build: NetworkBuilder, x: int, channels: int, kernel: int) -> int:
    return build.relu(build.conv_bn(x, channels, kernel))
