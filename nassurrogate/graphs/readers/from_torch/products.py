"""Convolutions, linear layers, matrix products, attention and recurrent layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nassurrogate.graphs.operator_costs import conv_flops, conv_transpose_flops, matmul_flops
from nassurrogate.graphs.operator_graph import Shape, size_of
from nassurrogate.graphs.readers.from_torch.builder import (
    Builder,
    Call,
    Computed,
    Constant,
    Handler,
    per_axis,
    register,
    shape_of,
)

PRODUCTS: dict[str, Handler] = {}


@register(PRODUCTS, "conv1d", "conv2d", "conv3d", "convolution")
def _convolution(build: Builder, call: Call) -> Computed:
    if call.name == "convolution" and call.get(6, "transposed"):
        return _transposed(build, call)
    x, weight, bias = call.source, call.get(1, "weight"), call.get(2, "bias")
    kernel = shape_of(weight)[2:]
    dilation = per_axis(call.get(5, "dilation", 1), len(kernel))
    return build.add(
        "Conv",
        [x, weight, bias],
        call.shape,
        kernel=kernel,
        stride=per_axis(call.get(3, "stride", 1), len(kernel)),
        padding=_padding(call.get(4, "padding", 0), kernel, dilation),
        dilation=dilation,
        groups=call.get(8 if call.name == "convolution" else 6, "groups", 1),
        bias=bias is not None,
        flops=conv_flops(call.shape, shape_of(weight)),
    )


def _padding(given: Any, kernel: Shape, dilation: Shape) -> Shape:
    """All beginnings, then all ends."""
    if given == "valid":
        return (0, 0) * len(kernel)
    if given == "same":
        totals = [gap * (size - 1) for size, gap in zip(kernel, dilation, strict=True)]
        return (*(n // 2 for n in totals), *(n - n // 2 for n in totals))
    return per_axis(given, len(kernel)) * 2


@register(PRODUCTS, "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def _transposed(build: Builder, call: Call) -> Computed:
    x, weight, bias = call.source, call.get(1, "weight"), call.get(2, "bias")
    kernel = shape_of(weight)[2:]
    aten = call.name == "convolution"
    return build.add(
        "ConvTranspose",
        [x, weight, bias],
        call.shape,
        kernel=kernel,
        stride=per_axis(call.get(3, "stride", 1), len(kernel)),
        padding=per_axis(call.get(4, "padding", 0), len(kernel)) * 2,
        dilation=per_axis(call.get(5 if aten else 7, "dilation", 1), len(kernel)),
        groups=call.get(8 if aten else 6, "groups", 1),
        bias=bias is not None,
        flops=conv_transpose_flops(x.shape, shape_of(weight)),
    )


@register(PRODUCTS, "linear")
def _linear(build: Builder, call: Call) -> Computed:
    x, weight, bias = call.source, call.get(1, "weight"), call.get(2, "bias")
    if isinstance(x, Constant) or isinstance(weight, Computed):
        if isinstance(weight, Computed):
            weight = build.transpose(weight, range(len(weight.shape))[::-1])
        product = _product(build, x, weight, call.shape)
        return product if bias is None else build.elementwise("Add", [product, bias], call.shape)
    return _gemm(build, x, weight, bias, call.shape)


def _gemm(build: Builder, x: Computed, weight: Constant, bias: Any, shape: Shape) -> Computed:
    flops = matmul_flops(shape, x.shape[-1])
    return build.add("Gemm", [x, weight, bias], shape, bias=bias is not None, flops=flops)


def _product(build: Builder, a: Any, b: Any, shape: Shape) -> Computed:
    """The product of two tensors: a linear layer if the second one is a constant matrix."""
    if isinstance(b, Constant) and len(b.shape) == 2:
        return _gemm(build, a, b, None, shape)
    return build.add("MatMul", [a, b], shape, flops=matmul_flops(shape, shape_of(a)[-1]))


@register(PRODUCTS, "matmul", "rmatmul")
def _matmul(build: Builder, call: Call) -> Computed:
    a, b = call.source, call.get(1, "other", call.get(1, "mat2"))
    return _product(build, *((b, a) if call.name == "rmatmul" else (a, b)), call.shape)


@register(PRODUCTS, "addmm", "baddbmm", "addbmm")
def _added_product(build: Builder, call: Call) -> Computed:
    added, a, b = call.source, call.get(1, "mat1", call.get(1, "batch1")), call.get(2, "mat2", call.get(2, "batch2"))
    plain = call.get(-1, "beta", 1) == 1 and call.get(-1, "alpha", 1) == 1
    if plain and isinstance(added, Constant) and isinstance(b, Constant) and isinstance(a, Computed):
        return _gemm(build, a, b, added, call.shape)
    product = _product(build, a, b, call.shape)
    if call.get(-1, "alpha", 1) != 1:
        product = build.elementwise("Mul", [product, call.get(-1, "alpha")], call.shape)
    beta = call.get(-1, "beta", 1)
    if beta == 0:
        return product
    if beta != 1 and isinstance(added, Computed):
        added = build.elementwise("Mul", [added, beta], added.shape)
    return build.elementwise("Add", [product, added], call.shape)


@register(PRODUCTS, "einsum")
def _einsum(build: Builder, call: Call) -> Computed:
    equation = str(call.args[0]).replace(" ", "")
    rest = call.args[1:]
    operands = list(rest[0]) if len(rest) == 1 and isinstance(rest[0], tuple | list) else list(rest)
    letters: dict[str, int] = {}
    for labels, operand in zip(equation.split("->")[0].split(","), operands, strict=False):
        named = labels.replace("...", "")
        shape = shape_of(operand)
        covered = len(shape) - len(named)
        sizes = [*shape[: labels.find("...")], *shape[labels.find("...") + covered :]] if "..." in labels else shape
        letters.update({letter: max(size, letters.get(letter, 1)) for letter, size in zip(named, sizes, strict=False)})
        if "..." in labels:
            letters["..."] = max(size_of(shape) // max(size_of(tuple(sizes)), 1), letters.get("...", 1))
    flops = 2 * (len(operands) - 1) * size_of(tuple(letters.values()))
    is_layer = len(operands) == 2 and any(isinstance(operand, Constant) for operand in operands)
    kind = "Einsum" if len(operands) == 1 else "Gemm" if is_layer else "MatMul"
    return build.add(kind, operands, call.shape, flops=flops)


@register(PRODUCTS, "scaled_dot_product_attention")
def _attention(build: Builder, call: Call) -> Computed:
    """Softmax(q kᵀ · scale + mask) v, written out."""
    q, k, v = call.source, call.get(1, "key"), call.get(2, "value")
    mask, causal = call.get(3, "attn_mask"), call.get(5, "is_causal", False)
    scale = call.get(6, "scale") or 1 / math.sqrt(shape_of(q)[-1])
    scores_shape = (*call.shape[:-1], shape_of(k)[-2])
    if isinstance(k, Computed):
        k = build.transpose(k, [*range(len(k.shape) - 2), len(k.shape) - 1, len(k.shape) - 2])
    scores = build.add("MatMul", [q, k], scores_shape, flops=matmul_flops(scores_shape, shape_of(q)[-1]))
    scores = build.elementwise("Mul", [scores, scale], scores_shape)
    if causal:
        mask = Constant(scores_shape[-2:])  # computed, not learned
    if mask is not None:
        scores = build.elementwise("Add", [scores, mask], scores_shape)
    weights = build.add("Softmax", [scores], scores_shape)
    return build.add("MatMul", [weights, v], call.shape, flops=matmul_flops(call.shape, scores_shape[-1]))


@register(PRODUCTS, "lstm", "gru", "rnn_tanh", "rnn_relu")
def _recurrent(build: Builder, call: Call) -> list[Computed]:
    """One operator per layer, as in ONNX: (steps, directions, batch, hidden) and (directions, batch, hidden)."""
    x: Computed = call.source
    if isinstance(call.args[-1], tuple | list):
        return _packed(build, call)
    states = call.args[1] if isinstance(call.args[1], tuple | list) else [call.args[1]]
    weights, (layers, bidirectional, by_batch) = call.args[2], (call.args[4], call.args[7], call.args[8])
    kind = _RECURRENT[call.name]
    directions, per_layer = 1 + bidirectional, len(weights) // layers
    if len(x.shape) == 2:
        x = build.reshape(x, (x.shape[0], 1, x.shape[1]))
    elif by_batch:
        x = build.transpose(x, [1, 0, 2])
    steps, batch = x.shape[:2]
    last = [(directions, batch, shape[-1]) for shape in call.shapes[1:]]
    hidden = call.shapes[0][-1] // directions
    ends: list[list[Computed]] = []
    for layer in range(layers):
        read = weights[layer * per_layer : (layer + 1) * per_layer]
        all_steps, *end = build.add_many(
            kind,
            [x, *(state for state in states if isinstance(state, Computed))],
            [(steps, directions, batch, hidden), *last],
            **_weights(read, steps * batch),
        )
        ends.append(end)
        if directions > 1:
            all_steps = build.transpose(all_steps, [0, 2, 1, 3])
        x = build.reshape(all_steps, (steps, batch, directions * hidden))
    if len(call.shapes[0]) == 3 and by_batch:
        x = build.transpose(x, [1, 0, 2])
    stacked = [
        build.add("Concat", parts, (layers * directions, *parts[0].shape[1:])) for parts in zip(*ends, strict=True)
    ]
    joined = stacked if layers > 1 else ends[0]
    return [build.reshape(found, shape) for found, shape in zip([x, *joined], call.shapes, strict=True)]


_RECURRENT = {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN", "rnn_relu": "RNN"}


def _packed(build: Builder, call: Call) -> list[Computed]:
    """A recurrent module on sequences of several lengths, as one operator."""
    weights = call.args[3]
    return build.add_many(
        _RECURRENT[call.name], [call.source], call.shapes, **_weights(weights, size_of(call.source.shape[:-1]))
    )


def _weights(weights: Sequence[Constant], tokens: int) -> dict[str, Any]:
    """Fields that tell of the weights of a recurrent operator, each of which is read for all tokens."""
    return {
        "params": sum(weight.learned for weight in weights),
        "bias": any(len(weight.shape) == 1 for weight in weights),
        "flops": 2 * tokens * sum(size_of(weight.shape) for weight in weights if len(weight.shape) == 2),
    }


@register(PRODUCTS, *(f"{name}_cell" for name in _RECURRENT))
def _cell(build: Builder, call: Call) -> list[Computed] | Computed:
    """One step of a recurrent module."""
    states = call.args[1] if isinstance(call.args[1], tuple | list) else [call.args[1]]
    weights = [x for x in call.args[2:] if isinstance(x, Constant)]
    read = [call.source, *(state for state in states if isinstance(state, Computed))]
    kind = _RECURRENT[call.name.removesuffix("_cell")]
    found = build.add_many(kind, read, call.shapes, **_weights(weights, size_of(call.source.shape[:-1])))
    return found if len(found) > 1 else found[0]
