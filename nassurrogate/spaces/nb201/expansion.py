"""The network that NAS-Bench-201 trains on CIFAR-10, as a graph of operators; `nb201.costs` describes it.

It is the network at inference. Batch norms are folded, so a convolution of C channels has C parameters fewer than in
`costs`. What does not reach the output is left out, and so are `none` edges and all that they alone feed: a batch norm
makes a constant of it, which disappears in other biases. A cell with no path from input to output makes the whole
network a constant.
"""

from __future__ import annotations

from collections.abc import Sequence

from nassurrogate.graphs.network_builder import NetworkBuilder
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.spaces.nb201.costs import CELLS_PER_STAGE, CHANNELS, INPUT_SHAPES

_CONVOLUTIONS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
"""Operation → size of its kernel."""
_POOL = "avg_pool_3x3"
_NONE = "none"
_LAST = 3
"""The cell's node that is its output."""

CellEdges = Sequence[tuple[tuple[int, int], str]]
"""((start, end), operation) of every edge, ascending by end."""


def nb201_network(edges: CellEdges, name: str) -> OperatorGraph:
    """The CIFAR-10 network of a cell."""
    shape = INPUT_SHAPES["cifar10"]
    build = NetworkBuilder(channels=3, side=shape.image_px)
    reached = {0}
    for (start, end), op in edges:
        if start in reached and op != _NONE:
            reached.add(end)
    if _LAST not in reached:
        return build.finish(build.constant((1, shape.n_labels)), name)
    live = [((start, end), op) for (start, end), op in edges if start in reached and op != _NONE]
    x = build.conv_bn(build.image, CHANNELS[0], 3)
    for stage, channels in enumerate(CHANNELS):
        if stage:
            x = _reduction(build, x, channels)
        for _ in range(CELLS_PER_STAGE):
            x = _cell(build, x, live, channels)
    return build.finish(build.classifier(build.relu(build.batch_norm(x)), shape.n_labels), name)


def _cell(build: NetworkBuilder, x: int, edges: CellEdges, channels: int) -> int:
    arriving: dict[int, list[int]] = {}
    nodes = {0: x}
    for (start, end), op in edges:
        if start not in nodes:
            nodes[start] = build.add(arriving[start])
        source = nodes[start]
        if op in _CONVOLUTIONS:
            made = build.conv_bn(build.relu(source), channels, _CONVOLUTIONS[op])
        else:
            made = build.pool(source, "AveragePool", 3, padding=1) if op == _POOL else source
        arriving.setdefault(end, []).append(made)
    return build.add(arriving[_LAST])


def _reduction(build: NetworkBuilder, x: int, channels: int) -> int:
    """The residual block of stride 2 between two stages."""
    z = build.conv_bn(build.relu(x), channels, 3, stride=2)
    z = build.conv_bn(build.relu(z), channels, 3)
    return build.add([build.conv(build.pool(x, "AveragePool", 2, stride=2), channels, 1), z])
