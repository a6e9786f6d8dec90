"""One list of nodes as operators."""

from __future__ import annotations

from typing import Any, Final

from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.graphs.operator_costs import conv_flops, matmul_flops
from nassurrogate.graphs.operator_graph import INPUT, Operator, OperatorGraph, Shape
from nassurrogate.graphs.readers.node_list.normal_form import in_normal_form

_CONVOLUTIONS: Final = ("Conv", "DWConv")
_POOLS: Final = {"MaxPool": "MaxPool", "AvgPool": "AveragePool"}
_OTHERS: Final = {
    "Input": INPUT,
    "BN": "BatchNormalization",
    "Relu": "Relu",
    "Relu6": "Clip",
    "GlobalAvgPool": "GlobalAveragePool",
    "add": "Add",
    "mul": "Mul",
    "Concat": "Concat",
    "Transpose": "Transpose",
    "Reshape": "Reshape",
}
"""Operators without attributes."""
_OPS: Final = (*_CONVOLUTIONS, *_POOLS, "Dense", "Split", *_OTHERS)
_N_INPUTS: Final = {"Input": (0, 0), "add": (1, 2), "mul": (1, 2), "Concat": (1, 1000)}
"""The least and the most inputs of operators that do not have exactly one."""
_MOST_NODES = 100_000
_MOST_LENGTH = 1 << 24
"""Of one axis of a tensor, a kernel or a stride."""


class NodeListReader:
    """Reads networks; equal shapes share one tuple over all of them, which halves the memory of thousands.

    >>> nodes = [["Input", [], [1, 8, 8, 3], {}], ["Conv", [0], [1, 4, 4, 16], {"k": 3, "s": 2, "p": "SAME", "cin": 3}]]
    >>> graph = NodeListReader().read(nodes, "small")
    >>> graph.operators[1].output_shape, graph.operators[1].padding, graph.flops
    ((1, 16, 4, 4), (0, 0, 1, 1), 13824)
    """

    def __init__(self) -> None:
        self._shapes: dict[tuple[int, ...], Shape] = {}
        self._windows: dict[tuple[int, int, int, str], tuple[int, int, int]] = {}

    def read(self, nodes: object, name: str = "network") -> OperatorGraph:
        """The graph of one list of nodes. Raises `InputError` for a list that is not a network."""
        if not isinstance(nodes, list) or not 1 <= len(nodes) <= _MOST_NODES:
            raise InputError(f"a network is a list of 1 to {_MOST_NODES:,} nodes, got {brief(nodes)}")
        network = _Network(self, _checked(nodes))
        for number in range(len(nodes)):
            try:
                network.add(number)
            except InputError as error:
                raise InputError(f"node {number}, {brief(nodes[number])}: {error}") from error
        return OperatorGraph(in_normal_form(network.operators), name)

    def shape(self, shape: list[int]) -> Shape:
        """The shape of a tensor with its channels after the batch."""
        moved = (shape[0], *shape[3:], *shape[1:3]) if len(shape) >= 4 else tuple(shape)
        return self._shapes.setdefault(moved, moved)

    def window(self, length: int, kernel: int, stride: int, padding: str) -> tuple[int, int, int]:
        """Output length, padding at the beginning and padding at the end of one axis."""
        key = (length, kernel, stride, padding)
        found = self._windows.get(key)
        if found is None:
            if padding == "SAME":
                out = -(-length // stride)
                total = max((out - 1) * stride + kernel - length, 0)
                found = out, total // 2, total - total // 2
            elif padding == "VALID":
                found = (length - kernel) // stride + 1, 0, 0
            else:
                raise unknown_choice("padding", padding, ("SAME", "VALID"))
            self._windows[key] = found
        return found

    def numbers(self, *numbers: int) -> Shape:
        """A shared tuple."""
        return self._shapes.setdefault(numbers, numbers)


def _checked(nodes: list[Any]) -> list[Any]:
    """The nodes, each a list of four fields of the right types and sizes that reads nodes before it."""
    for number, node in enumerate(nodes):
        if not isinstance(node, list) or len(node) != 4:
            raise InputError(f"node {number} is [op, input ids, output shape, attributes], got {brief(node)}")
        op, inputs, shape, attributes = node
        if op not in _OPS if isinstance(op, str) else True:
            raise unknown_choice("operator", op, _OPS, place=f" of node {number}")
        if not isinstance(attributes, dict):
            raise InputError(f"the attributes of node {number} are an object, got {brief(attributes)}")
        if not isinstance(inputs, list) or not all(type(x) is int and 0 <= x < number for x in inputs):
            raise InputError(f"node {number} reads a list of nodes before it, got {brief(inputs)}")
        least, most = _N_INPUTS.get(op, (1, 1))
        if not least <= len(inputs) <= most:
            raise InputError(f"node {number} ({op}) reads {least} to {most} nodes, got {brief(inputs)}")
        if (
            not isinstance(shape, list)
            or not 1 <= len(shape) <= 8
            or not all(type(length) is int and 0 < length <= _MOST_LENGTH for length in shape)
        ):
            raise InputError(f"the output shape of node {number} has 1 to 8 lengths from 1, got {brief(shape)}")
    return nodes


class _Network:
    """The operators of one list of nodes so far.

    Args:
        reader: shares the shapes.
        nodes: checked.
    """

    def __init__(self, reader: NodeListReader, nodes: list[Any]) -> None:
        self.operators: list[Operator] = []
        self._reader = reader
        self._nodes = nodes
        self._places: list[tuple[int, int]] = []
        """For each node, the operator that it became, and which of its outputs."""
        self._n_readers = [0] * len(nodes)
        self._splits: dict[int, list[int]] = {}
        """Nodes that split a tensor, by the node that they read."""
        for number, (op, inputs, _, _) in enumerate(nodes):
            for x in inputs:
                self._n_readers[x] += 1
            if op == "Split":
                self._splits.setdefault(inputs[0], []).append(number)

    def add(self, number: int) -> None:
        """Add one node, whose inputs are all added."""
        op, inputs, given, attributes = self._nodes[number]
        if op == "BN" and self._nodes[inputs[0]][0] in _CONVOLUTIONS and self._n_readers[inputs[0]] == 1:
            place, _ = self._places[inputs[0]]
            convolution = self.operators[place]
            if self._reader.shape(given) != convolution.output_shape:
                raise InputError(f"a batch norm keeps the shape of its input, {brief(self._nodes[inputs[0]][2])}")
            bias = convolution.output_shape[1]
            self.operators[place] = convolution._replace(bias=True, params=convolution.params + bias)
            self._places.append((place, 0))
        elif op == "Split":
            self._add_split(number)
        else:
            self._places.append((len(self.operators), 0))
            self.operators.append(self._operator(op, inputs, self._reader.shape(given), attributes))

    def _operator(self, op: str, inputs: list[int], shape: Shape, attributes: dict[str, Any]) -> Operator:
        places = [self._places[x] for x in inputs]
        sources = self._reader.numbers(*(place for place, _ in places))
        slots = self._reader.numbers(*(slot for _, slot in places)) if any(slot for _, slot in places) else ()
        if op in _OTHERS:
            params = 2 * shape[1] if op == "BN" and len(shape) > 1 else 0
            return Operator(_OTHERS[op], sources, (shape,), slots, params=params)
        source = self._reader.shape(self._nodes[inputs[0]][2])
        if op == "Dense":
            width = _number(attributes, "cin")
            if source[-1] != width:
                raise InputError(f"cin is {width}, but its input has {source[-1]} features")
            return Operator(
                "Gemm", sources, (shape,), slots,
                bias=True, params=(width + 1) * shape[-1], flops=matmul_flops(shape, width),
            )  # fmt: skip
        kernel, stride, padding = self._window(source, shape, attributes)
        kind = _POOLS.get(op, "Conv")
        dilation = self._reader.numbers(1, 1)
        if kind != "Conv":
            if shape[1] != source[1]:
                raise InputError(f"a pool keeps the {source[1]} channels of its input")
            return Operator(kind, sources, (shape,), slots, kernel, stride, padding, dilation)
        channels = _number(attributes, "cin")
        if source[1] != channels:
            raise InputError(f"cin is {channels}, but its input has {source[1]} channels")
        groups = channels if op == "DWConv" else 1
        if shape[1] % groups:
            raise InputError(f"the output of a depthwise convolution has a multiple of {groups} channels")
        weight = (shape[1], channels // groups, *kernel)
        params = weight[0] * weight[1] * kernel[0] * kernel[1]
        return Operator(
            kind, sources, (shape,), slots, kernel, stride, padding, dilation,
            groups=groups, params=params, flops=conv_flops(shape, weight),
        )  # fmt: skip

    def _window(self, source: Shape, shape: Shape, attributes: dict[str, Any]) -> tuple[Shape, Shape, Shape]:
        """Kernel, stride and padding of a convolution or pool. Raises `InputError` if they contradict the shapes."""
        if len(source) != 4 or len(shape) != 4:
            raise InputError("convolutions and pools are of images, with 4 axes")
        kernel, stride = _number(attributes, "k"), _number(attributes, "s")
        style = attributes.get("p")
        if not isinstance(style, str):
            raise InputError(f"the padding p is SAME or VALID, got {brief(style)}")
        rows, top, bottom = self._reader.window(source[2], kernel, stride, style.upper())
        columns, left, right = self._reader.window(source[3], kernel, stride, style.upper())
        if (rows, columns) != shape[2:] or source[0] != shape[0]:
            raise InputError(f"from an input of {source[2]}x{source[3]} the output would be {rows}x{columns}")
        numbers = self._reader.numbers
        return numbers(kernel, kernel), numbers(stride, stride), numbers(top, left, bottom, right)

    def _add_split(self, number: int) -> None:
        """Add the operator with the first of its nodes; the others are its further outputs."""
        source = self._nodes[number][1][0]
        parts = self._splits[source]
        if number != parts[0]:
            place, slot = self._places[parts[0]][0], parts.index(number)
            self._places.append((place, slot))
            return
        whole = self._reader.shape(self._nodes[source][2])
        shapes = tuple(self._reader.shape(self._nodes[part][2]) for part in parts)
        if len(whole) < 2 or any(len(shape) != len(whole) for shape in shapes):
            raise InputError(f"the parts of a split have as many axes as {brief(whole)}, and at least 2")
        if sum(shape[1] for shape in shapes) != whole[1]:
            raise InputError(f"the {len(parts)} parts of a split do not add up to {brief(whole)}")
        place, slot = self._places[source]
        self._places.append((len(self.operators), 0))
        self.operators.append(Operator("Split", (place,), shapes, (slot,) if slot else ()))


def _number(attributes: dict[str, Any], name: str) -> int:
    value = attributes.get(name)
    if type(value) is not int or not 0 < value <= _MOST_LENGTH:
        raise InputError(f"{name} is a whole number from 1, got {brief(value)}")
    return value
