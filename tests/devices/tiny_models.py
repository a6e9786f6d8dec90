"""ONNX models of one or two operators, sound and broken, for tests of measuring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper


def write_model(
    path: Path,
    shape: Sequence[int | str | None] = (1, 3, 8, 8),
    *,
    kind: int = TensorProto.FLOAT,
    operator: str = "Identity",
    domain: str = "",
    opset: int = 17,
    ir_version: int = 8,
    inputs: Sequence[str] = ("x",),
) -> Path:
    """A model that applies one operator to each input of that shape and type."""
    graph = helper.make_graph(
        [helper.make_node(operator, [name], [f"{name}_out"], domain=domain) for name in inputs],
        "tiny",
        [helper.make_tensor_value_info(name, kind, shape) for name in inputs],
        [helper.make_tensor_value_info(f"{name}_out", kind, None) for name in inputs],
    )
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = ir_version
    path.write_bytes(model.SerializeToString())
    return path


def write_convolution(path: Path, *, weights_in: str | None = None) -> Path:
    """A convolution of an image of 8 x 8 pixels; its weights lie in the file `weights_in` beside it, if given."""
    weights = onnx.numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "convolution",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 8, 8))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4, 6, 6))],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    if weights_in is None:
        path.write_bytes(model.SerializeToString())
    else:
        onnx.save_model(model, str(path), save_as_external_data=True, location=weights_in, size_threshold=0)
    return path


def write_cycle(path: Path) -> Path:
    """Two operators that read each other."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])],
        "cycle",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3))],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, (1, 3))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    path.write_bytes(model.SerializeToString())
    return path
