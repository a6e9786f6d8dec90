"""Operators of ONNX as operators of a graph: attributes, weights and operations."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from nassurrogate.errors import InputError
from nassurrogate.graphs.operator_graph import Operator
from nassurrogate.graphs.readers.onnx_reader import read_onnx
from tests.graphs.readers.onnx_models import Sizes, integers, model, node, scalar, weight


def operators(*args: Any, **options: Any) -> list[Operator]:
    """The operators of a model without its inputs."""
    return [operator for operator in read_onnx(model(*args, **options)).operators if operator.kind != "Input"]


def single(*args: Any, **options: Any) -> Operator:
    """The one operator of a model."""
    (operator,) = operators(*args, **options)
    return operator


def kinds(*args: Any, **options: Any) -> list[str]:
    return [operator.kind for operator in operators(*args, **options)]


class TestConvolutions:
    @given(
        stride=st.integers(1, 3),
        padding=st.integers(0, 2),
        dilation=st.integers(1, 2),
        kernel=st.integers(1, 3),
        groups=st.sampled_from([1, 2]),
        bias=st.booleans(),
    )
    def test_one_counts_as_in_pytorch(
        self, stride: int, padding: int, dilation: int, kernel: int, groups: int, bias: bool
    ) -> None:
        module = torch.nn.Conv2d(4, 6, kernel, stride, padding, dilation, groups, bias)
        with FlopCounterMode(display=False) as counter:
            output = module(torch.zeros(2, 4, 9, 7))
        constants = [weight("w", 6, 4 // groups, kernel, kernel), *([weight("b", 6)] if bias else [])]
        window = {"strides": [stride] * 2, "pads": [padding] * 4, "dilations": [dilation] * 2}
        conv = node("Conv", "x w b" if bias else "x w", group=groups, **window)
        assert single([conv], {"x": (2, 4, 9, 7)}, constants) == Operator(
            "Conv",
            (0,),
            (tuple(output.shape),),
            kernel=(kernel, kernel),
            stride=(stride, stride),
            padding=(padding,) * 4,
            dilation=(dilation, dilation),
            groups=groups,
            bias=bias,
            params=sum(p.numel() for p in module.parameters()),
            flops=counter.get_total_flops(),
        )

    @given(stride=st.integers(1, 3), padding=st.integers(0, 1), extra=st.integers(0, 1), groups=st.sampled_from([1, 2]))
    def test_a_transposed_one_counts_as_in_pytorch(self, stride: int, padding: int, extra: int, groups: int) -> None:
        extra = min(extra, stride - 1)
        module = torch.nn.ConvTranspose2d(4, 6, 3, stride, padding, extra, groups)
        with FlopCounterMode(display=False) as counter:
            output = module(torch.zeros(2, 4, 5, 6))
        window = {"strides": [stride] * 2, "pads": [padding] * 4, "output_padding": [extra] * 2}
        constants = [weight("w", 4, 6 // groups, 3, 3), weight("b", 6)]
        found = single([node("ConvTranspose", "x w b", group=groups, **window)], {"x": (2, 4, 5, 6)}, constants)
        assert (found.output_shape, found.padding) == (tuple(output.shape), (padding,) * 4)
        assert found.params == sum(p.numel() for p in module.parameters())
        assert found.flops == counter.get_total_flops()

    @given(
        mode=st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID"]),
        size=st.integers(5, 12),
        kernel=st.integers(1, 4),
        stride=st.integers(1, 3),
    )
    def test_automatic_padding_is_the_one_that_leads_to_the_same_shape(
        self, mode: str, size: int, kernel: int, stride: int
    ) -> None:
        inputs: dict[str, Sizes] = {"x": (1, 3, size, size)}
        constants = [weight("w", 4, 3, kernel, kernel)]
        automatic = single([node("Conv", "x w", auto_pad=mode, strides=[stride] * 2)], inputs, constants)
        explicit = node("Conv", "x w", pads=automatic.padding, strides=[stride] * 2)
        assert single([explicit], inputs, constants) == automatic
        more_at_end = [end - begin for begin, end in zip(automatic.padding[:2], automatic.padding[2:], strict=True)]
        assert set(more_at_end) <= ({0, 1} if mode == "SAME_UPPER" else {0, -1} if mode == "SAME_LOWER" else {0})

    def test_an_output_shape_that_is_asked_for_sets_the_padding(self) -> None:
        conv = node("ConvTranspose", "x w", strides=[2, 2], output_shape=[16, 16])
        found = single([conv], {"x": (1, 3, 8, 8)}, [weight("w", 3, 4, 3, 3)])
        assert (found.output_shape, found.padding) == ((1, 4, 16, 16), (1, 1, 0, 0))

    def test_pools_have_windows(self) -> None:
        pool = node("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1)
        found = single([pool])
        assert (found.kernel, found.stride, found.padding) == ((3, 3), (2, 2), (1, 1, 1, 1))
        assert (found.dilation, found.output_shape) == ((1, 1), (1, 3, 5, 5))

    def test_channels_that_do_not_fit_are_refused(self) -> None:
        reason = r"net: Conv 'y' does not fit its inputs: the input has 3 channels, the weight is for 4$"
        with pytest.raises(InputError, match=reason):
            operators([node("Conv", "x w")], constants=[weight("w", 4, 4, 3, 3)])

    def test_a_weight_that_is_computed_is_an_input(self) -> None:
        found = operators([node("Relu", "v", "w"), node("Conv", "x w")], {"x": (1, 3, 8, 8), "v": (4, 3, 3, 3)})[-1]
        assert (found.kind, found.inputs, found.params) == ("Conv", (0, 2), 0)


class TestProducts:
    @pytest.mark.parametrize("transposed", [0, 1])
    def test_gemm(self, transposed: int) -> None:
        constants = [weight("w", *((5, 8) if transposed else (8, 5))), weight("b", 5)]
        found = single([node("Gemm", "x w b", transB=transposed)], {"x": (2, 8)}, constants)
        assert found == Operator("Gemm", (0,), ((2, 5),), bias=True, params=45, flops=160)

    def test_a_product_with_a_constant_matrix_is_a_linear_layer(self) -> None:
        nodes = [node("MatMul", "x w", "m"), node("Add", "b m")]
        found = single(nodes, {"x": (2, 7, 8)}, [weight("w", 8, 5), weight("b", 5)])
        assert found == Operator("Gemm", (0,), ((2, 7, 5),), bias=True, params=45, flops=1120)

    def test_a_product_of_two_tensors(self) -> None:
        found = single([node("MatMul", "x z")], {"x": (2, 3, 4, 5), "z": (3, 5, 6)})
        assert found == Operator("MatMul", (0, 1), ((2, 3, 4, 6),), flops=2 * 2 * 3 * 4 * 6 * 5)

    def test_gemm_of_two_tensors_is_a_product_and_a_sum(self) -> None:
        found = operators([node("Gemm", "x z c")], {"x": (4, 5), "z": (5, 6), "c": (4, 6)})
        assert [(operator.kind, operator.flops) for operator in found] == [("MatMul", 240), ("Add", 0)]

    @pytest.mark.parametrize(
        ("equation", "shapes"),
        [
            ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
            ("bhid,bhjd->bhij", [(2, 2, 3, 4), (2, 2, 5, 4)]),
            ("...ij,...jk->...ik", [(2, 2, 3, 4), (2, 2, 4, 5)]),
        ],
    )
    def test_einsum_counts_as_in_pytorch(self, equation: str, shapes: list[tuple[int, ...]]) -> None:
        with FlopCounterMode(display=False) as counter:
            torch.einsum(equation, *(torch.zeros(shape) for shape in shapes))
        found = single([node("Einsum", "x z", equation=equation)], dict(zip("xz", shapes, strict=True)))
        assert found.flops == counter.get_total_flops()

    @pytest.mark.parametrize(("op_type", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
    def test_recurrent_layers(self, op_type: str, gates: int) -> None:
        module = getattr(torch.nn, op_type)(8, 16, bidirectional=True)
        constants = [weight("w", 2, 16 * gates, 8), weight("r", 2, 16 * gates, 16), weight("b", 2, 32 * gates)]
        layer = node(op_type, "x w r b", hidden_size=16, direction="bidirectional")
        found = single([layer], {"x": (5, 3, 8)}, constants)
        assert found.params == sum(p.numel() for p in module.parameters())
        assert found.flops == 2 * 5 * 3 * 2 * gates * 16 * (8 + 16)
        assert found.output_shape == (5, 2, 3, 16)

    @pytest.mark.parametrize("rank", [3, 4])
    def test_attention_in_one_operator_is_taken_apart(self, rank: int) -> None:
        heads = {"q_num_heads": 2, "kv_num_heads": 2} if rank == 3 else {}
        shape = (1, 5, 16) if rank == 3 else (1, 2, 5, 8)
        found = operators([node("Attention", "q k v", **heads)], dict.fromkeys("qkv", shape), opset=23)
        with FlopCounterMode(display=False) as counter:
            query = torch.zeros(1, 2, 5, 8, device="meta")
            F.scaled_dot_product_attention(query, query, query)
        assert sum(operator.flops for operator in found) == counter.get_total_flops()
        assert [x.kind for x in found if x.kind not in ("Reshape", "Transpose")] == ["MatMul", "Softmax", "MatMul"]
        assert found[-1].output_shape == shape


class TestConstants:
    def test_scalars_are_no_weights_but_tensors_are(self) -> None:
        nodes = [node("Mul", "x s", "m"), node("Add", "m t")]
        found = operators(nodes, constants=[scalar("s", 3.0), weight("t", 3, 8, 8)])
        assert [(operator.kind, operator.inputs, operator.params) for operator in found] == [
            ("Mul", (0,), 0),
            ("Add", (1,), 192),
        ]

    def test_indices_and_sizes_are_no_weights(self) -> None:
        found = operators([node("Gather", "x i", axis=3)], constants=[integers("i", 0, 3, 3)])
        assert [(operator.kind, operator.params) for operator in found] == [("Gather", 0)]

    def test_a_table_of_embeddings_is_a_weight(self) -> None:
        found = single([node("Gather", "w x")], {"x": (1, 5)}, [weight("w", 100, 8)], types={"x": TensorProto.INT64})
        assert (found.kind, found.params, found.output_shape) == ("Gather", 800, (1, 5, 8))

    def test_what_depends_on_constants_alone_is_folded(self) -> None:
        nodes = [
            node("DequantizeLinear", "q s", "d"),
            node("Transpose", "d", "w", perm=[1, 0]),
            node("MatMul", "x w"),
        ]
        quantised = weight("q", 5, 8, elem_type=TensorProto.INT8)
        assert single(nodes, {"x": (1, 8)}, [quantised, scalar("s", 0.1)]).params == 40

    def test_a_constant_that_is_expanded_counts_once(self) -> None:
        nodes = [node("Expand", "c s", "e"), node("Concat", "e x", axis=1)]
        found = single(nodes, {"x": (4, 9, 8)}, [weight("c", 1, 1, 8), integers("s", 4, 1, 8)])
        assert (found.kind, found.params, found.output_shape) == ("Concat", 8, (4, 10, 8))

    def test_batch_norm_has_two_numbers_per_channel(self) -> None:
        constants = [weight(name, 3) for name in "smvb"]
        assert single([node("BatchNormalization", "x s b m v")], constants=constants).params == 6

    def test_constants_in_nodes(self) -> None:
        nodes = [node("Constant", "", "w", value=weight("w", 8, 4)), node("MatMul", "x w")]
        assert single(nodes, {"x": (1, 8)}).params == 32


class TestInference:
    def test_dropout_identity_and_casts_vanish(self) -> None:
        nodes = [
            node("Relu", "x", "a"),
            node("Dropout", "a", "b mask"),
            node("Identity", "b", "c"),
            node("Cast", "c", "d", to=TensorProto.FLOAT16),
            node("Tanh", "d"),
        ]
        assert kinds(nodes) == ["Relu", "Tanh"]

    def test_what_no_output_needs_is_dropped(self) -> None:
        assert kinds([node("Relu", "x"), node("Fancy", "x", "z", domain="my.ops")]) == ["Relu"]

    def test_means_over_an_image_are_pools(self) -> None:
        assert kinds([node("ReduceMean", "x", axes=[-1, -2], keepdims=0)]) == ["GlobalAveragePool", "Reshape"]

    def test_one_index_cuts_and_drops_the_axis(self) -> None:
        index = helper.make_tensor("i", TensorProto.INT64, [], [-1])
        found = operators([node("Gather", "x i", axis=1)], constants=[index])
        assert [(x.kind, x.output_shape) for x in found] == [("Slice", (1, 1, 8, 8)), ("Reshape", (1, 8, 8))]

    def test_other_outputs_are_read_by_slot(self) -> None:
        nodes = [node("Split", "x", "a b", axis=2), node("Relu", "b")]
        split, relu = operators(nodes)
        assert split.output_shapes == ((1, 3, 4, 8), (1, 3, 4, 8))
        assert (relu.inputs, relu.input_slots) == ((1,), (1,))

    def test_functions_of_the_model_are_inlined(self) -> None:
        call = model([node("Twice", "x", domain="my.ops")])
        body = helper.make_function(
            "my.ops",
            "Twice",
            ["a"],
            ["c"],
            [node("Relu", "a", "b"), node("Tanh", "b", "c")],
            [helper.make_opsetid("", 17)],
        )
        call.functions.append(body)
        assert [operator.kind for operator in read_onnx(call).operators] == ["Input", "Relu", "Tanh"]

    def test_nodes_may_be_in_any_order(self) -> None:
        nodes = [node("Relu", "x", "a"), node("Tanh", "a", "b"), node("Add", "a b")]
        assert read_onnx(model(nodes)) == read_onnx(model(nodes[::-1]))


class TestUnknownOperators:
    def test_one_warning_names_them_all(self, caplog: pytest.LogCaptureFixture) -> None:
        nodes = [
            node("Fancy", "x", "a", domain="my.ops"),
            node("Banana", "a", "b"),
            node("Fancy", "b", domain="my.ops"),
        ]
        with caplog.at_level(logging.INFO):
            assert kinds(nodes) == ["my.ops.Fancy", "Banana", "my.ops.Fancy"]
        assert len(caplog.messages) == 1
        assert caplog.messages[0].startswith("net has unknown operators: Banana, my.ops.Fancy; they count by their")

    def test_a_declared_shape_is_believed(self) -> None:
        found = operators([node("Fancy", "x w", "f"), node("Relu", "f")], {"x": ("N", 3)}, [weight("w", 7, 3)],
                          declared={"f": ("N", 7)})  # fmt: skip
        assert [(x.kind, x.output_shape, x.params) for x in found] == [("Fancy", (1, 7), 21), ("Relu", (1, 7), 0)]

    def test_shapes_that_depend_on_data_are_noted(self, caplog: pytest.LogCaptureFixture) -> None:
        nodes = [node("NonZero", "x", "n"), node("Cast", "n", "c", to=1), node("Relu", "c")]
        with caplog.at_level(logging.INFO):
            assert kinds(nodes) == ["NonZero", "Relu"]
        assert caplog.messages == ["net: shapes after NonZero are not known; those of their inputs stand in"]

    def test_a_newer_version_is_read_with_a_warning(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO):
            assert kinds([node("Relu", "x")], opset=999) == ["Relu"]
        newest = onnx.defs.onnx_opset_version()
        expected = f"net uses opset 999, newer than the installed onnx package knows: read as opset {newest}"
        assert caplog.messages == [expected]


def _branch(name: str) -> onnx.GraphProto:
    output = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
    return helper.make_graph([node("Identity", "x", name)], name, [], [output])


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([], "net is empty: its graph has no operators"),
        ([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b")], "net has a cycle: the operator "),
        ([node("Add", "x y")], "net has a cycle: the operator Add 'y' reads its own output"),
        ([node("Relu", "x"), node("Tanh", "x")], "the tensor 'y' of net is defined twice"),
        ([node("Relu", "x", "x"), node("Relu", "x")], "the tensor 'x' of net is defined twice"),
        (
            [node("Relu", "x", "conv_1"), node("Add", "x conv1", name="sum")],
            "the operator Add 'sum' of net reads 'conv1', which nothing computes; did you mean 'conv_1'?",
        ),
        ([node("Relu", "x", "z")], "an output of net reads 'y', which nothing computes"),
        ([node("Identity", "x")], "net computes nothing: it has no operators but those that change nothing"),
        ([node("Constant", "", value_float=1.0)], "net computes constants only: no output depends on an input"),
        (
            [node("Slice", "x start end")],
            "net: Slice 'y' computes an empty tensor, of shape (0, 3, 8, 8)",
        ),
        (
            [node("SequenceConstruct", "x x")],
            "net: the operator SequenceConstruct 'y' computes 'y', which is no tensor",
        ),
        (
            [node("MatMul", "x w", name="head")],
            "net: the operator MatMul 'head' cannot read inputs of the shapes (1, 3, 8, 8), (5, 2): Incompatible",
        ),
        (
            [node("If", "x", name="choice", then_branch=_branch("a"), else_branch=_branch("b"))],
            "net has the operator If 'choice', which has a graph of its own: control flow is not supported; export",
        ),
        ([node("Loop", "_ _ x", body=_branch("a"))], "net has the operator Loop 'y', which has a graph of its own"),
        ([node("Scan", "x", body=_branch("a"), num_scan_inputs=1)], "net has the operator Scan 'y', which has a graph"),
    ],
)
def test_networks_that_are_refused(nodes: list[onnx.NodeProto], expected: str) -> None:
    constants = [weight("w", 5, 2), integers("start", 1), integers("end", 1)]
    with pytest.raises(InputError) as error:
        operators(nodes, constants=constants)
    assert str(error.value).startswith(expected)
    assert len(str(error.value).splitlines()) == 1


def test_a_network_without_outputs_is_refused() -> None:
    with pytest.raises(InputError, match="net has no outputs"):
        operators([node("Relu", "x")], outputs=())


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.data())
def test_computed_shapes_are_those_of_numpy(sizes: list[int], data: st.DataObject) -> None:
    """A target shape put together from parts of the input's own shape, as exporters do."""
    cut = data.draw(st.integers(0, len(sizes)))
    nodes = [
        node("Shape", "x", "shape"),
        node("Slice", "shape zero cut", "head"),
        node("Slice", "shape cut end", "tail"),
        node("ReduceProd", "tail", "rest", keepdims=1),
        node("Concat", "head rest", "target", axis=0),
        node("Relu", "x", "r"),
        node("Reshape", "r target", "f"),
        node("Tanh", "f"),
    ]
    constants = [integers("zero", 0), integers("cut", cut), integers("end", 99)]
    found = operators(nodes, {"x": tuple(sizes)}, constants)[-1]
    expected = np.zeros(sizes).reshape(*sizes[:cut], int(np.prod(sizes[cut:])))
    assert found.output_shape == expected.shape
