"""Counts of operations, with PyTorch's own counter as the oracle."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from nassurrogate.graphs.operator_costs import conv_flops, conv_transpose_flops, matmul_flops

SMALL = st.integers(1, 4)


@given(batch=SMALL, groups=SMALL, inside=SMALL, outside=SMALL, kernel=SMALL, rank=st.integers(1, 3))
def test_convolutions_count_as_in_pytorch(
    batch: int, groups: int, inside: int, outside: int, kernel: int, rank: int
) -> None:
    image = torch.zeros(batch, groups * inside, *[5] * rank, device="meta")
    weight = torch.zeros(groups * outside, inside, *[kernel] * rank, device="meta")
    turned = torch.zeros(groups * inside, outside, *[kernel] * rank, device="meta")
    convolve = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    transpose = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]
    with FlopCounterMode(display=False) as counter:
        output = convolve(image, weight, groups=groups)
    assert conv_flops(tuple(output.shape), tuple(weight.shape)) == counter.get_total_flops()
    with FlopCounterMode(display=False) as counter:
        transpose(image, turned, groups=groups, stride=2)
    assert conv_transpose_flops(tuple(image.shape), tuple(turned.shape)) == counter.get_total_flops()


@given(batch=st.lists(SMALL, max_size=2), rows=SMALL, summed=SMALL, columns=SMALL)
def test_matrix_products_count_as_in_pytorch(batch: list[int], rows: int, summed: int, columns: int) -> None:
    left = torch.zeros(*batch, rows, summed, device="meta")
    right = torch.zeros(*batch, summed, columns, device="meta")
    with FlopCounterMode(display=False) as counter:
        output = left @ right
    assert matmul_flops(tuple(output.shape), summed) == counter.get_total_flops()
