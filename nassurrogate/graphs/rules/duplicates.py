"""Drops operators that compute what another one has computed already."""

from __future__ import annotations

from nassurrogate.graphs.rules.rewriting import Rewriting

_BY_FIELDS = frozenset({"Reshape", "Relu", "Sigmoid", "Tanh", "Silu", "HardSwish", "Gelu", "Mish", "GlobalAveragePool"})
"""Kinds without weights of which all is known from their inputs and shapes."""
_BY_VALUES = frozenset({"Transpose", "Slice", "HardSigmoid", "Clip"})
"""Kinds of which all is known if their values are."""


def drop_duplicates(network: Rewriting) -> None:
    """Let the readers of an operator read an equal one before it."""
    first: dict[object, int] = {}
    for position in network.order():
        operator, values = network[position], network.values(position)
        if operator.kind in _BY_FIELDS or (operator.kind in _BY_VALUES and values):
            equal = first.setdefault((operator, values), position)
            if equal != position:
                network.redirect((position, 0), (equal, 0))
