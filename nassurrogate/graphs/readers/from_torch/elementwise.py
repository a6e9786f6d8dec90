"""Activations and arithmetic on single numbers."""

from __future__ import annotations

import math
from typing import Any

from nassurrogate.graphs.readers.from_torch.builder import Builder, Call, Computed, Handler, register

ELEMENTWISE: dict[str, Handler] = {}

_UNARY = {
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "silu": "Silu",
    "gelu": "Gelu",
    "mish": "Mish",
    "hardswish": "HardSwish",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "leaky_relu": "LeakyRelu",
    "rrelu": "LeakyRelu",
    "elu": "Elu",
    "selu": "Selu",
    "celu": "Celu",
    "threshold": "ThresholdedRelu",
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
    "abs": "Abs",
    "neg": "Neg",
    "sign": "Sign",
    "sqrt": "Sqrt",
    "reciprocal": "Reciprocal",
    "exp": "Exp",
    "log": "Log",
    "erf": "Erf",
    "floor": "Floor",
    "ceil": "Ceil",
    "round": "Round",
    "sin": "Sin",
    "cos": "Cos",
    "tan": "Tan",
    "asin": "Asin",
    "acos": "Acos",
    "atan": "Atan",
    "sinh": "Sinh",
    "cosh": "Cosh",
    "asinh": "Asinh",
    "acosh": "Acosh",
    "atanh": "Atanh",
    "logical_not": "Not",
    "isnan": "IsNaN",
    "isinf": "IsInf",
}
_BINARY = {
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "pow": "Pow",
    "remainder": "Mod",
    "fmod": "Mod",
    "maximum": "Max",
    "minimum": "Min",
    "eq": "Equal",
    "gt": "Greater",
    "ge": "GreaterOrEqual",
    "lt": "Less",
    "le": "LessOrEqual",
    "logical_and": "And",
    "logical_or": "Or",
    "logical_xor": "Xor",
}
_REVERSED = {"rsub": "Sub", "rpow": "Pow"}


@register(ELEMENTWISE, *_UNARY)
def _unary(build: Builder, call: Call) -> Computed:
    return build.add(_UNARY[call.name], [call.source], call.shape)


@register(ELEMENTWISE, *_BINARY)
def _binary(build: Builder, call: Call) -> Computed:
    other = call.get(1, "other", call.get(1, "exponent"))
    alpha = call.get(2, "alpha", 1) if call.name in ("add", "sub") else 1
    if alpha != 1:
        other = build.elementwise("Mul", [other, alpha], other.shape) if isinstance(other, Computed) else other
    found = build.elementwise(_BINARY[call.name], [call.source, other], call.shape)
    rounding = call.get(2, "rounding_mode") if call.name == "div" else None
    return build.add("Floor", [found], call.shape) if rounding else found


@register(ELEMENTWISE, *_REVERSED)
def _reversed(build: Builder, call: Call) -> Computed:
    return build.elementwise(_REVERSED[call.name], [call.get(1, "other"), call.source], call.shape)


@register(ELEMENTWISE, "rdiv")
def _reversed_division(build: Builder, call: Call) -> Computed:
    """As torch computes it: the reciprocal, times the other."""
    inverse = build.add("Reciprocal", [call.source], call.source.shape)
    return build.elementwise("Mul", [inverse, call.get(1, "other")], call.shape)


@register(ELEMENTWISE, "ne")
def _unequal(build: Builder, call: Call) -> Computed:
    found = build.elementwise("Equal", [call.source, call.get(1, "other")], call.shape)
    return build.add("Not", [found], call.shape)


@register(ELEMENTWISE, "floor_divide", "rfloor_divide")
def _floor_divide(build: Builder, call: Call) -> Computed:
    operands = [call.source, call.get(1, "other")]
    found = build.elementwise("Div", operands if call.name == "floor_divide" else operands[::-1], call.shape)
    return build.add("Floor", [found], call.shape)


@register(ELEMENTWISE, "square")
def _square(build: Builder, call: Call) -> Computed:
    return build.elementwise("Mul", [call.source, call.source], call.shape)


@register(ELEMENTWISE, "rsqrt")
def _inverse_root(build: Builder, call: Call) -> Computed:
    return build.elementwise("Div", [1.0, build.add("Sqrt", [call.source], call.shape)], call.shape)


@register(ELEMENTWISE, "logsigmoid", "log_sigmoid")
def _log_sigmoid(build: Builder, call: Call) -> Computed:
    return build.add("Log", [build.add("Sigmoid", [call.source], call.shape)], call.shape)


@register(ELEMENTWISE, "where")
def _where(build: Builder, call: Call) -> Computed:
    return build.elementwise("Where", [call.source, call.get(1, "input"), call.get(2, "other")], call.shape)


@register(ELEMENTWISE, "masked_fill")
def _masked_fill(build: Builder, call: Call) -> Computed:
    return build.elementwise("Where", [call.get(1, "mask"), call.get(2, "value"), call.source], call.shape)


@register(ELEMENTWISE, "addcmul", "addcdiv", "lerp")
def _three(build: Builder, call: Call) -> Computed:
    a, b, c = call.source, call.get(1, "tensor1", call.get(1, "end")), call.get(2, "tensor2", call.get(2, "weight"))
    if call.name == "lerp":
        apart = build.elementwise("Sub", [b, a], call.shape)
        return build.elementwise("Add", [a, build.elementwise("Mul", [apart, c], call.shape)], call.shape)
    inner = build.elementwise("Mul" if call.name == "addcmul" else "Div", [b, c], call.shape)
    value = call.get(-1, "value", 1)
    if value != 1:
        inner = build.elementwise("Mul", [inner, value], call.shape)
    return build.elementwise("Add", [a, inner], call.shape)


@register(ELEMENTWISE, "clamp", "clamp_min", "clamp_max", "relu6", "hardtanh")
def _clip(build: Builder, call: Call) -> Computed:
    lowest: Any = None
    highest: Any = None
    if call.name == "relu6":
        lowest, highest = 0.0, 6.0
    elif call.name == "hardtanh":
        lowest, highest = call.get(1, "min_val", -1.0), call.get(2, "max_val", 1.0)
    elif call.name == "clamp":
        lowest, highest = call.get(1, "min"), call.get(2, "max")
    elif call.name == "clamp_min":
        lowest = call.get(1, "min")
    else:
        highest = call.get(1, "max")
    if isinstance(lowest, Computed) or isinstance(highest, Computed):
        return build.add("Clip", [call.source, lowest, highest], call.shape)
    bounds = [float(x) if isinstance(x, int | float) else None for x in (lowest, highest)]
    return build.add("Clip", [call.source], call.shape, values=[None, *bounds])


@register(ELEMENTWISE, "hardsigmoid")
def _hard_sigmoid(build: Builder, call: Call) -> Computed:
    return build.add("HardSigmoid", [call.source], call.shape, values=[None, 1 / 6, 0.5])


@register(ELEMENTWISE, "glu")
def _gated(build: Builder, call: Call) -> Computed:
    left, right = build.add_many("Split", [call.source], (call.shape, call.shape))
    return build.elementwise("Mul", [left, build.add("Sigmoid", [right], call.shape)], call.shape)


@register(ELEMENTWISE, "softmin")
def _softmin(build: Builder, call: Call) -> Computed:
    return build.add("Softmax", [build.add("Neg", [call.source], call.shape)], call.shape)


@register(ELEMENTWISE, "tanhshrink")
def _tanh_shrink(build: Builder, call: Call) -> Computed:
    return build.elementwise("Sub", [call.source, build.add("Tanh", [call.source], call.shape)], call.shape)


@register(ELEMENTWISE, "log1p", "expm1", "log2", "log10")
def _logarithm(build: Builder, call: Call) -> Computed:
    if call.name == "log1p":
        return build.add("Log", [build.elementwise("Add", [call.source, 1.0], call.shape)], call.shape)
    if call.name == "expm1":
        return build.elementwise("Sub", [build.add("Exp", [call.source], call.shape), 1.0], call.shape)
    base = math.log(2 if call.name == "log2" else 10)
    return build.elementwise("Div", [build.add("Log", [call.source], call.shape), base], call.shape)
