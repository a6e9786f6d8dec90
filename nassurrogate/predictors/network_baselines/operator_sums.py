"""What a network costs, summed over its operators of each kind: the features of the baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from nassurrogate.errors import InputError, brief
from nassurrogate.graphs.kernels import DEPTHWISE
from nassurrogate.graphs.operator_graph import INPUT, Operator, OperatorGraph

QUANTITIES = ("flops", "memory_bytes", "params", "operators")
"""What is summed; `operators` counts them."""
Sums: TypeAlias = Mapping[str, tuple[int, int, int, int]]
"""Kind of operator → its `QUANTITIES`, summed over a network."""
_FREE = (INPUT, "Reshape")
"""Kinds that compute nothing and move nothing: a reshaped tensor is a view. Other kinds always come with them, so a
regression would price them instead, and a network that reshapes large tensors would cost a multiple of what it does."""
_MOST_KINDS = 10_000
_MOST_REMEMBERED = 1 << 16
_remembered: dict[str, Sums] = {}


def operator_sums(graph: OperatorGraph) -> Sums:
    """The sums of a network; depthwise convolutions are a kind of their own; inputs and reshapes are left out.

    >>> image, out = (1, 3, 8, 8), (1, 4, 8, 8)
    >>> convolution = Operator("Conv", (0,), (out,), kernel=(1, 1), params=12, flops=1536)
    >>> operator_sums(OperatorGraph([Operator("Input", (), (image,)), convolution]))
    {'Conv': (1536, 1840, 12, 1)}
    """
    found = _remembered.get(graph.key)
    if found is None:
        found = _summed(graph)
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        _remembered[graph.key] = found
    return found


def _summed(graph: OperatorGraph) -> Sums:
    sums: dict[str, tuple[int, int, int, int]] = {}
    for position, operator in enumerate(graph.operators):
        if operator.kind in _FREE:
            continue
        kind = DEPTHWISE if _is_depthwise(operator, graph) else operator.kind
        flops, memory, params, count = sums.get(kind, (0, 0, 0, 0))
        sums[kind] = (
            flops + operator.flops,
            memory + graph.operator_memory_bytes(position),
            params + operator.params,
            count + 1,
        )
    return sums


def _is_depthwise(operator: Operator, graph: OperatorGraph) -> bool:
    if operator.kind != "Conv" or operator.groups == 1 or not operator.inputs:
        return False
    slot = operator.input_slots[0] if operator.input_slots else 0
    shape = graph.operators[operator.inputs[0]].output_shapes[slot]
    return len(shape) > 1 and shape[1] == operator.groups


@dataclass(frozen=True)
class Columns:
    """Which sums are features.

    Attributes:
        totals: quantities summed over the whole network.
        kinds: kinds of operators with columns of their own, all `QUANTITIES` of each. Other kinds are in the totals
            alone.
    """

    totals: tuple[str, ...]
    kinds: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.totals) + len(QUANTITIES) * len(self.kinds)

    def rows(self, graphs: Sequence[OperatorGraph]) -> np.ndarray:
        """(n, F) float64 features of n networks: the totals, then the quantities of each kind."""
        rows = np.zeros((len(graphs), len(self)))
        place = {kind: number for number, kind in enumerate(self.kinds)}
        total = [QUANTITIES.index(name) for name in self.totals]
        for row, graph in zip(rows, graphs, strict=True):
            sums = operator_sums(graph)
            per_kind = row[len(total) :].reshape(len(self.kinds), len(QUANTITIES))
            for kind, values in sums.items():
                if kind in place:
                    per_kind[place[kind]] = values
            row[: len(total)] = [sum(values[number] for values in sums.values()) for number in total]
        return rows


def kinds_of(graphs: Sequence[OperatorGraph]) -> tuple[str, ...]:
    """All kinds of operators in these networks, sorted."""
    return tuple(sorted({kind for graph in graphs for kind in operator_sums(graph)}))


def checked_kinds(given: object) -> tuple[str, ...]:
    """Kinds from an untrusted file. Raises `InputError` unless they are a list of different names."""
    good = isinstance(given, list) and all(isinstance(kind, str) for kind in given)
    if not good or len(set(given)) < len(given) or len(given) > _MOST_KINDS:  # type: ignore[call-overload,arg-type]
        raise InputError(f"the kinds of operators are a list of different names, got {brief(given)}")
    return tuple(given)  # type: ignore[arg-type]
