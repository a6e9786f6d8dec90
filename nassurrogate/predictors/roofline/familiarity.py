"""How much of a network resembles the networks that were learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nassurrogate.predictors.roofline.kernel_table import KernelTable

SIZES = ("flops", "numbers_read", "numbers_written", "params")
_BEYOND = 2.0
"""A kernel is larger than any known one if one of its sizes is more than this times the largest."""


@dataclass(frozen=True)
class Familiarity:
    """The operators of the training networks, and how large each was at most.

    Attributes:
        largest: by operator, the largest of each of `SIZES`.
    """

    largest: Mapping[str, tuple[float, ...]]

    @classmethod
    def of(cls, table: KernelTable) -> Familiarity:
        """That of the networks of a table."""
        operator = np.array([kind.operator for kind in table.kinds])[table.kind]
        sizes = np.stack([table.column(name) for name in SIZES], axis=1)
        return cls({str(name): tuple(sizes[operator == name].max(axis=0).tolist()) for name in np.unique(operator)})

    def joined(self, other: Familiarity) -> Familiarity:
        """That of both sets of networks."""
        return Familiarity(
            {
                name: tuple(map(max, *(known.largest[name] for known in (self, other) if name in known.largest)))
                if name in self.largest and name in other.largest
                else (self.largest.get(name) or other.largest[name])
                for name in {**self.largest, **other.largest}
            }
        )

    def unknown(self, table: KernelTable) -> np.ndarray:
        """(K,) whether a kernel is of an operator that was never seen."""
        seen = np.array([kind.operator in self.largest for kind in table.kinds] or [True])
        return np.asarray(~seen[table.kind])

    def beyond(self, table: KernelTable) -> np.ndarray:
        """(K,) whether a kernel of a known operator is far larger than any that was seen."""
        nothing = (np.inf,) * len(SIZES)
        largest = np.array([self.largest.get(kind.operator, nothing) for kind in table.kinds] or [nothing])[table.kind]
        sizes = np.stack([table.column(name) for name in SIZES], axis=1)
        return np.asarray((sizes > _BEYOND * np.maximum(largest, 1.0)).any(axis=1))
