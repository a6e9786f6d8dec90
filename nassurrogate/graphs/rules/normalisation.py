"""Recognises normalisations that are spelt out in means, squares and roots."""

from __future__ import annotations

from nassurrogate.graphs.operator_graph import Operator
from nassurrogate.graphs.rules.rewriting import Rewriting, Source


def layer_norm(network: Rewriting, position: int) -> None:
    """Replace (x - mean) / sqrt(variance + eps) by `LayerNormalization`; with x, not x - mean, by `RMSNormalization`.

    The mean and the variance are over the last axes. A scale and a shift that follow are part of the normalisation.
    """
    centred = _normalised(network, position)
    if centred is None:
        return
    source = _uncentred(network, centred)
    kind = "LayerNormalization" if source is not None else "RMSNormalization"
    _replace(network, position, kind, source or centred)


def group_norm(network: Rewriting, position: int) -> None:
    """Replace an instance norm between two Reshapes, into groups of channels and back, by `GroupNormalization`."""
    if network[position].kind != "Reshape":
        return
    norm = network[position].inputs[0]
    if network[norm].kind != "InstanceNormalization" or network.only_reader(norm) != position:
        return
    grouped = network[norm].inputs[0]
    if network[grouped].kind != "Reshape" or network.only_reader(grouped) != norm:
        return
    source = network.sources(grouped)[0]
    shape = network.shape(source)
    if shape == network[position].output_shape and len(shape) > 2 and shape[0] == network[grouped].output_shape[0]:
        _replace(network, position, "GroupNormalization", source)


def _replace(network: Rewriting, position: int, kind: str, source: Source) -> None:
    """Replace an operator, and the scale and the shift that follow it, by one normalisation."""
    params = 0
    last = position
    for following in ("Mul", "Add"):
        reader = network.only_reader(last)
        if reader is None or network[reader].kind != following or len(network[reader].inputs) != 1:
            break
        if not network[reader].params or network[reader].output_shape != network[position].output_shape:
            break
        params += network[reader].params
        last = reader
    network.put(last, Operator(kind, (), network[position].output_shapes, params=params), [source])


def _normalised(network: Rewriting, position: int) -> Source | None:
    """What is divided here by the root of its own mean square; None if nothing is."""
    operator = network[position]
    if operator.kind not in ("Div", "Mul") or len(operator.inputs) != 2:
        return None
    first, second = network.sources(position)
    for divided, root in ((first, second), (second, first))[: 1 if operator.kind == "Div" else 2]:
        squares = _under_root(network, root[0], inverse=operator.kind == "Mul")
        if squares is not None and _squared(network, squares) == divided:
            return divided
    return None


def _under_root(network: Rewriting, position: int, *, inverse: bool) -> int | None:
    """The mean in 1 / sqrt(mean + eps), or in the root without the inverse."""
    if inverse:
        if network[position].kind == "Pow" and network.values(position) == (None, -0.5):
            return _mean_before_eps(network, network[position].inputs[0])
        is_division = network[position].kind == "Div" and network.values(position) == (1.0, None)
        if network[position].kind != "Reciprocal" and not is_division:
            return None
        position = network[position].inputs[0]
    is_root = network[position].kind == "Sqrt" or network.values(position) == (None, 0.5)
    return _mean_before_eps(network, network[position].inputs[0]) if is_root and network[position].inputs else None


def _mean_before_eps(network: Rewriting, position: int) -> int | None:
    if network[position].kind != "Add" or len(network[position].inputs) != 1:
        return None
    mean = network[position].inputs[0]
    return mean if _is_mean_of_last_axes(network, mean) else None


def _is_mean_of_last_axes(network: Rewriting, position: int) -> bool:
    if network[position].kind != "ReduceMean":
        return False
    axes, rank = network.values(position), len(network.source_shapes(position)[0])
    return bool(axes) and axes == tuple(range(rank - len(axes), rank)) and len(network[position].output_shape) == rank


def _squared(network: Rewriting, mean: int) -> Source | None:
    """The tensor whose square a mean is of."""
    square = network[mean].inputs[0]
    sources = network.sources(square)
    if network[square].kind == "Pow" and network.values(square) == (None, 2.0):
        return sources[0]
    return sources[0] if network[square].kind == "Mul" and len(sources) == 2 and sources[0] == sources[1] else None


def _uncentred(network: Rewriting, centred: Source) -> Source | None:
    """The tensor from which its own mean has been subtracted."""
    operator = network[centred[0]]
    if operator.kind != "Sub" or len(operator.inputs) != 2:
        return None
    source, mean = network.sources(centred[0])
    is_mean = _is_mean_of_last_axes(network, mean[0]) and network.sources(mean[0]) == [source]
    return source if is_mean else None
