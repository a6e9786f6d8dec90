"""What a network's operators and their paths from input to output look like: numbers that exist in every space.

A path leads from an input of the network to its output. Four things are counted along it: layers (convolutions, matrix
products and pools of stride 1), those with weights, convolutions that see more than one pixel, and pools of stride 1,
which only smooth. Pools that halve the image are not counted, as all networks of a space have them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Final, TypeAlias

import numpy as np

from nassurrogate.graphs.operator_graph import INPUT, Operator, OperatorGraph
from nassurrogate.graphs.operator_kinds import group_of

_COUNTED: Final = ("layers", "layers with weights", "spatial convolutions", "smoothing pools")
STRUCTURE_NAMES: Final = (
    "log FLOPs",
    "log parameters",
    "log number of paths",
    "log number of paths without smoothing",
    *(f"{which} {counted} on a path" for counted, which in product(_COUNTED, ("most", "least", "mean"))),
    "spatial convolutions",
    "other layers with weights",
    "smoothing pools",
)
"""Names of the columns of `structure_of`."""
_NO_PATH: Final = -1.0
"""Of a network whose output does not depend on its input."""
_Step: TypeAlias = tuple[float, float, float, float]
_Paths: TypeAlias = tuple[float, float, list[float], list[float], list[float]]
"""Of all paths to an operator: log number, log number of those without smoothing, most, least and mean counts."""


def structure_of(graphs: Sequence[OperatorGraph]) -> np.ndarray:
    """(B, F) numbers of B networks, in the columns `STRUCTURE_NAMES`.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("macro")
    >>> rows = structure_of([space.operator_graph(space.parse(digits)) for digits in ("00000000", "11111111")])
    >>> rows[:, STRUCTURE_NAMES.index("most layers with weights on a path")]
    array([ 6., 27.])
    """
    return np.array([_row(graph) for graph in graphs]).reshape(len(graphs), len(STRUCTURE_NAMES))


def _row(graph: OperatorGraph) -> list[float]:
    arriving: list[_Paths | None] = []
    n_spatial = n_weighted = n_pools = 0.0
    for operator in graph.operators:
        if operator.kind == INPUT:
            arriving.append((0.0, 0.0, [0.0] * 4, [0.0] * 4, [0.0] * 4))
            continue
        before = [paths for paths in (arriving[source] for source in operator.inputs) if paths is not None]
        step = _step(operator)
        joined = before[0] if len(before) == 1 else _joined(before)
        if joined is not None and step is not None:
            joined = _after(joined, step)
            _, weighted, spatial, pool = step
            n_spatial, n_weighted, n_pools = n_spatial + spatial, n_weighted + weighted - spatial, n_pools + pool
        arriving.append(joined)
    costs = [math.log1p(graph.flops), math.log1p(graph.params)]
    last = arriving[-1]
    if last is None or graph.operators[-1].kind == INPUT:
        return [*costs, *[_NO_PATH] * (len(STRUCTURE_NAMES) - 5), 0.0, 0.0, 0.0]
    paths, clean, most, least, mean = last
    counts = [number for three in zip(most, least, mean, strict=True) for number in three]
    return [*costs, paths, clean if clean > -math.inf else _NO_PATH, *counts, n_spatial, n_weighted, n_pools]


def _step(operator: Operator) -> _Step | None:
    """How much the operator adds to each count of the paths through it; None if nothing."""
    group = group_of(operator.kind)
    if group == "pool":
        smooths = bool(operator.stride) and max(operator.stride) == 1
        return (1.0, 0.0, 0.0, 1.0) if smooths else None
    if group not in ("convolution", "matrix product", "recurrent"):
        return None
    return (1.0, 1.0, float(bool(operator.kernel) and max(operator.kernel) > 1), 0.0)


def _after(paths: _Paths, step: _Step) -> _Paths:
    number, clean, *counts = paths
    most, least, mean = ([count + more for count, more in zip(of, step, strict=True)] for of in counts)
    return number, -math.inf if step[3] else clean, most, least, mean


def _joined(parts: Sequence[_Paths]) -> _Paths | None:
    """All paths of several operators."""
    if not parts:
        return None
    number = _log_sum([part[0] for part in parts])
    shares = [math.exp(part[0] - number) for part in parts]
    mean = [sum(share * part[4][i] for share, part in zip(shares, parts, strict=True)) for i in range(4)]
    most = [max(part[2][i] for part in parts) for i in range(4)]
    least = [min(part[3][i] for part in parts) for i in range(4)]
    return number, _log_sum([part[1] for part in parts]), most, least, mean


def _log_sum(logs: Sequence[float]) -> float:
    """log Σ exp."""
    top = max(logs)
    return top if top == -math.inf else top + math.log(sum(math.exp(log - top) for log in logs))
