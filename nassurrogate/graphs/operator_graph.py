"""A whole network as a graph of operators: what it computes at inference, with shapes and costs, without weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

from nassurrogate.errors import InputError, brief

Shape: TypeAlias = tuple[int, ...]
"""Sizes of a tensor; images are (batch, channels, height, width)."""
INPUT = "Input"
"""The kind of the nodes that stand for the network's inputs."""
BYTES_PER_NUMBER = 4
"""Memory access is counted in 32-bit numbers, whatever the network's own type."""


class Operator(NamedTuple):
    """One operator of a network at inference. Immutable and hashable.

    Attributes:
        kind: its ONNX name, such as `Conv`, `Gemm`, `MatMul`, `MaxPool`, `Relu`, `Add`; `Input` for an input of the
            network; an operator that is not in `operator_kinds.KNOWN_KINDS` keeps its own name.
        inputs: positions, in the graph, of the operators whose outputs it reads, in the operator's own order. Weights
            and constants are no inputs.
        output_shapes: shapes of its outputs; several for operators such as `Split`.
        input_slots: which output of each input it reads; empty if the first of each.
        kernel, stride, padding, dilation: sizes per spatial axis, of convolutions and pools; empty for others. The
            padding has twice as many: all beginnings, then all ends.
        groups: of a convolution; equal to the input channels for a depthwise one.
        bias: whether it adds a learned bias.
        params: learned numbers that it reads, weights and biases.
        flops: floating-point operations, two per multiply-accumulate, of convolutions and matrix products; 0 for
            others, as in PyTorch's counter.
    """

    kind: str
    inputs: tuple[int, ...]
    output_shapes: tuple[Shape, ...]
    input_slots: tuple[int, ...] = ()
    kernel: Shape = ()
    stride: Shape = ()
    padding: Shape = ()
    dilation: Shape = ()
    groups: int = 1
    bias: bool = False
    params: int = 0
    flops: int = 0

    @property
    def output_shape(self) -> Shape:
        """Shape of the first output."""
        return self.output_shapes[0]

    @property
    def output_size(self) -> int:
        """How many numbers it writes, over all outputs."""
        return sum(map(size_of, self.output_shapes))


class OperatorGraph:
    """The operators of a network in topological order. Immutable; equal for equal networks, in whatever order listed.

    Args:
        operators: N operators, each after all that it reads; at least one is an `Input`.
        name: for messages and tables; no part of the identity.

    Raises `InputError` for a graph that breaks these rules.

    >>> graph = OperatorGraph([
    ...     Operator("Input", (), ((1, 3, 8, 8),)),
    ...     Operator("Conv", (0,), ((1, 4, 8, 8),), kernel=(1, 1), stride=(1, 1), params=12, flops=1536),
    ... ])
    >>> graph.n_operators, graph.flops, graph.params, graph.memory_bytes
    (2, 1536, 12, 1840)
    """

    __slots__ = ("__dict__", "name", "operators")

    def __init__(self, operators: Iterable[Operator], name: str = "network") -> None:
        self.operators: tuple[Operator, ...] = tuple(operators)
        self.name = name
        _check(self.operators)

    def __len__(self) -> int:
        return len(self.operators)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OperatorGraph) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"OperatorGraph({self.name!r}, {self.n_operators} operators, {self.flops / 1e6:,.0f} MFLOPs)"

    def __reduce__(self) -> tuple[type[OperatorGraph], tuple[tuple[Operator, ...], str]]:
        return OperatorGraph, (self.operators, self.name)

    @property
    def n_operators(self) -> int:
        """Number of operators, inputs included."""
        return len(self.operators)

    @cached_property
    def flops(self) -> int:
        """Floating-point operations of all operators."""
        return sum(operator.flops for operator in self.operators)

    @cached_property
    def params(self) -> int:
        """Learned numbers of all operators."""
        return sum(operator.params for operator in self.operators)

    @cached_property
    def memory_bytes(self) -> int:
        """Bytes that all operators read and write; inputs of the network cost nothing."""
        return sum(self.operator_memory_bytes(position) for position in range(len(self.operators)))

    @cached_property
    def activation_bytes(self) -> int:
        """The most bytes of tensors that are alive at once while the operators run in their order, one at a time.

        A tensor is alive from the operator that writes it to the last one that reads it; what nothing reads, such as
        the network's outputs, stays to the end. Inputs of the network count, weights do not. A `Reshape` shares the
        memory of what it reads; every other operator writes to memory of its own.
        """
        return BYTES_PER_NUMBER * _most_alive(self.operators)

    def input_shapes(self, position: int) -> tuple[Shape, ...]:
        """Shapes of the tensors that the operator at a position reads, in its own order."""
        operator = self.operators[position]
        slots = operator.input_slots or (0,) * len(operator.inputs)
        return tuple(self.operators[x].output_shapes[slot] for x, slot in zip(operator.inputs, slots, strict=True))

    def operator_memory_bytes(self, position: int) -> int:
        """Bytes that one operator reads (inputs and weights) and writes."""
        operator = self.operators[position]
        if operator.kind == INPUT:
            return 0
        read = sum(map(size_of, self.input_shapes(position)))
        return BYTES_PER_NUMBER * (read + operator.params + operator.output_size)

    def edges(self) -> list[tuple[int, int]]:
        """All edges as (from, to), sorted by their end; twice if an operator reads another one twice."""
        return [(x, position) for position, operator in enumerate(self.operators) for x in operator.inputs]

    @cached_property
    def operator_keys(self) -> tuple[bytes, ...]:
        """For each operator, a digest of all that it computes: of itself and of everything that it reads."""
        keys: list[bytes] = []
        for operator in self.operators:
            digest = hashlib.blake2b(repr((operator.kind, *operator[2:])).encode(), digest_size=16)
            for x in operator.inputs:
                digest.update(keys[x])
            keys.append(digest.digest())
        return tuple(keys)

    @cached_property
    def key(self) -> str:
        """A digest of the network: equal for equal networks, whatever the order and the names of their operators."""
        return hashlib.blake2b(b"".join(sorted(self.operator_keys)), digest_size=16).hexdigest()


def size_of(shape: Shape) -> int:
    """How many numbers a tensor of this shape holds; 1 for a scalar."""
    size = 1
    for length in shape:
        size *= length
    return size


def _most_alive(operators: Sequence[Operator]) -> int:
    """The most numbers that are alive at once."""
    written: list[tuple[tuple[int, int], ...]] = []  # by operator: who first wrote each of its results, and which
    last_reader: dict[tuple[int, int], int] = {}
    for position, operator in enumerate(operators):
        slots = operator.input_slots or (0,) * len(operator.inputs)
        read = [written[x][slot] for x, slot in zip(operator.inputs, slots, strict=True)]
        last_reader.update(dict.fromkeys(read, position))
        is_view = operator.kind == "Reshape" and bool(read)
        written.append(tuple(read[:1] if is_view else ((position, n) for n in range(len(operator.output_shapes)))))
    for position in set(range(len(operators))).difference(*(operator.inputs for operator in operators)):
        last_reader.update(dict.fromkeys(written[position], len(operators)))
    freed = [0] * (len(operators) + 1)
    alive = most = 0
    for position, operator in enumerate(operators):
        for tensor, shape in zip(written[position], operator.output_shapes, strict=False):
            if tensor[0] == position:
                alive += size_of(shape)
                freed[last_reader.get(tensor, position)] += size_of(shape)
        most = max(most, alive)
        alive -= freed[position]
    return most


def _check(operators: Sequence[Operator]) -> None:
    if not any(operator.kind == INPUT for operator in operators):
        raise InputError(f"a network needs at least one input, got {len(operators)} operators without any")
    for position, operator in enumerate(operators):
        where = f"operator {position} ({brief(operator.kind)})"
        if not operator.output_shapes:
            raise InputError(f"{where} has no output")
        if any(length < 1 for shape in operator.output_shapes for length in shape):
            raise InputError(f"{where} has an empty output of shape {brief(list(operator.output_shapes))}")
        if operator.inputs and not 0 <= min(operator.inputs) <= max(operator.inputs) < position:
            raise InputError(f"{where} reads {brief(list(operator.inputs))}, but only the operators before it exist")
        if operator.input_slots and len(operator.input_slots) != len(operator.inputs):
            raise InputError(f"{where} has {len(operator.inputs)} inputs, but {len(operator.input_slots)} slots")
        for x, slot in zip(operator.inputs, operator.input_slots, strict=False):
            if not 0 <= slot < len(operators[x].output_shapes):
                raise InputError(f"{where} reads output {slot} of operator {x}, which has none")
