"""ONNX files as exporters write them, and as NNLQP publishes them: without weights, which are inputs of the graph."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.graphs.readers.network import read_network


def model(channels: int, batch: int = 1, *, weights: bool = False) -> onnx.ModelProto:
    """A convolution, a Relu, global pooling, a flatten and a linear layer.

    Args:
        channels: of the convolution.
        batch: size of the input.
        weights: whether it holds their data, instead of their shapes alone.
    """
    shapes = {"w": (channels, 3, 3, 3), "b": (channels,), "fc.w": (10, channels), "fc.b": (10,)}
    initializers = []
    for name, shape in shapes.items():
        tensor = TensorProto(name=name, dims=shape, data_type=TensorProto.FLOAT)
        if weights:
            size = 1
            for length in shape:
                size *= length
            tensor.raw_data = bytes(4 * size)
        initializers.append(tensor)
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["1"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["1"], ["2"]),
        helper.make_node("GlobalAveragePool", ["2"], ["3"]),
        helper.make_node("Flatten", ["3"], ["4"], axis=1),
        helper.make_node("Gemm", ["4", "fc.w", "fc.b"], ["5"], transB=1),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 32, 32])]
    inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    output = helper.make_tensor_value_info("5", TensorProto.FLOAT, [batch, 10])
    halved = helper.make_tensor_value_info("2", TensorProto.FLOAT, [batch, channels, 16, 16])
    graph = helper.make_graph(nodes, "torch-jit-export", inputs, [output], initializers, value_info=[halved])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=4)


def write_model(path: Path, channels: int, *, weights: bool = False) -> None:
    """Write it for one image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model(channels, weights=weights), path)


def graph_of(channels: int, batch: int = 1) -> OperatorGraph:
    """The graph of `model`."""
    return read_network(model(channels, batch))
