"""Shapes of what the operators of an ONNX model compute, one operator at a time, by the library's own inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from nassurrogate.errors import InputError, brief, one_line
from nassurrogate.graphs.operator_graph import Shape
from nassurrogate.graphs.readers.onnx_nodes import label
from nassurrogate.graphs.readers.onnx_tensors import FLOAT, Tensor, to_proto, type_proto

if TYPE_CHECKING:
    import onnx

_SAME_SHAPE = frozenset(
    {
        *(
            "Relu",
            "LeakyRelu",
            "Elu",
            "Selu",
            "Clip",
            "Sigmoid",
            "HardSigmoid",
            "HardSwish",
            "Tanh",
            "Softplus",
            "Gelu",
        ),
        *("Mish", "Softmax", "LogSoftmax", "Erf", "Sqrt", "Exp", "Log", "Neg", "Abs", "Reciprocal", "Floor", "Ceil"),
        *("Identity", "BatchNormalization", "InstanceNormalization", "LRN"),
    }
)
"""Operators whose first output has the shape and the type of their first input, in every version."""


class Inferred(NamedTuple):
    """A tensor's type; None for sizes that are not known, and for the shape if not even their number is."""

    sizes: tuple[int | None, ...] | None
    elem_type: int


class ShapeInference:
    """Infers shapes for the operators of one model.

    Args:
        model: the model, for its version of the operators and the shapes that it declares.
        symbols: sizes that the names of open axes stand for.
    """

    def __init__(self, model: onnx.ModelProto, symbols: Mapping[str, int]) -> None:
        import onnx

        newest = onnx.defs.onnx_opset_version()
        self._opsets: list[onnx.OperatorSetIdProto] = []
        for entry in model.opset_import:
            version = min(entry.version, newest) if entry.domain in ("", "ai.onnx") else entry.version
            self._opsets.append(onnx.helper.make_opsetid(entry.domain, max(version, 1)))
        self._versions = {entry.domain: entry.version for entry in self._opsets}
        self._versions.setdefault("", self._versions.get("ai.onnx", 1))
        self._declared = {value.name: value for value in (*model.graph.value_info, *model.graph.output)}
        self._symbols = symbols
        self._schemas: dict[tuple[str, str], onnx.defs.OpSchema | None] = {}

    def outputs(self, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> list[Inferred]:
        """The types of an operator's outputs, as far as they are known.

        Raises `InputError` if the operator cannot read its inputs.
        """
        if node.op_type in _SAME_SHAPE and not node.domain and len(node.output) == 1 and inputs and inputs[0]:
            return [Inferred(inputs[0].shape, inputs[0].elem_type)]
        found = self._inferred(node, inputs)
        return [self._completed(name, found.get(name)) for name in node.output]

    def schema(self, node: onnx.NodeProto) -> onnx.defs.OpSchema | None:
        """The definition of an operator; None if the library has none."""
        import onnx

        key = (node.domain, node.op_type)
        if key not in self._schemas:
            domain = "" if node.domain == "ai.onnx" else node.domain
            try:
                self._schemas[key] = onnx.defs.get_schema(node.op_type, self._versions.get(domain, 1), domain)
            except onnx.defs.SchemaError:
                self._schemas[key] = None
        return self._schemas[key]

    def _inferred(self, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Mapping[str, onnx.TypeProto]:
        from onnx.shape_inference import infer_node_outputs

        schema = self.schema(node)
        if schema is None:
            return {}
        types: dict[str, onnx.TypeProto] = {}
        data: dict[str, onnx.TensorProto] = {}
        for name, tensor in zip(node.input, inputs, strict=True):
            if tensor is not None:
                types[name] = type_proto(tensor.shape, tensor.elem_type or FLOAT)
                if tensor.data is not None:
                    data[name] = to_proto(tensor.data)
        try:
            found = infer_node_outputs(schema, node, types, data, opset_imports=self._opsets)
        except Exception as error:  # the library raises several types, none documented
            shapes = ", ".join("none" if tensor is None else str(tensor.shape) for tensor in inputs)
            raise InputError(
                f"the operator {label(node)} cannot read inputs of the shapes {shapes}: {_reason(error)}"
            ) from None

        for name, proto in found.items():
            if proto.WhichOneof("value") not in ("tensor_type", None):
                raise InputError(f"the operator {label(node)} computes {brief(name)}, which is no tensor")
        return found

    def _completed(self, name: str, found: onnx.TypeProto | None) -> Inferred:
        """What is inferred, with sizes that the model itself declares where none are."""
        inferred = self._sizes(found)
        declared = self._declared.get(name)
        if declared is None or (inferred.sizes is not None and None not in inferred.sizes):
            return inferred
        stated = self._sizes(declared.type)
        if inferred.sizes is None or stated.sizes is None or len(inferred.sizes) != len(stated.sizes):
            return Inferred(inferred.sizes or stated.sizes, inferred.elem_type or stated.elem_type)
        sizes = tuple(b if a is None else a for a, b in zip(inferred.sizes, stated.sizes, strict=True))
        return Inferred(sizes, inferred.elem_type or stated.elem_type)

    def _sizes(self, proto: onnx.TypeProto | None) -> Inferred:
        if proto is None or not proto.HasField("tensor_type"):
            return Inferred(None, 0)
        tensor = proto.tensor_type
        if not tensor.HasField("shape"):
            return Inferred(None, tensor.elem_type)
        sizes = tuple(
            dim.dim_value if dim.HasField("dim_value") and dim.dim_value >= 0 else self._symbols.get(dim.dim_param)
            for dim in tensor.shape.dim
        )
        return Inferred(sizes, tensor.elem_type)


def best_guess(inferred: Inferred, inputs: Sequence[Tensor | None]) -> Shape:
    """A full shape for an output whose sizes are not all known: those of the first input stand in.

    >>> best_guess(Inferred((None, 7), 1), [Tensor((2, 3), operator=0)])
    (2, 7)
    """
    first = next((tensor.shape for tensor in inputs if tensor is not None and not tensor.is_constant), ())
    if inferred.sizes is None:
        return first
    stand_in = first if len(first) == len(inferred.sizes) else (1,) * len(inferred.sizes)
    return tuple(b if a is None else a for a, b in zip(inferred.sizes, stand_in, strict=True))


def _reason(error: Exception) -> str:
    """The library's message without the names of its exceptions."""
    return one_line(error).rpartition("] ")[2] or one_line(error)
