"""Rewrites the operators of a network into one normal form, so that its ONNX form and its torch form are equal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from nassurrogate.graphs.operator_graph import Operator
from nassurrogate.graphs.rules.activations import activation
from nassurrogate.graphs.rules.duplicates import drop_duplicates
from nassurrogate.graphs.rules.folding import fold_batch_norm, fold_bias, fold_scale, global_pool, reshape_after_layer
from nassurrogate.graphs.rules.movement import shorten_movement
from nassurrogate.graphs.rules.no_ops import drop_no_ops
from nassurrogate.graphs.rules.normalisation import group_norm, layer_norm
from nassurrogate.graphs.rules.rewriting import Rewriting, Values
from nassurrogate.graphs.rules.slices import merge_slices, split_from_slices

__all__ = ["Values", "simplified"]

_Rule: TypeAlias = Callable[[Rewriting, int], None]
_RULES: tuple[tuple[_Rule, ...], ...] = (
    (drop_no_ops, merge_slices, split_from_slices),
    (layer_norm, group_norm),
    (fold_bias, fold_batch_norm, fold_scale, global_pool, reshape_after_layer, shorten_movement),
)
"""Rules by rounds; each looks at the operator at one position. Normalisations come before means become pools."""
_FROM_END: tuple[_Rule, ...] = (activation,)
"""Rules that look at the last operators first: a part of an activation may be one, too."""
_MOST_ROUNDS: Final = 20
_COMMUTATIVE = frozenset({"Add", "Mul", "Max", "Min", "Sum", "Mean", "And", "Or", "Xor", "Equal"})


def simplified(
    operators: Sequence[Operator],
    outputs: Iterable[int] | None = None,
    values: Mapping[int, Values] | None = None,
) -> list[Operator]:
    """The operators of the same network in normal form, in topological order.

    Operators that do nothing are dropped, and so is what no output needs, the network's inputs excepted. Reshapes in a
    row are one. A batch norm straight after a convolution or linear layer is folded into it, and the addition of a
    constant is its bias. A scalar factor at the product of two activations is dropped. Means over an image are
    `GlobalAveragePool`, slices that cut all of a tensor are `Split`. Activations and normalisations that are spelt out
    are `Gelu`, `HardSwish`, `Silu`, `LayerNormalization` and so on. Operators whose inputs may be swapped have them in
    one order.

    Args:
        operators: N operators, each after all that it reads.
        outputs: positions of the operators whose outputs the network returns; by default those that nothing reads.
        values: per position, constants that tell patterns apart, see `Values`. Without them, patterns that depend on
            constants, such as a Gelu that is spelt out, stay as they are.

    >>> conv = Operator("Conv", (0,), ((1, 4, 8, 8),), kernel=(1, 1), stride=(1, 1), params=12, flops=1536)
    >>> norm = Operator("BatchNormalization", (1,), ((1, 4, 8, 8),), params=8)
    >>> found = simplified([Operator("Input", (), ((1, 3, 8, 8),)), conv, norm])
    >>> [(operator.kind, operator.bias, operator.params) for operator in found]
    [('Input', False, 0), ('Conv', True, 16)]
    """
    if outputs is None:
        read = {source for operator in operators for source in operator.inputs}
        outputs = [position for position in range(len(operators)) if position not in read]
    network = Rewriting(operators, outputs, values or {})
    network.remove_unread()
    for _ in range(_MOST_ROUNDS):
        network.changed = False
        for rules in _RULES:
            for rule in rules:
                _apply(network, rule, network.order())
        for rule in _FROM_END:
            _apply(network, rule, network.order()[::-1])
        drop_duplicates(network)
        if not network.changed:
            break
    return _listed(network)


def _apply(network: Rewriting, rule: _Rule, positions: Iterable[int]) -> None:
    for position in positions:
        if position in network:  # it may have been removed meanwhile
            rule(network, position)


def _listed(network: Rewriting) -> list[Operator]:
    """The operators by new positions, with swappable inputs in the order of what they compute."""
    order = network.order()
    new = {position: place for place, position in enumerate(order)}
    digests: dict[int, bytes] = {}
    found: list[Operator] = []
    for position in order:
        operator, sources = network[position], network.sources(position)
        if operator.kind in _COMMUTATIVE and len(sources) > 1:
            sources.sort(key=lambda source: (digests[source[0]], source[1]))
        slots = tuple(slot for _, slot in sources)
        slots = slots if any(slots) else ()
        digest = hashlib.blake2b(repr((operator.kind, *operator[2:3], slots, *operator[4:])).encode(), digest_size=16)
        for source, _ in sources:
            digest.update(digests[source])
        digests[position] = digest.digest()
        found.append(operator._replace(inputs=tuple(new[source] for source, _ in sources), input_slots=slots))
    return found
