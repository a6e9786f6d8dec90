"""Small ONNX models for the tests of the reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

Sizes = Sequence[int | str | None] | None
IMAGE = (1, 3, 8, 8)


def node(op_type: str, inputs: str, outputs: str = "y", **attributes: Any) -> onnx.NodeProto:
    """An operator; names of tensors are split at spaces, and `_` stands for an input that is left out."""
    names = ["" if name == "_" else name for name in inputs.split()]
    return helper.make_node(op_type, names, outputs.split(), **attributes)


def weight(name: str, *shape: int, elem_type: int = TensorProto.FLOAT) -> onnx.TensorProto:
    """A constant of zeros."""
    dtype = helper.tensor_dtype_to_np_dtype(elem_type)
    return helper.make_tensor(name, elem_type, shape, np.zeros(shape, dtype).tobytes(), raw=True)


def integers(name: str, *numbers: int) -> onnx.TensorProto:
    """A constant vector of integers."""
    return helper.make_tensor(name, TensorProto.INT64, [len(numbers)], numbers)


def scalar(name: str, number: float) -> onnx.TensorProto:
    """A constant without axes."""
    return helper.make_tensor(name, TensorProto.FLOAT, [], [number])


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sizes] | None = None,
    constants: Sequence[onnx.TensorProto] = (),
    *,
    outputs: Sequence[str] = ("y",),
    declared: Mapping[str, Sizes] | None = None,
    opset: int = 17,
    types: Mapping[str, int] | None = None,
) -> onnx.ModelProto:
    """A model with an image `x` as its input and `y` as its output, if nothing else is said."""

    def value(name: str, shape: Sizes) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, (types or {}).get(name, TensorProto.FLOAT), shape)

    graph = helper.make_graph(
        list(nodes),
        "net",
        [value(name, shape) for name, shape in ({"x": IMAGE} if inputs is None else inputs).items()],
        [value(name, None) for name in outputs],
        list(constants),
        value_info=[value(name, shape) for name, shape in (declared or {}).items()],
    )
    domains = {entry.domain for entry in nodes} - {""}
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=imports)
