"""Drops operators that do nothing at inference."""

from __future__ import annotations

from nassurrogate.graphs.rules.rewriting import Rewriting

_NO_OPS = frozenset({"Identity", "Dropout", "Cast", "CastLike"})
_NO_OPS_OF_SAME_SHAPE = frozenset({"Expand", "Tile", "Resize", "Concat", "Split"})
"""Kinds that do nothing if their one input has the shape of their output."""
_NEUTRAL = {"Add": 0.0, "Sub": 0.0, "Mul": 1.0, "Div": 1.0, "Pow": 1.0}
"""The right operand that changes nothing."""
_VARIADIC = frozenset({"Sum", "Mean", "Max", "Min"})
_POOLS = frozenset({"MaxPool", "AveragePool", "LpPool"})


def drop_no_ops(network: Rewriting, position: int) -> None:
    """Let the readers of an operator that does nothing read its input."""
    if _does_nothing(network, position):
        network.redirect((position, 0), network.sources(position)[0])


def _does_nothing(network: Rewriting, position: int) -> bool:
    operator, values = network[position], network.values(position)
    kind = operator.kind
    if len(operator.inputs) != 1 or operator.params:
        return False
    if kind in _NO_OPS or (kind in _VARIADIC and not values):
        return True
    if network.source_shapes(position)[0] != operator.output_shape:
        return False
    if kind in _NO_OPS_OF_SAME_SHAPE:
        return len(operator.output_shapes) == 1
    if kind == "Slice":
        return all(step is None or step > 0 for step in values[3::4])
    if kind == "Pad":
        return not any(values)
    if kind in _POOLS:
        return set(operator.kernel + operator.stride) == {1} and not any(operator.padding)
    return kind in _NEUTRAL and len(values) == 2 and values[0] is None and values[1] == _NEUTRAL[kind]
