"""Reads an ONNX model as a graph of operators. Its weights are not read and may be missing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nassurrogate.errors import InputError, one_line
from nassurrogate.graphs.operator_graph import INPUT, OperatorGraph, Shape, size_of
from nassurrogate.graphs.operator_kinds import canonical_kind, warn_unknown
from nassurrogate.graphs.readers.onnx_constants import computed
from nassurrogate.graphs.readers.onnx_draft import Draft
from nassurrogate.graphs.readers.onnx_inference import Inferred, ShapeInference, best_guess
from nassurrogate.graphs.readers.onnx_inputs import InputShapes, resolved_inputs
from nassurrogate.graphs.readers.onnx_model import load_structure
from nassurrogate.graphs.readers.onnx_nodes import attributes_of, label, needed_nodes
from nassurrogate.graphs.readers.onnx_operators import PASS_THROUGH, Call, add_call
from nassurrogate.graphs.readers.onnx_tensors import FLOAT, INT64, STRING, Tensor, constant, from_proto
from nassurrogate.graphs.simplification import simplified

if TYPE_CHECKING:
    import onnx

    from nassurrogate.graphs.readers.onnx_model import OnnxSource

logger = logging.getLogger(__name__)


def read_onnx(source: OnnxSource, *, input_shapes: InputShapes | None = None, name: str | None = None) -> OperatorGraph:
    """The operators of an ONNX model with their shapes and costs, in normal form.

    Args:
        source: a file, its bytes, or a ModelProto. Weights may be missing; those of a large file are not read.
        input_shapes: shapes of inputs by name, such as `{"x": (1, 3, 224, 224)}`, where the model leaves sizes open;
            a bare shape suffices if there is one input. If only the batch size is open, it is taken as 1.
        name: what to call the network; by default the file's name, or that of the graph.

    Operators that are not known keep their own names, with one warning for the network.

    Raises `InputError` in one line if there is no such file, if it is not an ONNX model, is damaged, has open sizes,
    inconsistent shapes, a cycle, or operators with graphs of their own (If, Loop, Scan).

    >>> from onnx import parser
    >>> model = parser.parse_model('''
    ...     <ir_version: 8, opset_import: ["": 17]>
    ...     small (float[1, 2] x) => (float[1, 2] y) <float[2, 2] weight = {1, 2, 3, 4}> {
    ...         h = MatMul(x, weight)
    ...         y = Relu(h)
    ...     }
    ... ''')
    >>> [operator.kind for operator in read_onnx(model).operators]
    ['Input', 'Gemm', 'Relu']
    """
    model, own_name = load_structure(source)
    reading = _Reading(model, name or own_name, input_shapes)
    return reading.graph()


class _Reading:
    """One model while it is read: what is known of its tensors, and the operators so far."""

    def __init__(self, model: onnx.ModelProto, name: str, input_shapes: InputShapes | None) -> None:
        self._name = name
        _note_opset(model, name)
        self._nodes = needed_nodes(model.graph, name)
        self._outputs = [value.name for value in model.graph.output]
        self._read = {name for node in self._nodes for name in node.input}.union(self._outputs)
        inputs, symbols = resolved_inputs(model.graph, input_shapes, name)
        self._inference = ShapeInference(model, symbols)
        self._draft = Draft()
        self._tensors = {tensor.name: from_proto(tensor) for tensor in model.graph.initializer}
        for sparse in model.graph.sparse_initializer:
            self._tensors[sparse.values.name] = constant(tuple(sparse.dims), sparse.values.data_type)
        for entry in inputs:
            position = self._draft.add_input(entry.shape)
            self._tensors[entry.name] = Tensor(entry.shape, entry.elem_type, position)
        self._guessed: set[str] = set()

    def graph(self) -> OperatorGraph:
        """Read all nodes: the network in normal form."""
        for node in self._nodes:
            self._add(node)
        outputs = [self._tensors[name].operator for name in self._outputs]
        computed_outputs = [position for position in outputs if position is not None]
        if not computed_outputs:
            raise InputError(f"{self._name} computes constants only: no output depends on an input")
        operators = simplified(self._draft.operators, computed_outputs, self._draft.values)
        if all(operator.kind == INPUT for operator in operators):
            raise InputError(f"{self._name} computes nothing: it has no operators but those that change nothing")
        unknown = warn_unknown((operator.kind for operator in operators), self._name)
        guessed = self._guessed.difference(unknown)
        if guessed:
            kinds = ", ".join(sorted(guessed))
            logger.warning("%s: shapes after %s are not known; those of their inputs stand in", self._name, kinds)
        return OperatorGraph(operators, self._name)

    def _add(self, node: onnx.NodeProto) -> None:
        """Add what one node computes; all that it reads has been added before."""
        attributes = attributes_of(node, self._name)
        inputs = [self._tensors[name] if name else None for name in node.input]
        if node.op_type == "Constant" and not node.domain:
            self._tensors[node.output[0]] = _constant_of(node, attributes)
            return
        try:
            outputs = self._inference.outputs(node, inputs)
        except InputError as error:
            raise InputError(f"{self._name}: {error}") from None
        if node.op_type in ("Shape", "Size") or all(x is None or x.is_constant for x in inputs):
            self._fold(node, attributes, inputs, outputs)
        elif node.op_type in PASS_THROUGH and not node.domain and inputs[0] is not None:
            self._tensors[node.output[0]] = inputs[0]._replace(elem_type=outputs[0].elem_type)
            for output in node.output[1:]:  # the mask of a Dropout
                self._tensors[output] = constant(inputs[0].shape, INT64)
        else:
            self._compute(node, attributes, inputs, outputs)

    def _fold(
        self,
        node: onnx.NodeProto,
        attributes: Mapping[str, Any],
        inputs: Sequence[Tensor | None],
        outputs: Sequence[Inferred],
    ) -> None:
        """Note a node that depends on constants and shapes alone, with its data if that is small."""
        shapes = [best_guess(inferred, inputs) for inferred in outputs]
        arrays = computed(node, attributes, inputs, max(map(size_of, shapes)))
        learned = sum(tensor.learned for tensor in inputs if tensor is not None and tensor.is_constant)
        for slot, (name, inferred) in enumerate(zip(node.output, outputs, strict=True)):
            data = arrays[slot] if arrays is not None and slot < len(arrays) else None
            if data is not None:
                self._tensors[name] = _folded(data.shape, inferred.elem_type, learned, data)
            else:
                self._tensors[name] = _folded(self._full(node, inferred, inputs), inferred.elem_type, learned)

    def _compute(
        self,
        node: onnx.NodeProto,
        attributes: Mapping[str, Any],
        inputs: Sequence[Tensor | None],
        outputs: Sequence[Inferred],
    ) -> None:
        """Add the operators that a node stands for."""
        n_read = max((slot + 1 for slot, name in enumerate(node.output) if name in self._read), default=1)
        shapes = tuple(self._full(node, inferred, inputs) for inferred in outputs[:n_read])
        for shape in shapes:
            if size_of(shape) == 0:
                raise InputError(f"{self._name}: {label(node)} computes an empty tensor, of shape {shape}")
        try:
            position = add_call(self._draft, Call(node.op_type, node.domain, attributes, inputs, shapes))
        except (LookupError, ValueError, TypeError, ArithmeticError) as error:
            raise InputError(f"{self._name}: {label(node)} does not fit its inputs: {_said(error)}") from None
        for slot, (name, shape) in enumerate(zip(node.output, shapes, strict=False)):
            self._tensors[name] = Tensor(shape, outputs[slot].elem_type, position, slot)

    def _full(self, node: onnx.NodeProto, inferred: Inferred, inputs: Sequence[Tensor | None]) -> Shape:
        if inferred.sizes is None or None in inferred.sizes:
            self._guessed.add(canonical_kind(node.op_type, node.domain))
        return best_guess(inferred, inputs)


def _folded(shape: Shape, elem_type: int, learned: int, data: np.ndarray | None = None) -> Tensor:
    """A constant that is computed from others: it holds no more learned numbers than they do."""
    found = constant(shape, elem_type, data)
    return found._replace(learned=min(found.learned, learned))


def _constant_of(node: onnx.NodeProto, attributes: Mapping[str, Any]) -> Tensor:
    import onnx

    for name, value in attributes.items():
        if name == "value" and isinstance(value, onnx.TensorProto):
            return from_proto(value)
        if name == "sparse_value" and isinstance(value, onnx.SparseTensorProto):
            return constant(tuple(value.dims), value.values.data_type)
        numbers = np.asarray(value) if name in ("value_int", "value_ints", "value_float", "value_floats") else None
        if numbers is not None and numbers.dtype.kind in "if":
            is_integer = name.startswith("value_int")
            data = numbers.astype(np.int64 if is_integer else np.float32)
            return constant(data.shape, INT64 if is_integer else FLOAT, data)
        if name in ("value_string", "value_strings"):
            return constant((), STRING)
    raise InputError(f"the operator {label(node)} has no value")


def _said(error: Exception) -> str:
    """The message of an error that was raised here on purpose; the type too of one that is Python's own."""
    return str(error) if type(error) is ValueError else one_line(error)


def _note_opset(model: onnx.ModelProto, name: str) -> None:
    """Warn of a model that is newer than the library."""
    import onnx

    newest = onnx.defs.onnx_opset_version()
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx") and entry.version > newest:
            logger.warning(
                "%s uses opset %d, newer than the installed onnx package knows: read as opset %d",
                *(name, entry.version, newest),
            )
