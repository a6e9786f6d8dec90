"""One name for each operation of torch: as a function, as a method, in place, or as an ATen operator."""

from __future__ import annotations

from typing import Any

_SYNONYMS = {
    "truediv": "div",
    "true_divide": "div",
    "divide": "div",
    "rtruediv": "rdiv",
    "rfloordiv": "rfloor_divide",
    "floordiv": "floor_divide",
    "radd": "add",
    "rmul": "mul",
    "multiply": "mul",
    "subtract": "sub",
    "negative": "neg",
    "absolute": "abs",
    "mod": "remainder",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "not_equal": "ne",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
    "invert": "logical_not",
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
    "bitwise_xor": "logical_xor",
    "bitwise_not": "logical_not",
    "clip": "clamp",
    "concat": "cat",
    "concatenate": "cat",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "moveaxis": "movedim",
    "arctan": "atan",
    "_softmax": "softmax",
    "_log_softmax": "log_softmax",
    "special_softmax": "softmax",
    "special_log_softmax": "log_softmax",
    "_unsafe_view": "view",
    "_to_copy": "to",
    "native_layer_norm": "layer_norm",
    "native_group_norm": "group_norm",
    "_native_batch_norm_legit_no_training": "batch_norm",
    "cudnn_batch_norm": "batch_norm",
    "native_batch_norm": "batch_norm",
    "fused_rms_norm": "rms_norm",
    "_fused_rms_norm": "rms_norm",
    "native_dropout": "dropout",
    "split_with_sizes": "split",
    "unsafe_split": "split",
    "unsafe_chunk": "chunk",
    "amax": "max",
    "amin": "min",
    "upsample": "interpolate",
    "upsample_nearest": "interpolate",
    "upsample_bilinear": "interpolate",
    "constant_pad_nd": "pad",
    "mm": "matmul",
    "bmm": "matmul",
    "mv": "matmul",
    "dot": "matmul",
    "adaptive_max_pool1d_with_indices": "adaptive_max_pool1d",
    "adaptive_max_pool2d_with_indices": "adaptive_max_pool2d",
    "adaptive_max_pool3d_with_indices": "adaptive_max_pool3d",
    "_adaptive_avg_pool2d": "adaptive_avg_pool2d",
    "_adaptive_avg_pool3d": "adaptive_avg_pool3d",
}
_INNER = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor")
_IN_PLACE = frozenset(f"i{name}" for name in _INNER)


def operation_name(function: Any) -> str:
    """The name of an operation: `relu` for `F.relu`, `Tensor.relu_` and `aten.relu.default`.

    >>> import operator, torch
    >>> operation_name(torch.Tensor.relu_), operation_name(torch.ops.aten.relu.default), operation_name(operator.iadd)
    ('relu', 'relu', 'add')
    """
    name = str(getattr(function, "__name__", type(function).__name__)).split(".")[0]
    if name == "__get__":  # a property of tensors, such as T
        name = str(getattr(getattr(function, "__self__", None), "__name__", name))
    if name.startswith("__") and name.endswith("__"):
        name = name[2:-2]
    if name in _IN_PLACE:
        name = name[1:]
    name = name.rstrip("_") or name
    return _SYNONYMS.get(name, name)


def works_in_place(function: Any, kwargs: dict[str, Any]) -> bool:
    """Whether a call changes its first argument."""
    name = str(getattr(function, "__name__", "")).split(".")[0]
    if name.startswith("__"):
        return name[2:-2] in _IN_PLACE or name == "__setitem__"
    return name in _IN_PLACE or name.endswith("_") or bool(kwargs.get("inplace"))
