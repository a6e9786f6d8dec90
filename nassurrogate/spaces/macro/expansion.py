"""The networks of NAS-Bench-Macro as graphs of operators; their structure is described in `macro.space`.

They are the networks at inference. Batch norms are folded, so a convolution of C channels has C parameters fewer than
in `exact_costs`; floating-point operations are twice the multiply-accumulates there.
"""

from __future__ import annotations

from collections.abc import Sequence

from nassurrogate.graphs.network_builder import NetworkBuilder
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.spaces.macro.costs import (
    BLOCKS,
    HEAD_CHANNELS,
    IDENTITY,
    IMAGE_SIDE,
    LAYERS,
    N_LABELS,
    STEM_CHANNELS,
    Layer,
)


def macro_network(choices: Sequence[str], name: str) -> OperatorGraph:
    """The CIFAR-10 network of eight choices."""
    build = NetworkBuilder(channels=3, side=IMAGE_SIDE)
    x = build.relu(build.conv_bn(build.image, STEM_CHANNELS, 3))
    for layer, choice in zip(LAYERS, choices, strict=True):
        x = _layer(build, x, layer, choice)
    x = build.relu(build.conv_bn(x, HEAD_CHANNELS, 1))
    return build.finish(build.classifier(x, N_LABELS), name)


def _layer(build: NetworkBuilder, x: int, layer: Layer, choice: str) -> int:
    if choice == IDENTITY:
        return x if layer.stride == 1 else build.conv_bn(x, layer.channels_out, 1, stride=layer.stride)
    kernel, expansion = BLOCKS[choice]
    hidden = expansion * layer.channels_in
    z = build.relu(build.conv_bn(x, hidden, 1))
    z = build.relu(build.conv_bn(z, hidden, kernel, stride=layer.stride, groups=hidden))
    z = build.conv_bn(z, layer.channels_out, 1)
    return build.add([x, z]) if layer.stride == 1 else z
