"""The boxes of a drawing: an operator together with what is applied to its output alone, such as its activation."""

from __future__ import annotations

import heapq
import re
from collections.abc import Sequence
from typing import NamedTuple

from nassurrogate.graphs.operator_graph import INPUT, Operator, OperatorGraph, Shape
from nassurrogate.graphs.operator_kinds import group_of

_JOINED_GROUPS = frozenset({"activation", "elementwise"})
_NORMALISED = frozenset({"convolution", "matrix product"})
_JOINED_KINDS = frozenset({"Reshape", "Transpose"})
_COMMUTATIVE = frozenset({"Add", "Mul", "Sum", "Max", "Min", "Mean"})
_MOST_INPUTS, _NEAREST = 4, 2
"""Of more inputs than this, as in DenseNet, only the nearest ones get an edge."""
_LONGEST_NAME, _LONGEST_DETAILS = 28, 36
"""Characters of a line in a box."""
_NAMES = {
    "Relu": "ReLU", "LeakyRelu": "Leaky ReLU", "PRelu": "PReLU", "Elu": "ELU", "Selu": "SELU", "Celu": "CELU",
    "Silu": "SiLU", "Gelu": "GELU", "HardSwish": "Hard swish", "Gemm": "Linear", "MatMul": "MatMul", "Conv": "Conv",
    "ConvTranspose": "Transposed conv", "BatchNormalization": "Batch norm", "LayerNormalization": "Layer norm",
    "GroupNormalization": "Group norm", "InstanceNormalization": "Instance norm", "RMSNormalization": "RMS norm",
    "LSTM": "LSTM", "GRU": "GRU", "RNN": "RNN", "LRN": "LRN", "ConstantOfShape": "Constant",
}  # fmt: skip
"""Names of kinds that are more than their words in lower case."""


class Box(NamedTuple):
    """One box of a drawing.

    Attributes:
        title: what it computes.
        details: its stride, its activation and the like; may be empty.
        group: what it does, as in `operator_kinds.GROUPS`, or "unknown".
        inputs: positions of the boxes whose edges to it are drawn.
        n_inputs: how many it reads, if not all of their edges are drawn; else 0.
        shapes: of its outputs.
        params, flops: of all its operators.
    """

    title: str
    details: str
    group: str
    inputs: tuple[int, ...]
    n_inputs: int
    shapes: tuple[Shape, ...]
    params: int
    flops: int


def boxes_of(graph: OperatorGraph) -> list[Box]:
    """The boxes of a network, each after those that it reads; copies of a block list theirs in the same order.

    An operator of a single input joins the box before it if nothing else reads that one and it changes little:
    activations, additions of constants, reshapes, and normalisations right after a convolution or a matrix product.

    >>> image, out = (1, 3, 8, 8), (1, 4, 8, 8)
    >>> convolution = Operator("Conv", (0,), (out,), kernel=(3, 3), stride=(2, 2), params=108)
    >>> graph = OperatorGraph([Operator("Input", (), (image,)), convolution, Operator("Relu", (1,), (out,))])
    >>> [(box.title, box.details) for box in boxes_of(graph)]
    [('Input', ''), ('Conv 3×3', 'stride 2 · ReLU')]
    """
    readers = [0] * len(graph)
    for operator in graph.operators:
        for x in operator.inputs:
            readers[x] += 1
    members: list[list[int]] = []
    box_of: list[int] = []
    for position, operator in enumerate(graph.operators):
        if _joins(operator, graph.operators, readers):
            box_of.append(box_of[operator.inputs[0]])
            members[box_of[-1]].append(position)
        else:
            box_of.append(len(members))
            members.append([position])
    return _ordered([_box(graph, positions, box_of) for positions in members])


def shape_text(shape: Shape) -> str:
    """Sizes without the batch of one.

    >>> shape_text((1, 16, 32, 32)), shape_text((2, 10)), shape_text(())
    ('16 × 32 × 32', '2 × 10', 'scalar')
    """
    sizes = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
    return " × ".join(map(str, sizes)) or "scalar"


def _ordered(boxes: Sequence[Box]) -> list[Box]:
    """The boxes depth first: the next one reads what was listed last, or else is farthest from the network's end.

    Where a file lists the operators of two equal blocks in different orders, this one is the same for both.
    """
    readers: list[list[int]] = [[] for _ in boxes]
    for position, box in enumerate(boxes):
        for x in set(box.inputs):
            readers[x].append(position)
    to_end = [0] * len(boxes)
    for position in range(len(boxes) - 1, -1, -1):
        to_end[position] = 1 + max((to_end[reader] for reader in readers[position]), default=0)
    waiting = [len(set(box.inputs)) for box in boxes]
    place: dict[int, int] = {}
    ready = [(0, -to_end[position], box.title, position) for position, box in enumerate(boxes) if not box.inputs]
    heapq.heapify(ready)
    while ready:
        *_, position = heapq.heappop(ready)
        place[position] = len(place)
        for reader in readers[position]:
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, (-place[position], -to_end[reader], boxes[reader].title, reader))
    return [_with_inputs(boxes[position], [place[x] for x in boxes[position].inputs]) for position in place]


def _with_inputs(box: Box, inputs: Sequence[int]) -> Box:
    if len(inputs) > _MOST_INPUTS:
        return box._replace(inputs=tuple(sorted(inputs)[-_NEAREST:]), n_inputs=len(inputs))
    return box._replace(inputs=tuple(sorted(inputs) if box.title in _COMMUTATIVE else inputs))


def _joins(operator: Operator, operators: Sequence[Operator], readers: Sequence[int]) -> bool:
    if len(operator.inputs) != 1 or readers[operator.inputs[0]] != 1:
        return False
    source = operators[operator.inputs[0]]
    if source.kind == INPUT or len(source.output_shapes) > 1 or len(operator.output_shapes) > 1:
        return False
    if group_of(operator.kind) == "normalisation":
        return group_of(source.kind) in _NORMALISED
    return group_of(operator.kind) in _JOINED_GROUPS or operator.kind in _JOINED_KINDS


def _box(graph: OperatorGraph, positions: Sequence[int], box_of: Sequence[int]) -> Box:
    operators = [graph.operators[position] for position in positions]
    first = operators[0]
    title = name_of(first.kind)
    details = []
    if first.kind == "Conv" and first.groups > 1:
        source = graph.input_shapes(positions[0])[0]
        if len(source) > 1 and first.groups == source[1]:
            title = "Depthwise conv"
        else:
            details.append(f"{first.groups} groups")
    if first.kernel:
        title = f"{title} {_sizes(first.kernel)}"
    for word, sizes in (("stride", first.stride), ("dilation", first.dilation)):
        if any(size != 1 for size in sizes):
            details.append(f"{word} {_sizes(sizes) if len(set(sizes)) > 1 else sizes[0]}")
    details += [name_of(operator.kind) for operator in operators[1:]]
    return Box(
        title=_cut(title, _LONGEST_NAME),
        details=_listed(details),
        group=group_of(first.kind),
        inputs=tuple(box_of[x] for x in first.inputs),
        n_inputs=0,
        shapes=operators[-1].output_shapes,
        params=sum(operator.params for operator in operators),
        flops=sum(operator.flops for operator in operators),
    )


def name_of(kind: str) -> str:
    """A kind of operator in words.

    >>> name_of("GlobalAveragePool"), name_of("Relu"), name_of("my.ops.Fancy")
    ('Global average pool', 'ReLU', 'my.ops.Fancy')
    """
    if kind in _NAMES or not kind.isalpha():
        return _NAMES.get(kind, kind)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).capitalize()


def _listed(details: Sequence[str]) -> str:
    """The details in one line; those that do not fit are counted."""
    text = " · ".join(details)
    kept = len(details)
    while len(text) > _LONGEST_DETAILS and kept > 1:
        kept -= 1
        text = " · ".join([*details[:kept], f"{len(details) - kept} more"])
    return _cut(text, _LONGEST_DETAILS)


def _sizes(sizes: Shape) -> str:
    return "×".join(map(str, sizes))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
