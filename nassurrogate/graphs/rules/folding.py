"""Rules that fold an operator into the convolution, the linear layer or the product before or after it."""

from __future__ import annotations

from nassurrogate.graphs.operator_graph import Operator
from nassurrogate.graphs.rules.rewriting import Rewriting

_CHANNEL_AXIS = {"Conv": 1, "ConvTranspose": 1, "Gemm": -1}
"""The axis of the output channels of operators with a weight, in their output."""


def fold_batch_norm(network: Rewriting, position: int) -> None:
    """Fold a batch norm into the convolution or linear layer that it alone reads, which has a bias then."""
    if network[position].kind == "BatchNormalization":
        _fold_bias(network, position, channels=network[position].output_shape[1])


def fold_bias(network: Rewriting, position: int) -> None:
    """Make the addition of one constant per channel the bias of the operator before it, if that has none."""
    operator = network[position]
    if operator.kind == "Add" and len(operator.inputs) == 1 and operator.params:
        before = network[operator.inputs[0]]
        if not before.bias:
            _fold_bias(network, position, channels=operator.params)


def _fold_bias(network: Rewriting, position: int, channels: int) -> None:
    source = network[position].inputs[0]
    layer = network[source]
    axis = _CHANNEL_AXIS.get(layer.kind)
    if axis is None or network.only_reader(source) != position or layer.output_shape[axis] != channels:
        return
    if layer.output_shape != network[position].output_shape or not layer.params:
        return
    weights = layer.params - (channels if layer.bias else 0)
    network.put(source, layer._replace(bias=True, params=weights + channels), network.sources(source))
    network.redirect((position, 0), (source, 0))


def fold_scale(network: Rewriting, position: int) -> None:
    """Drop a scalar factor before or after the product of two activations, which libraries apply within the product."""
    operator = network[position]
    if operator.kind not in ("Mul", "Div") or len(operator.inputs) != 1 or operator.params:
        return
    values = network.values(position)
    if len(values) != 2 or values[0] is not None:
        return
    source = network.sources(position)[0]
    if network.shape(source) != operator.output_shape:
        return
    if _follows_product(network, position) or _leads_to_product(network, position):
        network.redirect((position, 0), source)


def _follows_product(network: Rewriting, position: int) -> bool:
    source = network[position].inputs[0]
    return _is_product(network[source]) and network.only_reader(source) == position


def _leads_to_product(network: Rewriting, position: int) -> bool:
    """Whether the only reader is a product, perhaps after operators that only move data."""
    reader = network.only_reader(position)
    while reader is not None and network[reader].kind in ("Transpose", "Reshape"):
        reader = network.only_reader(reader)
    return reader is not None and _is_product(network[reader])


def _is_product(operator: Operator) -> bool:
    return operator.kind == "MatMul" and len(operator.inputs) == 2


def global_pool(network: Rewriting, position: int) -> None:
    """Make means over all spatial axes of an image, and average pools over all of it, a `GlobalAveragePool`."""
    operator = network[position]
    if operator.kind not in ("ReduceMean", "AveragePool") or len(operator.inputs) != 1:
        return
    source = network.sources(position)[0]
    shape = network.shape(source)
    spatial = tuple(range(2, len(shape)))
    pooled = (*shape[:2], *(1 for _ in spatial))
    if operator.kind == "ReduceMean":
        if len(shape) < 4 or network.values(position) != spatial:
            return
    elif operator.kernel != shape[2:] or operator.output_shape != pooled or any(operator.padding):
        return
    pool = Operator("GlobalAveragePool", (), (pooled,))
    if operator.output_shape == pooled:
        network.put(position, pool, [source])
    else:
        pool_position = network.add(pool, [source])
        network.put(position, Operator("Reshape", (), operator.output_shapes), [(pool_position, 0)])


def reshape_after_layer(network: Rewriting, position: int) -> None:
    """Let a linear layer read its input before a Reshape that keeps the last axis, and the Reshape follow it."""
    layer = network[position]
    if layer.kind != "Gemm" or len(layer.inputs) != 1 or network[layer.inputs[0]].kind != "Reshape":
        return
    source = network.sources(layer.inputs[0])[0]
    shape = network.shape(source)
    if not shape or shape[-1] != network.source_shapes(position)[0][-1]:
        return
    moved = layer._replace(output_shapes=((*shape[:-1], layer.output_shape[-1]),))
    new = network.add(moved, [source])
    network.put(position, Operator("Reshape", (), layer.output_shapes), [(new, 0)])
