"""The layers of a NAS-Bench-Macro network (see `macro.space`), and its exact costs."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

IDENTITY: Final = "identity"
CHOICES: Final = (IDENTITY, "k3_e3", "k5_e6")
"""The block of each digit: none, or an inverted residual with a kernel size and an expansion. Their order is that of
kernel, expansion and cost."""
BLOCKS: Final = {"k3_e3": (3, 3), "k5_e6": (5, 6)}
"""Kernel and expansion of a block."""
STAGES: Final = (2, 3, 3)
STEM_CHANNELS, HEAD_CHANNELS, N_LABELS, IMAGE_SIDE = 32, 1280, 10, 32


class Layer(NamedTuple):
    """The fixed part of a layer: channels, stride, and the side of its input image in pixels."""

    channels_in: int
    channels_out: int
    stride: int
    side: int


def _layers() -> tuple[Layer, ...]:
    found, channels, side = [], STEM_CHANNELS, IMAGE_SIDE
    for depth in STAGES:
        found.append(Layer(channels, 2 * channels, 2, side))
        channels, side = 2 * channels, side // 2
        found += [Layer(channels, channels, 1, side)] * (depth - 1)
    return tuple(found)


LAYERS: Final = _layers()


def _layer_costs(layer: Layer, choice: str) -> tuple[int, int]:
    """Parameters, including two per channel of each batch norm, and multiply-accumulates of the convolutions."""
    read, made = layer.side**2, (layer.side // layer.stride) ** 2
    if choice == IDENTITY:
        weights = layer.channels_in * layer.channels_out
        return (weights + 2 * layer.channels_out, weights * made) if layer.stride > 1 else (0, 0)
    kernel, expansion = BLOCKS[choice]
    hidden = expansion * layer.channels_in
    widen, depthwise, narrow = hidden * layer.channels_in, hidden * kernel**2, hidden * layer.channels_out
    params = widen + depthwise + narrow + 2 * (2 * hidden + layer.channels_out)
    return params, widen * read + (depthwise + narrow) * made


def _fixed_costs() -> tuple[int, int]:
    """Parameters and multiply-accumulates of the stem, the head and the classifier."""
    channels, side = LAYERS[-1].channels_out, LAYERS[-1].side
    stem, head, classifier = 3 * 9 * STEM_CHANNELS, channels * HEAD_CHANNELS, HEAD_CHANNELS * N_LABELS
    params = stem + 2 * STEM_CHANNELS + head + 2 * HEAD_CHANNELS + classifier + N_LABELS
    return params, stem * IMAGE_SIDE**2 + head * side**2 + classifier


LAYER_COSTS: Final = np.array([[_layer_costs(layer, choice) for choice in CHOICES] for layer in LAYERS])
"""(8, 3, 2) parameters and multiply-accumulates of every layer and choice."""
FIXED_COSTS: Final = np.array(_fixed_costs())
