"""The levels on which kernels share what they cost, from all kernels down to one kind.

The cost of a unit of some quantity, such as a multiply-accumulate, in a kernel of some kind is a product of factors:
one for the quantity, and one each for the quantity in this role, operator and kind. Each factor has a log-normal prior
around 1. So a kind that was seen in no network costs what its operator costs elsewhere, an operator never seen costs
what its role costs, and the priors say how far that may be wrong.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from nassurrogate.graphs.kernels import KernelKind
from nassurrogate.predictors.roofline.kernel_table import QUANTITIES

Weight = tuple[str, KernelKind]
"""The cost of one unit of a quantity in kernels of one kind."""
LEVELS = ("all", "quantity", "role", "operator", "kind")
"""From common to special."""


@dataclass(frozen=True)
class Spread:
    """Prior standard deviations of the natural logarithm of the factors of each level."""

    all: float
    quantity: float
    role: float
    operator: float
    kind: float

    def of(self, level: str) -> float:
        """That of one level."""
        value: float = getattr(self, level)
        return value


def factors_of(weight: Weight) -> list[tuple[str, Hashable]]:
    """The factors of a weight, one a level, as (level, name)."""
    quantity, kind = weight
    return [
        ("all", ""),
        ("quantity", quantity),
        ("role", (quantity, kind.role)),
        ("operator", (quantity, kind.role, kind.operator)),
        ("kind", (quantity, *kind)),
    ]


def weights_of(kinds: Sequence[KernelKind]) -> list[Weight]:
    """All weights of these kinds, in the order of `KernelTable.sums` with its last two axes joined."""
    return [(quantity, kind) for quantity in QUANTITIES for kind in kinds]


def incidence(weights: Sequence[Weight], places: dict[tuple[str, Hashable], int]) -> np.ndarray:
    """(weights, levels) the place of each factor of each weight; −1 for a factor that has none."""
    return np.array([[places.get(factor, -1) for factor in factors_of(weight)] for weight in weights], np.intp).reshape(
        -1, len(LEVELS)
    )
