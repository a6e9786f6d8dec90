"""Kernels: which operators a runtime computes together, and the sizes that their cost depends on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.graphs.kernels import fused_kernels
from nassurrogate.graphs.operator_graph import INPUT, Operator, OperatorGraph

IMAGE = (1, 8, 16, 16)


def graph(*operators: Operator) -> OperatorGraph:
    return OperatorGraph([Operator(INPUT, (), (IMAGE,)), *operators])


def convolution(source: int, channels: int = 8, groups: int = 1, window: int = 3) -> Operator:
    params = channels * 8 // groups * window**2
    return Operator(
        "Conv", (source,), ((1, channels, 16, 16),), kernel=(window, window), stride=(1, 1), padding=(1, 1, 1, 1),
        groups=groups, params=params, flops=2 * params * 256,
    )  # fmt: skip


def kinds(network: OperatorGraph) -> list[tuple[str, str]]:
    return [(str(kernel.kind), kernel.activation) for kernel in fused_kernels(network)]


@pytest.mark.parametrize("activation", ["Relu", "Clip"])
def test_an_activation_is_fused_into_the_only_operator_it_reads(activation):
    assert kinds(graph(convolution(0), Operator(activation, (1,), (IMAGE,)))) == [("Conv 3x3/1", activation)]


def test_an_activation_of_an_output_that_others_read_too_is_a_kernel():
    network = graph(convolution(0), Operator("Relu", (1,), (IMAGE,)), Operator("Add", (1, 2), (IMAGE,)))
    assert kinds(network) == [("Conv 3x3/1", ""), ("Relu", ""), ("Add", "")]


def test_only_one_activation_is_fused():
    network = graph(convolution(0), Operator("Relu", (1,), (IMAGE,)), Operator("Clip", (2,), (IMAGE,)))
    assert kinds(network) == [("Conv 3x3/1", "Relu"), ("Clip", "")]


@pytest.mark.parametrize("operator", ["MaxPool", "Concat", INPUT])
def test_pools_and_copies_fuse_nothing(operator):
    first = Operator(operator, () if operator == INPUT else (0,), (IMAGE,))
    assert ("Relu", "") in kinds(graph(first, Operator("Relu", (1,), (IMAGE,))))


@pytest.mark.parametrize("activation", ["Sigmoid", "Silu", "HardSwish", "Gelu"])
def test_other_activations_are_kernels(activation):
    assert len(kinds(graph(convolution(0), Operator(activation, (1,), (IMAGE,))))) == 2


def test_a_depthwise_convolution_is_of_another_kind():
    (kernel,) = fused_kernels(graph(convolution(0, groups=8)))
    assert (kernel.kind.role, kernel.kind.operator) == ("depthwise convolution", "DepthwiseConv")
    assert (kernel.channels_in, kernel.channels_out, kernel.positions) == (8, 8, 256)


def test_a_grouped_convolution_has_the_channels_of_one_group():
    (kernel,) = fused_kernels(graph(convolution(0, channels=32, groups=2)))
    assert (kernel.kind.role, kernel.channels_in, kernel.channels_out, kernel.positions) == ("convolution", 4, 16, 256)


def test_features_of_a_linear_layer_on_tokens():
    tokens = (1, 50, 64)
    network = OperatorGraph(
        [
            Operator(INPUT, (), (tokens,)),
            Operator("Gemm", (0,), ((1, 50, 256),), bias=True, params=64 * 256 + 256, flops=2 * 50 * 64 * 256),
        ]
    )
    (kernel,) = fused_kernels(network)
    assert (kernel.channels_in, kernel.channels_out, kernel.positions) == (64, 256, 50)


@given(st.integers(1, 64), st.sampled_from([1, 3, 5]), st.integers(1, 3))
def test_sizes_multiply_to_the_operations(channels, window, n_layers):
    network = graph(convolution(0, channels, window=window), *(convolution(0, channels, window=window),) * n_layers)
    for kernel in fused_kernels(network):
        macs = kernel.channels_in * kernel.channels_out * kernel.groups * kernel.window * kernel.positions
        assert 2 * macs == kernel.flops


def test_costs_of_all_kernels_are_those_of_the_network():
    network = graph(
        convolution(0),
        Operator("Relu", (1,), (IMAGE,)),
        convolution(2, 16),
        Operator("Sigmoid", (3,), ((1, 16, 16, 16),)),
    )
    kernels = fused_kernels(network)
    assert sum(kernel.flops for kernel in kernels) == network.flops
    assert sum(kernel.params for kernel in kernels) == network.params
