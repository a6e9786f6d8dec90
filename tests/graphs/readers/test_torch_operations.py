"""Single operations of torch in all their forms."""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from nassurrogate.graphs.operator_graph import OperatorGraph
from tests.graphs.readers.torch_forms import SHAPE, Form, kinds, read

SAME: dict[str, list[Callable[..., Any]]] = {
    "Relu": [torch.relu, F.relu, lambda x: x.relu(), nn.ReLU(inplace=True), torch.ops.aten.relu.default],
    "Clip": [F.relu6, nn.Hardtanh(0, 6), lambda x: x.clamp(0, 6), lambda x: torch.clip(x, min=0, max=6)],
    "HardSwish": [F.hardswish, nn.Hardswish(), lambda x: x * F.relu6(x + 3) / 6, lambda x: x * F.hardsigmoid(x)],
    "Silu": [F.silu, nn.SiLU(), lambda x: x * torch.sigmoid(x), lambda x: x.sigmoid().mul(x)],
    "Gelu": [F.gelu, nn.GELU(), lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5))],
    "Softmax": [lambda x: x.softmax(-1), lambda x: F.softmax(x, dim=-1), nn.Softmax(-1)],
    "Reshape": [
        lambda x: x.flatten(1),
        lambda x: torch.flatten(x, 1),
        lambda x: x.view(1, -1),
        lambda x: x.reshape(x.shape[0], -1),
        nn.Flatten(),
        lambda x: x.squeeze(0).reshape(1, -1),
    ],
    "Transpose": [
        lambda x: x.permute(0, 2, 3, 1),
        lambda x: torch.permute(x, (0, 2, 3, 1)),
        lambda x: x.transpose(1, 2).transpose(2, 3),
        lambda x: x.movedim(1, -1),
        lambda x: x.swapaxes(1, 2).swapaxes(2, -1),
    ],
    "GlobalAveragePool": [
        nn.AdaptiveAvgPool2d(1),
        lambda x: F.adaptive_avg_pool2d(x, (1, 1)),
        lambda x: x.mean((2, 3), keepdim=True),
        lambda x: torch.mean(x, dim=[-1, -2], keepdim=True),
        lambda x: F.avg_pool2d(x, x.shape[2:]),
    ],
    "MaxPool": [nn.MaxPool2d(2), lambda x: F.max_pool2d(x, 2), lambda x: F.max_pool2d(x, 2, return_indices=True)[0]],
    "AveragePool": [nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(4)],
    "Resize": [nn.Upsample(scale_factor=2), lambda x: F.interpolate(x, size=(16, 16), mode="bilinear")],
    "Slice": [lambda x: x[:, :, ::2], lambda x: x[..., ::2, :], lambda x: x[:, :, slice(0, None, 2)]],
    "Pad": [lambda x: F.pad(x, (1, 1, 1, 1)), nn.ZeroPad2d(1), nn.ReflectionPad2d(1)],
    "ReduceSum": [lambda x: x.sum(1), lambda x: torch.sum(x, dim=1)],
    "ReduceMax": [lambda x: x.amax(1), lambda x: x.max(1).values, lambda x: torch.max(x, 1)[0]],
    "DepthToSpace": [nn.PixelShuffle(2), lambda x: F.pixel_shuffle(x, 2)],
    "BatchNormalization": [nn.BatchNorm2d(4)],
    "LayerNormalization": [nn.LayerNorm(8)],
    "GroupNormalization": [nn.GroupNorm(2, 4)],
}


def read_form(form: Callable[..., Any]) -> OperatorGraph:
    return read(operator.call, parts=(form,)) if isinstance(form, nn.Module) else read(form)


@pytest.mark.parametrize("kind", SAME)
def test_all_forms_of_an_operation_are_one_graph(kind: str) -> None:
    graphs = [
        read(form) if not isinstance(form, nn.Module) else read(operator.call, parts=(form,)) for form in SAME[kind]
    ]
    assert kinds(graphs[0]) == [kind]
    assert [graph == graphs[0] for graph in graphs] == [True] * len(graphs)


@pytest.mark.parametrize(
    "form",
    [
        nn.Identity(),
        nn.Dropout(0.5),
        lambda x: F.dropout(x, 0.5, training=False),
        lambda x: x.contiguous().clone().detach(),
        lambda x: x.half().float(),
        lambda x: x.to(torch.float64),
        lambda x: x.view(SHAPE),
        lambda x: x.permute(0, 1, 2, 3),
        lambda x: F.pad(x, (0, 0)),
        lambda x: x[:, :, :],
        lambda x: x.expand(1, 4, 8, 8),
        lambda x: x + 0,
    ],
)
def test_operations_that_do_nothing_disappear(form: Callable[..., Any]) -> None:
    graph = read(lambda x: form(x).relu()) if not isinstance(form, nn.Module) else read(_then_relu, parts=(form,))
    assert kinds(graph) == ["Relu"]


def _then_relu(part: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return part(x).relu()  # type: ignore[no-any-return]


def _in_place(x: torch.Tensor) -> torch.Tensor:
    x = x.abs()
    x += 2
    x *= x
    return x.relu_()


def test_operators_in_place() -> None:
    assert read(_in_place) == read(lambda x: (lambda y: (y * y).relu())(x.abs() + 2))


def _part_in_place(x: torch.Tensor) -> torch.Tensor:
    x = x * 2
    x[:, 0].relu_()
    return x


def test_a_part_that_changes_in_place_changes_the_whole() -> None:
    assert kinds(read(_part_in_place)) == ["Mul", "Slice", "Reshape", "Relu", "ScatterND"]


def test_what_no_output_needs_is_dropped() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        _ = torch.exp(x)
        return x.relu()

    assert kinds(read(function)) == ["Relu"]


class Outputs(NamedTuple):
    one: torch.Tensor
    more: dict[str, Any]


def test_nested_outputs_are_all_kept() -> None:
    graph = read(lambda x: Outputs(x.relu(), {"a": (x.exp(), [x.abs(), None, 3])}))
    assert sorted(kinds(graph)) == ["Abs", "Exp", "Relu"]


def test_several_inputs() -> None:
    graph = read(lambda x, y: x @ y, (1, 4, 8), (1, 8, 5))
    assert [o.kind for o in graph.operators] == ["Input", "Input", "MatMul"]
    assert graph.flops == 2 * 4 * 8 * 5


def test_the_parts_of_a_split_know_their_slot() -> None:
    graph = read(lambda x: torch.cat([x.split([1, 3], 1)[1].relu(), x.chunk(4, 1)[0].exp()], 1))
    assert graph == read(lambda x: torch.cat([x[:, 1:].relu(), x[:, :1].exp()], 1))
    by_kind = {o.kind: o for o in graph.operators}
    assert by_kind["Split"].output_shapes == ((1, 1, 8, 8), (1, 3, 8, 8))
    assert (by_kind["Relu"].input_slots, by_kind["Exp"].input_slots) == ((1,), ())
    assert kinds(read(lambda x: x.chunk(4, 1)[2].relu())) == ["Slice", "Relu"]


def test_a_module_used_twice_counts_twice() -> None:
    conv = nn.Conv2d(4, 4, 1)
    graph = read(lambda conv, x: conv(conv(x)), parts=(conv,))
    assert (kinds(graph), graph.params) == (["Conv", "Conv"], 2 * 20)


@pytest.mark.parametrize(
    ("part", "shape", "kind"),
    [
        (nn.Conv1d(4, 6, 3, padding=1), (2, 4, 9), "Conv"),
        (nn.Conv2d(4, 6, (3, 1), stride=2, groups=2), (2, 4, 9, 9), "Conv"),
        (nn.Conv2d(4, 6, 3, padding="same", dilation=2, bias=False), (2, 4, 9, 9), "Conv"),
        (nn.Conv3d(4, 6, 3), (2, 4, 5, 5, 5), "Conv"),
        (nn.ConvTranspose1d(4, 6, 3, stride=2), (2, 4, 9), "ConvTranspose"),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2, output_padding=1), (2, 4, 9, 9), "ConvTranspose"),
        (nn.Linear(8, 3), (2, 8), "Gemm"),
        (nn.Linear(8, 3, bias=False), (2, 5, 8), "Gemm"),
        (nn.Bilinear(8, 8, 3), (2, 8), None),
        (nn.LSTM(8, 4, num_layers=2, bidirectional=True), (5, 2, 8), None),
        (nn.LSTM(8, 4, batch_first=True), (2, 5, 8), None),
        (nn.GRU(8, 4), (5, 2, 8), None),
        (nn.RNN(8, 4), (5, 2, 8), None),
        (nn.LSTMCell(8, 4), (2, 8), "LSTM"),
        (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 5, 8), None),
        (nn.TransformerDecoderLayer(8, 2, 16), (5, 2, 8), None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_flops_and_params_of_layers(part: nn.Module, shape: tuple[int, ...], kind: str | None) -> None:
    n_inputs = 2 if isinstance(part, nn.Bilinear | nn.TransformerDecoderLayer) else 1
    graph = read(lambda part, *x: part(*x), *[shape] * n_inputs, parts=(part,))
    with FlopCounterMode(display=False) as counter:  # without data, as the CPU runs an LSTM where it is not seen
        part.to("meta")(*[torch.zeros(shape, device="meta")] * n_inputs)
    assert graph.params == sum(p.numel() for p in part.parameters())
    if not isinstance(part, nn.Bilinear):  # the counter sees another order of products
        assert graph.flops == counter.get_total_flops()
    if kind is not None:
        assert kinds(graph) == [kind]


@pytest.mark.parametrize(
    ("part", "kind", "shape", "layers"),
    [
        (nn.LSTM(8, 4), "LSTM", (5, 2, 8), 1),
        (nn.LSTM(8, 4, num_layers=3, bidirectional=True, batch_first=True), "LSTM", (2, 5, 8), 3),
        (nn.GRU(8, 4, num_layers=2), "GRU", (5, 8), 2),
        (nn.RNN(8, 4, nonlinearity="relu"), "RNN", (5, 2, 8), 1),
    ],
)
def test_recurrent_modules_are_one_operator_a_layer(
    part: nn.Module, kind: str, shape: tuple[int, ...], layers: int
) -> None:
    whole = read(lambda part, x: part(x), shape, parts=(part,))
    assert kinds(whole).count(kind) == layers
    assert kinds(read(lambda part, x: part(x)[0], shape, parts=(part,))).count(kind) == layers
    last = read(lambda part, x: part(x)[0].relu(), shape, parts=(part,)).operators[-1]
    assert last.output_shape == tuple(part(torch.zeros(shape))[0].shape)


@given(
    channels=st.integers(1, 3),
    out=st.integers(1, 3),
    groups=st.integers(1, 3),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    bias=st.booleans(),
)
def test_any_convolution(
    channels: int, out: int, groups: int, kernel: int, stride: int, padding: int, dilation: int, *, bias: bool
) -> None:
    conv = nn.Conv2d(groups * channels, groups * out, kernel, stride, padding, dilation, groups, bias)
    shape = (2, groups * channels, 9, 8)
    found = read(operator.call, shape, parts=(conv,)).operators[1]
    with FlopCounterMode(display=False) as counter:
        output = conv(torch.zeros(shape))
    assert found.output_shape == tuple(output.shape)
    assert (found.flops, found.params) == (counter.get_total_flops(), sum(p.numel() for p in conv.parameters()))
    assert (found.kernel, found.stride, found.dilation) == ((kernel,) * 2, (stride,) * 2, (dilation,) * 2)
    assert (found.padding, found.groups, found.bias) == ((padding,) * 4, groups, bias)


def test_batch_norm_is_folded_only_into_a_layer_that_nothing_else_reads() -> None:
    conv, norm = nn.Conv2d(4, 6, 1, bias=False), nn.BatchNorm2d(6)
    folded = read(lambda conv, norm, x: norm(conv(x)), parts=(conv, norm))
    assert (kinds(folded), folded.params, folded.operators[1].bias) == (["Conv"], 24 + 6, True)
    kept = read(lambda conv, norm, x: (lambda y: norm(y) + y)(conv(x)), parts=(conv, norm))
    assert kinds(kept) == ["Conv", "BatchNormalization", "Add"]
    alone = read(lambda norm, x: norm(x.relu()), (1, 6, 8, 8), parts=(norm,))
    assert (kinds(alone), alone.params) == (["Relu", "BatchNormalization"], 12)


def test_weights_that_are_computed_are_constants() -> None:
    conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 6, 3))
    assert read(operator.call, parts=(conv,)) == read(operator.call, parts=(nn.Conv2d(4, 6, 3),))


def test_constant_operands() -> None:
    scale = nn.Parameter(torch.ones(4, 1, 1))
    assert read(lambda scale, x: x * scale, parts=(scale,)).params == 4
    assert read(lambda x: x * 3 - 1).params == 0
    assert read(lambda scale, x: x + scale.expand(4, 8, 8), parts=(scale,)).params == 4
    token = read(
        lambda token, x: torch.cat([token.expand(2, -1, -1), x], 1),
        (2, 5, 8),
        parts=(nn.Parameter(torch.ones(1, 1, 8)),),
    )
    assert (kinds(token), token.params) == (["Concat"], 8)


def test_attention_is_two_products_and_a_softmax() -> None:
    graph = read(F.scaled_dot_product_attention, (2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 8))
    assert kinds(graph) == ["Transpose", "MatMul", "Softmax", "MatMul"]
    assert graph.flops == 2 * (2 * 2 * 3 * 5 * 7 * 8)
    by_hand = read(lambda q, k, v: (q @ k.mT / 8**0.5).softmax(-1) @ v, (2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 8))
    assert graph == by_hand
    causal = read(lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True), (2, 3, 5, 8))
    assert kinds(causal) == ["Transpose", "MatMul", "Add", "Softmax", "MatMul"]


@pytest.mark.parametrize(
    ("equation", "shapes", "flops"),
    [
        ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)], 2 * 2 * 3 * 4 * 5),
        ("bhqd,bhkd->bhqk", [(2, 3, 4, 8), (2, 3, 5, 8)], 2 * 2 * 3 * 4 * 5 * 8),
        ("...ij,jk->...ik", [(2, 3, 4), (4, 5)], 2 * 2 * 3 * 4 * 5),
    ],
)
def test_einsum_is_a_product(equation: str, shapes: list[tuple[int, ...]], flops: int) -> None:
    graph = read(lambda *x: torch.einsum(equation, *x), *shapes)
    assert (kinds(graph), graph.flops) == (["MatMul"], flops)


def test_embedding_reads_indices() -> None:
    graph = read(operator.call, (2, 5), parts=(nn.Embedding(10, 8),), dtypes=torch.long)
    assert (kinds(graph), graph.params, graph.operators[1].output_shape) == (["Gather"], 80, (2, 5, 8))


def test_control_flow_that_depends_on_shapes_is_followed() -> None:
    graph = read(lambda x: x.exp() if x.shape[0] > 1 else x.relu())
    assert kinds(graph) == ["Relu"]


@torch.jit.script
def scripted(x: torch.Tensor) -> torch.Tensor:
    """Code that runs where Python does not see it."""
    return torch.relu(x * 2)


def test_scripted_functions_are_read_by_torch_export() -> None:
    assert kinds(read(lambda x: scripted(x.exp()))) == ["Exp", "Mul", "Relu"]


def test_unknown_operators_keep_their_names_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="nassurrogate"):
        graph = read(lambda x: torch.fft.fft2(torch.fft.fft2(x)).real.relu())
    assert kinds(graph) == ["torch.fft_fft2", "torch.fft_fft2", "Relu"]
    assert [record.message.count("torch.fft_fft2") for record in caplog.records] == [1]


def test_form_of_tests_is_a_module() -> None:
    assert Form(torch.relu)(torch.tensor([-1.0, 2.0])).tolist() == [0.0, 2.0]
