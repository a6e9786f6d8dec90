"""NNLP's inputs: 44 normalised features per operator, and four static features per network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
from nassurrogate.predictors.whole_networks.operator_numbers import N_CODES, N_SIZES, N_SLOTS, OperatorNumbers, one_hot
from nassurrogate.predictors.whole_networks.tokens import static_numbers

FEATURES = N_CODES + N_SLOTS + N_SIZES
STATIC_FEATURES = 4
# Centres and scales of the released code, by attribute in the order of `ATTRIBUTES`, and by size of the output shape.
_ATTRIBUTE_CENTRE = np.array([2.53, 1.16, 0.75, 1.0, 15.08, 0.77])
_ATTRIBUTE_SCALE = np.array([56.0, 56.0, 6.0, 1.0, 6144.0, 1.0])
_SIZE_CENTRE = np.array([12.25, 286.96, 32.62, 31.8])
_SIZE_SCALE = np.array([1024.0, 2496.0, 256.0, 256.0])


def operator_features(operators: Sequence[Operator]) -> np.ndarray:
    """(U, 44) float32: one-hot kind 32 | 8 attribute slots | 4 sizes of the output shape, centred and scaled.

    Empty slots are 0; missing sizes are scaled like a size of 0.

    >>> operator_features([Operator("Relu", (0,), ((1, 8, 4, 4),))]).shape
    (1, 44)
    """
    numbers = OperatorNumbers.of(operators)
    scaled = (numbers.attributes - _ATTRIBUTE_CENTRE[numbers.which]) / _ATTRIBUTE_SCALE[numbers.which]
    attributes = np.where(numbers.which >= 0, scaled, 0.0)
    sizes = (numbers.sizes - _SIZE_CENTRE) / _SIZE_SCALE
    return np.concatenate([one_hot(numbers.code), attributes, sizes], axis=1).astype(np.float32)


def static_features(graphs: Sequence[OperatorGraph]) -> np.ndarray:
    """(G, 4) float32: `static_numbers` as they are."""
    return static_numbers(graphs).astype(np.float32)
