"""NAR-Former V2's inputs for whole networks: 152 numbers per operator, and 40 static features per network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
from nassurrogate.predictors.whole_networks import number_code
from nassurrogate.predictors.whole_networks.operator_numbers import N_CODES, N_SIZES, N_SLOTS, OperatorNumbers, one_hot

TOKEN_WIDTH = N_CODES + (N_SLOTS + N_SIZES) * number_code.WIDTH
STATIC_WIDTH = 4 * number_code.WIDTH


def operator_tokens(operators: Sequence[Operator]) -> np.ndarray:
    """(U, 152) float32: one-hot kind 32 | 8 attribute slots × 10 | 4 sizes of the output shape × 10.

    Numbers are coded by `number_code`, unscaled. Empty slots are zeros; missing sizes are coded as 0.

    >>> operator_tokens([Operator("Relu", (0,), ((1, 8, 4, 4),))]).shape
    (1, 152)
    """
    numbers = OperatorNumbers.of(operators)
    filled = (numbers.which >= 0)[..., None]
    parts = [number_code.number_code(numbers.attributes) * filled, number_code.number_code(numbers.sizes)]
    return np.concatenate([one_hot(numbers.code), *(part.reshape(len(operators), -1) for part in parts)], axis=1)


def static_numbers(graphs: Sequence[OperatorGraph]) -> np.ndarray:
    """(G, 4) float64: batch size, FLOPs / 1e9, params / 1e9 and memory access / 1e9.

    The batch size is the first size of the first input. FLOPs count two per multiply-accumulate, of convolutions and
    matrix products; the released code adds those of element-wise operators. The memory access is `memory_bytes`: bytes
    that are read or written. The released code counts numbers that are written, and weights.
    """
    rows = [(_batch_size(graph), graph.flops / 1e9, graph.params / 1e9, graph.memory_bytes / 1e9) for graph in graphs]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def static_tokens(graphs: Sequence[OperatorGraph]) -> np.ndarray:
    """(G, 40) float32: the codes of `static_numbers`."""
    return number_code.number_code(static_numbers(graphs)).reshape(len(graphs), -1)


def _batch_size(graph: OperatorGraph) -> int:
    shape = next(operator.output_shape for operator in graph.operators if not operator.inputs)
    return shape[0] if shape else 1
