"""A shared convolution equals one convolution per network."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from nassurrogate.proxies.shared_convolution import shared_convolution


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("side", [4, 7])
def test_values_and_gradients_are_those_of_convolutions_one_by_one(kernel, side):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 4, 2, side, side, generator=generator, dtype=torch.float64, requires_grad=True)
    one = torch.randn(1, 5, 2, kernel, kernel, generator=generator, dtype=torch.float64)
    weights = one.expand(4, -1, -1, -1, -1).requires_grad_()
    each = [one[0].clone().requires_grad_() for _ in range(4)]
    found = shared_convolution(x, weights)
    expected = torch.stack([F.conv2d(x[:, g], each[g], padding=kernel // 2) for g in range(4)], dim=1)
    torch.testing.assert_close(found, expected)
    given = torch.randn(found.shape, generator=generator, dtype=torch.float64)
    to_x, to_weights = torch.autograd.grad(found, [x, weights], given)
    expected_to_x, *expected_to_weights = torch.autograd.grad(expected, [x, *each], given)
    torch.testing.assert_close(to_x, expected_to_x)
    torch.testing.assert_close(to_weights, torch.stack(expected_to_weights))
