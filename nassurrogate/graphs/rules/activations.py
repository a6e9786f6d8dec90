"""Recognises activations that are spelt out in elementwise operators, by what they compute."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from nassurrogate.graphs.operator_graph import Operator
from nassurrogate.graphs.rules.rewriting import Rewriting, Source, Values

Array: TypeAlias = np.ndarray
_POINTS = np.array([-6.5, -4.0, -3.0, -2.1, -1.3, -0.6, -0.2, 0.1, 0.4, 0.9, 1.6, 2.4, 3.0, 4.2, 7.0])
"""Where functions are compared."""
_TOLERANCE = 2e-3
"""Constants of networks in half precision are that far off."""
_MOST_OPERATORS = 12
"""In one activation."""
_MOST_BRANCHES = 3
"""Operators of one activation that are open at a time."""


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def _hard_sigmoid(x: Array) -> Array:
    return np.clip(x / 6 + 0.5, 0, 1)


_erf = np.vectorize(math.erf, otypes=[float])
_FUNCTIONS: Mapping[str, Callable[..., Array]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Pow": np.power,
    "Max": np.maximum,
    "Min": np.minimum,
    "Neg": np.negative,
    "Abs": np.abs,
    "Exp": np.exp,
    "Log": np.log,
    "Sqrt": np.sqrt,
    "Reciprocal": np.reciprocal,
    "Erf": _erf,
    "Tanh": np.tanh,
    "Sigmoid": _sigmoid,
    "Softplus": lambda x: np.logaddexp(x, 0),
    "Relu": lambda x: np.maximum(x, 0),
}
"""What the elementwise operators compute, of which activations are put together."""
_LAST = frozenset({"Mul", "Div", "Add", "Log", "Reciprocal", "Min", "Clip"})
"""Kinds that an activation may end with."""
_KNOWN: tuple[tuple[str, Array], ...] = (
    ("Gelu", _POINTS * (1 + _erf(_POINTS / math.sqrt(2))) / 2),
    ("Gelu", _POINTS * (1 + np.tanh(math.sqrt(2 / math.pi) * (_POINTS + 0.044715 * _POINTS**3))) / 2),
    ("Gelu", _POINTS * _sigmoid(1.702 * _POINTS)),
    ("Silu", _POINTS * _sigmoid(_POINTS)),
    ("HardSwish", _POINTS * _hard_sigmoid(_POINTS)),
    ("Mish", _POINTS * np.tanh(np.logaddexp(_POINTS, 0))),
    ("Sigmoid", _sigmoid(_POINTS)),
    ("HardSigmoid", _hard_sigmoid(_POINTS)),
    ("Softplus", np.logaddexp(_POINTS, 0)),
    ("Softsign", _POINTS / (1 + np.abs(_POINTS))),
)
"""Activations with their values at the points; the approximations of Gelu count as Gelu."""
_VALUES: Mapping[str, Values] = {"HardSigmoid": (None, 1 / 6, 0.5)}


def activation(network: Rewriting, position: int) -> None:
    """Replace the elementwise operators that end here by the activation that they compute of one tensor."""
    if network[position].kind not in _LAST or network[position].params:
        return
    found = _found(network, position)
    if found is not None:
        kind, source = found
        shapes = network[position].output_shapes
        network.put(position, Operator(kind, (), shapes), [source], _VALUES.get(kind, ()))


def _found(network: Rewriting, last: int) -> tuple[str, Source] | None:
    """The activation that ends with an operator, and the tensor that it reads."""
    shape = network[last].output_shape
    members = [last]
    branches = set(network.sources(last))
    while branches and len(branches) <= _MOST_BRANCHES and len(members) <= _MOST_OPERATORS:
        if len(branches) == 1 and len(members) > 1:
            source = next(iter(branches))
            kind = _kind(network, last, members, source)
            if kind is not None and network.shape(source) == shape:
                return kind, source
        # What another branch reads may only be entered after that branch: it may be the tensor that all of them read.
        inner = [x for x in branches if _may_enter(network, x[0], last, members)]
        if not inner:
            return None
        entered = inner[0]
        members.append(entered[0])
        branches.remove(entered)
        branches.update(network.sources(entered[0]))
    return None


def _may_enter(network: Rewriting, position: int, last: int, members: list[int]) -> bool:
    """Whether an operator is elementwise, of the same shape, and read by members alone."""
    operator = network[position]
    return (
        (operator.kind in _FUNCTIONS or operator.kind in ("Clip", "HardSigmoid"))
        and not operator.params
        and operator.output_shape == network[last].output_shape
        and not network.is_output(position)
        and all(reader in members for reader in network.readers(position))
    )


def _kind(network: Rewriting, last: int, members: list[int], source: Source) -> str | None:
    """Which activation the members compute of a tensor; None if it is none that is known."""
    computed: dict[Source, Array] = {source: _POINTS}
    with np.errstate(all="ignore"):
        for position in reversed(members):  # each was entered after all its readers
            result = _value(network, position, computed)
            if result is None:
                return None
            computed[position, 0] = result
        result = computed[last, 0]
        return next((kind for kind, y in _KNOWN if np.allclose(result, y, rtol=_TOLERANCE, atol=_TOLERANCE)), None)


def _value(network: Rewriting, position: int, computed: Mapping[Source, Array]) -> Array | None:
    """What an operator computes at all points; None if a constant of it is not known."""
    kind, values = network[position].kind, network.values(position)
    inputs = [computed[source] for source in network.sources(position)]
    if kind in ("Clip", "HardSigmoid"):
        if len(values) != 3:
            return None
        if kind == "Clip":
            low, high = -np.inf if values[1] is None else values[1], np.inf if values[2] is None else values[2]
            return np.asarray(np.clip(inputs[0], low, high))
        return np.asarray(np.clip((values[1] or 0.0) * inputs[0] + (values[2] or 0.0), 0, 1))
    left = iter(inputs)
    operands = [
        next(left) if value is None else np.full_like(_POINTS, value) for value in values or [None] * len(inputs)
    ]
    if len(operands) != _arity(kind):
        return None
    return np.asarray(_FUNCTIONS[kind](*operands))


def _arity(kind: str) -> int:
    return 2 if kind in ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min") else 1
