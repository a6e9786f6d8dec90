"""Exact parameters and multiply-accumulates of the networks that NAS-Bench-101 trains (arXiv 1902.09635, section 2).

The network: 3×3 stem to 128 channels; three stages of three cells at 128, 256 and 512 channels, separated by 2×2
pooling; global average pooling, linear classifier. No convolution has a bias; each is followed by batch-norm with scale
and shift. A vertex that reads the cell's input gets it through a 1×1 convolution to its own number of channels. Inputs
of the output are concatenated: those vertices share its channels equally, and the first ones take the remainder. Any
other vertex has as many channels as the widest vertex that it feeds (`model_builder.compute_vertex_channels` of the
official package).

So the counts depend slightly on the order of the vertices: they are those of the cell as it was trained.

A multiply-accumulate (MAC) is one multiplication with the addition that follows it, of convolutions and the classifier.
"""

from __future__ import annotations

import numpy as np

from nassurrogate.spaces.nb101.cell_codes import OPS, CellCodes, adjacency_of

IMAGE_PX = 32
N_LABELS = 10
CHANNELS = (128, 256, 512)
CELLS_PER_STAGE = 3
_KERNEL_AREAS = np.array([{"conv3x3-bn-relu": 9, "conv1x1-bn-relu": 1, "maxpool3x3": 0}[op] for op in OPS])


def network_costs(cells: CellCodes) -> tuple[np.ndarray, np.ndarray]:
    """(C,) int64 trainable parameters, and (C,) int64 multiply-accumulates for one image.

    >>> direct = CellCodes(2, np.array([1], dtype=np.uint32), np.empty((1, 0), dtype=np.uint8))
    >>> [int(count[0]) for count in network_costs(direct)]
    [882570, 137761792]
    """
    adjacency = adjacency_of(cells.edge_bits, cells.n_vertices).astype(np.int64)
    kernels = _KERNEL_AREAS[cells.ops]
    stem = 9 * 3 * CHANNELS[0]
    params = np.full(len(kernels), stem + 2 * CHANNELS[0] + CHANNELS[-1] * N_LABELS + N_LABELS)
    macs = np.full(len(kernels), stem * IMAGE_PX**2 + CHANNELS[-1] * N_LABELS)
    arriving = CHANNELS[0]
    for stage, channels in enumerate(CHANNELS):
        area = (IMAGE_PX >> stage) ** 2
        inner = vertex_channels(adjacency, channels)
        for _ in range(CELLS_PER_STAGE):
            projected = adjacency[:, 0, 1:-1] * inner
            weights = (kernels * inner**2 + arriving * projected).sum(axis=1)
            scaled = ((kernels > 0) * inner + projected).sum(axis=1)
            weights += adjacency[:, 0, -1] * arriving * channels
            scaled += adjacency[:, 0, -1] * channels
            params += weights + 2 * scaled
            macs += weights * area
            arriving = channels
    return params, macs


def vertex_channels(adjacency: np.ndarray, channels: int) -> np.ndarray:
    """(C, V − 2): channels of the inner vertices, from the (C, V, V) adjacency of 0 and 1 and the cells' channels.

    >>> diamond = np.zeros((1, 4, 4), dtype=np.int64)
    >>> diamond[0, [0, 0, 1, 2], [1, 2, 3, 3]] = 1
    >>> vertex_channels(diamond, 5).tolist()
    [[3, 2]]
    """
    to_output = adjacency[:, 1:-1, -1]
    share, left = np.divmod(channels, np.maximum(to_output.sum(axis=1), 1)[:, None])
    inner: np.ndarray = to_output * (share + (to_output.cumsum(axis=1) <= left))
    for vertex in reversed(range(inner.shape[1])):
        widest = (adjacency[:, vertex + 1, 1:-1] * inner).max(axis=1, initial=0)
        inner[:, vertex] = np.where(to_output[:, vertex], inner[:, vertex], widest)
    return inner
