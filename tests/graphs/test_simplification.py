"""The normal form of a network: what is dropped, folded and recognised, and what is not."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from nassurrogate.graphs.operator_graph import Operator
from tests.graphs.operator_list import OperatorList

IMAGE = (1, 8, 4, 4)
CONV = {"kernel": (1, 1), "stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1), "params": 64, "flops": 2048}


def conv(network: OperatorList, source: int = 0) -> int:
    return network.add("Conv", source, **CONV)


@pytest.mark.parametrize("kind", ["Identity", "Dropout", "Cast", "Reshape", "Slice", "Pad", "Concat", "Expand", "Sum"])
def test_operators_that_do_nothing_are_dropped(kind: str) -> None:
    network = OperatorList()
    network.add("Relu", network.add(kind, conv(network)))
    assert network.kinds() == ["Conv", "Relu"]


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("Slice", {"values": (0, 0, 1, -1)}),  # reverses an axis
        ("Concat", {"params": 8, "shape": (1, 16, 4, 4)}),
        ("Pad", {"values": (0, 0, 1, 0, 0, 0, -1, 0)}),  # shifts
        ("Mul", {"values": (None, 2.0)}),
        ("Transpose", {"values": (0, 1, 3, 2)}),
        ("AveragePool", {"kernel": (3, 3), "stride": (1, 1), "padding": (1, 1, 1, 1)}),
    ],
)
def test_operators_that_do_something_stay(kind: str, extra: dict[str, object]) -> None:
    network = OperatorList()
    network.add(kind, conv(network), **extra)
    assert network.kinds() == ["Conv", kind]


@pytest.mark.parametrize(("kind", "neutral"), [("Add", 0.0), ("Sub", 0.0), ("Mul", 1.0), ("Div", 1.0), ("Pow", 1.0)])
def test_a_neutral_operand_does_nothing(kind: str, neutral: float) -> None:
    network = OperatorList()
    network.add(kind, conv(network), values=(None, neutral))
    assert network.kinds() == ["Conv"]


def test_one_divided_by_a_tensor_stays() -> None:
    network = OperatorList()
    network.add("Div", conv(network), values=(1.0, None))
    assert network.kinds() == ["Conv", "Div"]


def test_what_no_output_needs_is_dropped() -> None:
    network = OperatorList()
    wanted = network.add("Relu", 0)
    conv(network, network.add("Tanh", 0))
    assert network.kinds(wanted) == ["Relu"]


def test_unread_inputs_of_the_network_stay() -> None:
    network = OperatorList()
    network.operators.append(Operator("Input", (), ((3,),)))
    assert [operator.kind for operator in network.simplified(network.add("Relu", 0))] == ["Input", "Input", "Relu"]


class TestFolding:
    def test_a_batch_norm_becomes_the_bias_of_a_convolution(self) -> None:
        network = OperatorList()
        network.add("BatchNormalization", conv(network), params=16)
        (folded,) = network.simplified()[1:]
        assert (folded.kind, folded.bias, folded.params, folded.flops) == ("Conv", True, 64 + 8, 2048)

    def test_a_bias_is_not_counted_twice(self) -> None:
        network = OperatorList()
        layer = network.add("Conv", 0, **{**CONV, "bias": True, "params": 72})
        network.add("BatchNormalization", layer, params=16)
        (folded,) = network.simplified()[1:]
        assert (folded.bias, folded.params) == (True, 72)

    def test_a_batch_norm_stays_if_others_read_the_convolution(self) -> None:
        network = OperatorList()
        layer = conv(network)
        network.add("Add", layer, network.add("BatchNormalization", layer, params=16))
        assert network.kinds() == ["Conv", "BatchNormalization", "Add"]

    def test_a_batch_norm_stays_if_the_network_returns_the_convolution(self) -> None:
        network = OperatorList()
        layer = conv(network)
        assert network.kinds(layer, network.add("BatchNormalization", layer, params=16)) == [
            "Conv",
            "BatchNormalization",
        ]

    def test_a_batch_norm_stays_before_a_convolution(self) -> None:
        network = OperatorList()
        conv(network, network.add("BatchNormalization", 0, params=16))
        assert network.kinds() == ["BatchNormalization", "Conv"]

    def test_a_constant_per_feature_is_the_bias_of_a_linear_layer(self) -> None:
        network = OperatorList((1, 5, 8))
        layer = network.add("Gemm", 0, shape=(1, 5, 3), params=24, flops=240)
        network.add("Add", layer, params=3)
        (folded,) = network.simplified()[1:]
        assert (folded.kind, folded.bias, folded.params) == ("Gemm", True, 27)

    def test_another_constant_is_no_bias(self) -> None:
        network = OperatorList((1, 5, 8))
        network.add("Add", network.add("Gemm", 0, shape=(1, 5, 3), params=24), params=15)
        assert network.kinds() == ["Gemm", "Add"]

    @pytest.mark.parametrize("place", ["before", "far before", "after"])
    def test_a_scale_of_a_product_is_dropped(self, place: str) -> None:
        network = OperatorList((1, 2, 5, 8))
        left = network.add("Tanh", 0)
        if "before" in place:
            left = network.add("Mul", left, values=(None, 0.5))
        right = network.add("Sin", 0)
        if place == "far before":
            right = network.add("Div", right, values=(None, 3.0))
        right = network.add("Transpose", right, shape=(1, 2, 8, 5), values=(0, 1, 3, 2))
        product = network.add("MatMul", left, right, shape=(1, 2, 5, 5))
        if place == "after":
            product = network.add("Div", product, values=(None, math.sqrt(8)))
        network.add("Softmax", product)
        assert sorted(network.kinds()) == ["MatMul", "Sin", "Softmax", "Tanh", "Transpose"]

    def test_a_scale_that_others_read_stays(self) -> None:
        network = OperatorList((5, 5))
        scaled = network.add("Mul", network.add("Tanh", 0), values=(None, 0.5))
        network.add("Add", network.add("MatMul", scaled, scaled), scaled)
        assert network.kinds() == ["Tanh", "Mul", "MatMul", "Add"]

    def test_a_linear_layer_reads_what_a_reshape_of_its_rows_reads(self) -> None:
        flat, plain = OperatorList((2, 5, 8)), OperatorList((2, 5, 8))
        rows = flat.add("Reshape", flat.add("Relu", 0), shape=(10, 8))
        flat.add("Reshape", flat.add("Gemm", rows, shape=(10, 3), params=24, flops=480), shape=(2, 5, 3))
        plain.add("Gemm", plain.add("Relu", 0), shape=(2, 5, 3), params=24, flops=480)
        assert flat.graph() == plain.graph()


class TestGlobalPools:
    def test_a_mean_over_an_image_is_a_pool(self) -> None:
        network = OperatorList()
        network.add("ReduceMean", 0, shape=(1, 8, 1, 1), values=(2, 3))
        assert network.kinds() == ["GlobalAveragePool"]

    def test_without_the_axes_a_reshape_follows(self) -> None:
        network = OperatorList()
        network.add("ReduceMean", 0, shape=(1, 8), values=(2, 3))
        pool, reshape = network.simplified()[1:]
        assert (pool.kind, pool.output_shape) == ("GlobalAveragePool", (1, 8, 1, 1))
        assert (reshape.kind, reshape.output_shape) == ("Reshape", (1, 8))

    def test_an_average_pool_over_all_is_global(self) -> None:
        network = OperatorList()
        network.add("AveragePool", 0, shape=(1, 8, 1, 1), kernel=(4, 4), stride=(1, 1), padding=(0,) * 4)
        assert network.kinds() == ["GlobalAveragePool"]

    @pytest.mark.parametrize("axes", [(1,), (3,), (1, 2, 3), ()])
    def test_other_means_stay(self, axes: tuple[int, ...]) -> None:
        network = OperatorList()
        network.add("ReduceMean", 0, shape=(1, 8, 1), values=axes)
        assert network.kinds() == ["ReduceMean"]


def _gelu(network: OperatorList, x: int) -> int:
    erf = network.add("Erf", network.add("Div", x, values=(None, math.sqrt(2))))
    return network.add("Mul", network.add("Mul", x, network.add("Add", erf, values=(None, 1.0))), values=(None, 0.5))


def _gelu_in_another_order(network: OperatorList, x: int) -> int:
    erf = network.add("Erf", network.add("Mul", x, values=(0.70710678, None)))
    halved = network.add("Mul", network.add("Add", erf, values=(1.0, None)), values=(0.5, None))
    return network.add("Mul", halved, x)


def _gelu_of_tanh(network: OperatorList, x: int) -> int:
    cubic = network.add("Mul", network.add("Pow", x, values=(None, 3.0)), values=(None, 0.044715))
    inner = network.add("Mul", network.add("Add", x, cubic), values=(None, math.sqrt(2 / math.pi)))
    outer = network.add("Add", network.add("Tanh", inner), values=(None, 1.0))
    return network.add("Mul", network.add("Mul", x, values=(None, 0.5)), outer)


def _hard_swish(network: OperatorList, x: int) -> int:
    clipped = network.add("Clip", network.add("Add", x, values=(None, 3.0)), values=(None, 0.0, 6.0))
    return network.add("Div", network.add("Mul", x, clipped), values=(None, 6.0))


def _hard_swish_of_hard_sigmoid(network: OperatorList, x: int) -> int:
    return network.add("Mul", x, network.add("HardSigmoid", x, values=(None, 1 / 6, 0.5)))


def _hard_sigmoid(network: OperatorList, x: int) -> int:
    clipped = network.add("Clip", network.add("Add", x, values=(None, 3.0)), values=(None, 0.0, 6.0))
    return network.add("Div", clipped, values=(None, 6.0))


def _silu(network: OperatorList, x: int) -> int:
    return network.add("Mul", x, network.add("Sigmoid", x))


def _silu_of_exponential(network: OperatorList, x: int) -> int:
    return network.add("Div", x, network.add("Add", network.add("Exp", network.add("Neg", x)), values=(1.0, None)))


def _mish(network: OperatorList, x: int) -> int:
    return network.add("Mul", x, network.add("Tanh", network.add("Softplus", x)))


Part = Callable[[OperatorList, int], int]
ACTIVATIONS: list[tuple[Part, str]] = [
    (_gelu, "Gelu"),
    (_gelu_in_another_order, "Gelu"),
    (_gelu_of_tanh, "Gelu"),
    (_hard_swish, "HardSwish"),
    (_hard_swish_of_hard_sigmoid, "HardSwish"),
    (_hard_sigmoid, "HardSigmoid"),
    (_silu, "Silu"),
    (_silu_of_exponential, "Silu"),
    (_mish, "Mish"),
]


class TestActivations:
    @pytest.mark.parametrize(("spelt_out", "kind"), ACTIVATIONS)
    def test_one_that_is_spelt_out_is_recognised(self, spelt_out: Part, kind: str) -> None:
        network = OperatorList()
        network.add("Softmax", spelt_out(network, conv(network)))
        assert network.kinds() == ["Conv", kind, "Softmax"]

    @pytest.mark.parametrize(("spelt_out", "kind"), ACTIVATIONS)
    def test_two_in_a_row_are_two(self, spelt_out: Part, kind: str) -> None:
        network = OperatorList()
        spelt_out(network, spelt_out(network, 0))
        assert network.kinds() == [kind, kind]

    @pytest.mark.parametrize(("spelt_out", "kind"), ACTIVATIONS)
    def test_without_its_constants_it_stays(self, spelt_out: Part, kind: str) -> None:
        network = OperatorList()
        spelt_out(network, 0)
        n_constants, network.values = len(network.values), {}
        assert (kind in network.kinds()) == (n_constants == 0)

    @pytest.mark.parametrize(("spelt_out", "kind"), ACTIVATIONS)
    def test_a_part_that_others_read_stays(self, spelt_out: Part, kind: str) -> None:
        network = OperatorList()
        last = spelt_out(network, 0)
        part = network.add("Softmax", 1)
        assert network.operators[1].kind in network.kinds(last, part)

    def test_other_constants_make_another_function(self) -> None:
        network = OperatorList()
        erf = network.add("Erf", network.add("Div", 0, values=(None, 2.0)))
        network.add("Mul", network.add("Mul", 0, network.add("Add", erf, values=(None, 1.0))), values=(None, 0.5))
        assert network.kinds() == ["Div", "Erf", "Add", "Mul", "Mul"]

    def test_a_gate_by_another_tensor_is_no_silu(self) -> None:
        network = OperatorList()
        network.add("Mul", conv(network), network.add("Sigmoid", conv(network)))
        assert sorted(network.kinds()) == ["Conv", "Conv", "Mul", "Sigmoid"]

    def test_a_gate_per_channel_is_no_silu(self) -> None:
        network = OperatorList((1, 8, 1, 1))
        network.add("Mul", 0, network.add("Sigmoid", 0), shape=(1, 8, 4, 4))
        assert network.kinds() == ["Sigmoid", "Mul"]


def _layer_norm(network: OperatorList, x: int, *, affine: bool = True, square: str = "Pow", axis: int = 2) -> int:
    means = tuple(1 if place == axis else size for place, size in enumerate(network.operators[x].output_shape))
    centred = network.add("Sub", x, network.add("ReduceMean", x, shape=means, values=(axis,)))
    squared = (
        network.add("Pow", centred, values=(None, 2.0)) if square == "Pow" else network.add("Mul", centred, centred)
    )
    variance = network.add("ReduceMean", squared, shape=means, values=(axis,))
    root = network.add("Sqrt", network.add("Add", variance, values=(None, 1e-5)))
    last = network.add("Div", centred, root)
    if affine:
        last = network.add("Add", network.add("Mul", last, params=8), params=8)
    return last


class TestNormalisations:
    @pytest.mark.parametrize("affine", [True, False])
    @pytest.mark.parametrize("square", ["Pow", "Mul"])
    def test_a_layer_norm_is_recognised(self, square: str, affine: bool) -> None:
        network = OperatorList((1, 5, 8))
        network.add("Relu", _layer_norm(network, 0, affine=affine, square=square))
        norm, relu = network.simplified()[1:]
        assert (norm.kind, norm.params, relu.kind) == ("LayerNormalization", 16 if affine else 0, "Relu")

    def test_over_another_axis_it_stays(self) -> None:
        network = OperatorList((1, 5, 8))
        _layer_norm(network, 0, axis=1)
        assert "LayerNormalization" not in network.kinds()

    @pytest.mark.parametrize("inverse", ["Reciprocal", "Div", "Pow", "direct"])
    def test_a_norm_by_the_mean_square_is_recognised(self, inverse: str) -> None:
        network = OperatorList((1, 5, 8))
        mean = network.add("ReduceMean", network.add("Pow", 0, values=(None, 2.0)), shape=(1, 5, 1), values=(2,))
        shifted = network.add("Add", mean, values=(None, 1e-6))
        if inverse == "direct":
            last = network.add("Div", 0, network.add("Sqrt", shifted))
        elif inverse == "Pow":
            last = network.add("Mul", 0, network.add("Pow", shifted, values=(None, -0.5)))
        else:
            values = (1.0, None) if inverse == "Div" else ()
            last = network.add("Mul", 0, network.add(inverse, network.add("Sqrt", shifted), values=values))
        network.add("Mul", last, params=8)
        (norm,) = network.simplified()[1:]
        assert (norm.kind, norm.params) == ("RMSNormalization", 8)

    def test_a_group_norm_is_recognised(self) -> None:
        network = OperatorList()
        grouped = network.add("Reshape", 0, shape=(1, 2, 64))
        normal = network.add("InstanceNormalization", grouped, params=4)
        back = network.add("Reshape", normal, shape=IMAGE)
        network.add("Add", network.add("Mul", back, params=8), params=8)
        (norm,) = network.simplified()[1:]
        assert (norm.kind, norm.params, norm.output_shape) == ("GroupNormalization", 16, IMAGE)


class TestSlices:
    def test_slices_of_all_of_an_axis_are_a_split(self) -> None:
        network, split = OperatorList(), OperatorList()
        parts = [network.add("Slice", 0, shape=(1, 4, 4, 4), values=(1, start, start + 4, 1)) for start in (4, 0)]
        network.add("Add", network.add("Relu", parts[0]), parts[1])
        halves = split.add("Split", 0, output_shapes=((1, 4, 4, 4), (1, 4, 4, 4)))
        split.add("Add", split.add("Relu", halves, input_slots=(1,)), halves)
        assert network.graph() == split.graph()

    @pytest.mark.parametrize("starts", [(0, 3), (0, 5), (4,), (0, 4, 4)])
    def test_slices_of_less_or_more_stay(self, starts: tuple[int, ...]) -> None:
        network = OperatorList()
        parts = [
            network.add("Tanh", network.add("Slice", 0, shape=(1, 4, 4, 4), values=(1, start, min(8, start + 4), 1)))
            for start in starts
        ]
        kinds = network.kinds(*parts)
        assert ("Split" in kinds) == (set(starts) == {0, 4})

    def test_slices_in_a_row_are_one(self) -> None:
        network = OperatorList()
        first = network.add("Slice", 0, shape=(1, 2, 4, 4), values=(1, 0, 2, 1))
        network.add("Slice", first, shape=(1, 2, 1, 4), values=(2, 3, 4, 1))
        assert network.kinds() == ["Slice"]

    def test_two_cuts_of_one_axis_are_two(self) -> None:
        network = OperatorList()
        first = network.add("Slice", 0, shape=(1, 4, 4, 4), values=(1, 0, 4, 1))
        network.add("Slice", first, shape=(1, 1, 4, 4), values=(1, 3, 4, 1))
        assert network.kinds() == ["Slice", "Slice"]


def test_what_is_computed_twice_is_computed_once() -> None:
    network = OperatorList()
    network.add("Add", network.add("Tanh", network.add("Relu", 0)), network.add("Sin", network.add("Relu", 0)))
    assert sorted(network.kinds()) == ["Add", "Relu", "Sin", "Tanh"]


def test_transposes_that_differ_are_two() -> None:
    network = OperatorList((2, 3, 3))
    turned = [network.add("Transpose", 0, shape=(3, 2, 3), values=order) for order in ((1, 0, 2), (2, 0, 1))]
    network.add("Add", *turned)
    assert network.kinds() == ["Transpose", "Transpose", "Add"]


def test_equal_layers_with_weights_stay_two() -> None:
    network = OperatorList()
    network.add("Add", conv(network), conv(network))
    assert network.kinds() == ["Conv", "Conv", "Add"]


def test_swapped_operands_make_no_difference() -> None:
    networks = []
    for swapped in (False, True):
        network = OperatorList()
        operands = [network.add("Tanh", 0), conv(network)]
        network.add("Add", *(operands[::-1] if swapped else operands))
        networks.append(network.graph())
    assert networks[0] == networks[1]


def test_swapped_operands_of_a_division_make_a_difference() -> None:
    networks = []
    for swapped in (False, True):
        network = OperatorList()
        operands = [network.add("Tanh", 0), conv(network)]
        network.add("Div", *(operands[::-1] if swapped else operands))
        networks.append(network.graph())
    assert networks[0] != networks[1]
