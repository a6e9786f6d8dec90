"""Floating-point operations of convolutions and matrix products, counted from shapes: two per multiply-accumulate.

They agree with `torch.utils.flop_counter.FlopCounterMode`: additions of a bias and all other operators count nothing.
"""

from __future__ import annotations

from nassurrogate.graphs.operator_graph import Shape, size_of


def conv_flops(output: Shape, weight: Shape) -> int:
    """Operations of a convolution; groups need no care, since the weight holds the input channels of one group.

    Args:
        output: (batch, channels out, *sizes).
        weight: (channels out, channels in / groups, *kernel).

    >>> conv_flops((1, 4, 8, 8), (4, 3, 1, 1))
    1536
    """
    return 2 * size_of(output) * size_of(weight[1:])


def conv_transpose_flops(source: Shape, weight: Shape) -> int:
    """Operations of a transposed convolution: every input number is multiplied by one filter per output channel.

    Args:
        source: shape of its input, (batch, channels in, *sizes).
        weight: (channels in, channels out / groups, *kernel).

    >>> conv_transpose_flops((1, 3, 8, 8), (3, 4, 2, 2))
    6144
    """
    return 2 * size_of(source) * size_of(weight[1:])


def matmul_flops(output: Shape, summed: int) -> int:
    """Operations of a matrix product or a linear layer.

    Args:
        output: shape of the product, with all batch axes.
        summed: length of the axis that is summed over; the input features of a linear layer.

    >>> matmul_flops((1, 10), 512)
    10240
    """
    return 2 * size_of(output) * summed


def recurrent_flops(steps: int, batch: int, features: int, hidden: int, gates: int, directions: int = 1) -> int:
    """Operations of the matrix products in one layer of an LSTM (4 gates), a GRU (3) or a plain network (1).

    >>> recurrent_flops(steps=5, batch=2, features=8, hidden=16, gates=4)
    30720
    """
    return 2 * steps * batch * gates * hidden * (features + hidden) * directions
