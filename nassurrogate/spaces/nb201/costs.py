"""Exact parameters and multiply-accumulates of the networks that NAS-Bench-201 trains (arXiv 2001.00326, section 2.1).

The network: 3×3 stem to 16 channels with batch-norm; three stages of five cells at 16, 32 and 64 channels, separated by
residual blocks of stride 2 (two 3×3 convolutions with batch-norm; shortcut of average pooling and a 1×1 convolution);
batch-norm, global average pooling, linear classifier. A convolution of a cell is ReLU, convolution without bias,
batch-norm with scale and shift.

Every operation in the string counts, even if its result is never used, as in the benchmark's own tables.
A multiply-accumulate (MAC) is one multiplication with the addition that follows it. Convolutions and the classifier are
counted. Pooling, batch-norm, ReLU and the sums at nodes multiply no weight with an activation and count 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

CHANNELS = (16, 32, 64)
CELLS_PER_STAGE = 5


@dataclass(frozen=True, slots=True)
class InputShape:
    """The properties of a data set that the network depends on."""

    image_px: int
    n_labels: int


INPUT_SHAPES = {
    "cifar10": InputShape(image_px=32, n_labels=10),
    "cifar100": InputShape(image_px=32, n_labels=100),
    "ImageNet16-120": InputShape(image_px=16, n_labels=120),
}


def network_params(n_conv1x1: np.ndarray, n_conv3x3: np.ndarray, n_labels: int) -> np.ndarray:
    """Trainable parameters of the network, from the number of convolutions of each kind in the cell's string.

    >>> int(network_params(np.array(0), np.array(6), 10))
    1531546
    """
    per_conv1x1 = sum(CELLS_PER_STAGE * (c * c + 2 * c) for c in CHANNELS)
    per_conv3x3 = sum(CELLS_PER_STAGE * (9 * c * c + 2 * c) for c in CHANNELS)
    first, last = CHANNELS[0], CHANNELS[-1]
    stem = 3 * first * 9 + 2 * first
    between = sum(9 * a * b + 2 * b + 9 * b * b + 2 * b + a * b for a, b in pairwise(CHANNELS))
    head = 2 * last + last * n_labels + n_labels
    params: np.ndarray = stem + between + head + n_conv1x1 * per_conv1x1 + n_conv3x3 * per_conv3x3
    return params


def network_macs(n_conv1x1: np.ndarray, n_conv3x3: np.ndarray, shape: InputShape) -> np.ndarray:
    """Multiply-accumulates for one image, from the number of convolutions of each kind in the cell's string.

    >>> int(network_macs(np.array(0), np.array(6), INPUT_SHAPES["cifar10"]))
    220119680
    """
    areas = [(shape.image_px >> stage) ** 2 for stage in range(len(CHANNELS))]
    per_conv1x1 = sum(CELLS_PER_STAGE * c * c * area for c, area in zip(CHANNELS, areas, strict=True))
    stem = 3 * CHANNELS[0] * 9 * areas[0]
    between = sum(
        (9 * a * b + 9 * b * b + a * b) * area for a, b, area in zip(CHANNELS, CHANNELS[1:], areas[1:], strict=False)
    )
    macs: np.ndarray = stem + between + CHANNELS[-1] * shape.n_labels + (n_conv1x1 + 9 * n_conv3x3) * per_conv1x1
    return macs
