"""A topological order of operators that depends on the network alone, not on how its operators were listed."""

from __future__ import annotations

import hashlib

from nassurrogate.graphs.operator_graph import Operator, OperatorGraph


def canonical_operators(graph: OperatorGraph) -> list[Operator]:
    """The operators by depth, and within one depth by what they compute, by their readers and by their inputs.

    Two listings of one network give the same result. Operators that are equal in all of this are interchangeable.

    >>> image, relu, tanh = (Operator(kind, (0,) * (kind != "Input"), ((4,),)) for kind in ("Input", "Relu", "Tanh"))
    >>> one, other = OperatorGraph([image, relu, tanh]), OperatorGraph([image, tanh, relu])
    >>> canonical_operators(one) == canonical_operators(other)
    True
    """
    depths = _depths(graph)
    readers = _reader_keys(graph)
    levels: list[list[int]] = [[] for _ in range(max(depths) + 1)]
    for position, depth in enumerate(depths):
        levels[depth].append(position)
    place: dict[int, int] = {}
    ordered: list[Operator] = []
    for level in levels:
        # All inputs are at smaller depths, so their places are known.
        moved = [(readers[x], tuple(place[y] for y in graph.operators[x].inputs), x) for x in level]
        for _, inputs, x in sorted(moved):
            place[x] = len(ordered)
            ordered.append(graph.operators[x]._replace(inputs=inputs))
    return ordered


def _depths(graph: OperatorGraph) -> list[int]:
    """For each operator, the edges on the longest path that leads to it."""
    depths: list[int] = []
    for operator in graph.operators:
        depths.append(1 + max((depths[x] for x in operator.inputs), default=-1))
    return depths


def _reader_keys(graph: OperatorGraph) -> list[bytes]:
    """For each operator, a digest of its own key and of everything that reads it, and through which input."""
    read: list[list[bytes]] = [[] for _ in graph.operators]
    keys = [b""] * len(graph)
    for position in range(len(graph) - 1, -1, -1):
        operator = graph.operators[position]
        digest = hashlib.blake2b(graph.operator_keys[position], digest_size=16)
        for key in sorted(read[position]):
            digest.update(key)
        keys[position] = digest.digest()
        for number, x in enumerate(operator.inputs):
            read[x].append(keys[position] + number.to_bytes(8, "big"))
    return keys
