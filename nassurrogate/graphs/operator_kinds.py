"""The kinds of operators that the package knows, by their ONNX names, grouped by what they do."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from nassurrogate.graphs.operator_graph import INPUT

logger = logging.getLogger(__name__)

GROUPS: dict[str, tuple[str, ...]] = {
    "input": (INPUT,),
    "convolution": ("Conv", "ConvTranspose", "DeformConv"),
    "matrix product": ("Gemm", "MatMul", "Einsum"),
    "recurrent": ("LSTM", "GRU", "RNN"),
    "pool": ("MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "AdaptiveAveragePool"),
    "activation": (
        *("Relu", "Clip", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "ThresholdedRelu"),
        *("Sigmoid", "HardSigmoid", "Tanh", "Softplus", "Softsign", "Silu", "HardSwish", "Gelu", "Mish"),
        *("Softmax", "LogSoftmax", "Hardmax"),
    ),
    "elementwise": (
        *("Add", "Sub", "Mul", "Div", "Pow", "Mod", "Max", "Min", "Mean", "Sum", "Where"),
        *("Abs", "Neg", "Sign", "Sqrt", "Reciprocal", "Exp", "Log", "Erf", "Floor", "Ceil", "Round"),
        *("Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"),
        *("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor", "Not", "IsNaN", "IsInf"),
        *("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "BitShift"),
    ),
    "normalisation": (
        *("BatchNormalization", "LayerNormalization", "InstanceNormalization", "GroupNormalization"),
        *("RMSNormalization", "LRN", "LpNormalization", "MeanVarianceNormalization"),
    ),
    "reduction": (
        *("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2"),
        *("ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp", "ArgMax", "ArgMin", "CumSum", "TopK"),
    ),
    "data movement": (
        *("Reshape", "Transpose", "Concat", "Split", "Slice", "Gather", "GatherElements", "GatherND", "Pad"),
        *("Expand", "Tile", "DepthToSpace", "SpaceToDepth", "ScatterElements", "ScatterND", "Trilu", "OneHot"),
        *("ReverseSequence", "Compress", "NonZero", "Unique", "Range", "ConstantOfShape", "Shape", "Size"),
    ),
    "resampling": ("Resize", "GridSample", "AffineGrid", "RoiAlign", "MaxRoiPool", "MaxUnpool"),
    "quantisation": (
        *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"),
        *("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"),
    ),
    "detection": ("NonMaxSuppression",),
}
"""Kinds by what they do."""

KNOWN_KINDS: tuple[str, ...] = tuple(kind for kinds in GROUPS.values() for kind in kinds)
"""All known kinds, in the order of `GROUPS`."""

_GROUP_OF = {kind: group for group, kinds in GROUPS.items() for kind in kinds}

_ALIASES = {
    "Flatten": "Reshape",
    "Squeeze": "Reshape",
    "Unsqueeze": "Reshape",
    "ExpandDims": "Reshape",
    "Swish": "Silu",
    "Upsample": "Resize",
    "Scatter": "ScatterElements",
    "com.microsoft.Gelu": "Gelu",
    "com.microsoft.FastGelu": "Gelu",
    "com.microsoft.QuickGelu": "Gelu",
    "SimplifiedLayerNormalization": "RMSNormalization",
}


def canonical_kind(name: str, domain: str = "") -> str:
    """The kind that an ONNX operator counts as; an unknown one keeps its name, with its domain if that is a custom one.

    >>> canonical_kind("Flatten"), canonical_kind("Conv", "ai.onnx"), canonical_kind("Fancy", "my.ops")
    ('Reshape', 'Conv', 'my.ops.Fancy')
    """
    full = name if domain in ("", "ai.onnx") else f"{domain}.{name}"
    return _ALIASES.get(full, full)


def group_of(kind: str) -> str:
    """What a kind does: its key in `GROUPS`, or "unknown".

    >>> group_of("Conv"), group_of("my.ops.Fancy")
    ('convolution', 'unknown')
    """
    return _GROUP_OF.get(kind, "unknown")


def warn_unknown(kinds: Iterable[str], network: str) -> set[str]:
    """Log one warning that names the unknown kinds of a network, if there are any: these kinds."""
    unknown = {kind for kind in kinds if kind not in _GROUP_OF}
    if unknown:
        listed = ", ".join(sorted(unknown)[:8]) + (", …" if len(unknown) > 8 else "")
        logger.warning(
            "%s has unknown operators: %s; they count by their declared shapes, or by that of their first input",
            *(network, listed),
        )
    return unknown
