"""The feasible set of a table: arrays over the whole space, a fast path for enumerable spaces.

Shapes: n architectures, C classes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.spaces import EnumerableSpace


class TableSet(FeasibleSet):
    """Represents every class by one of its feasible architectures, since equivalent ones cost differently.

    Args:
        space: the space of the table.
        satisfies: (size,) bool, which architectures satisfy every constraint.
        feasible: (size,) bool, which of those have a label.
        representatives: (C,) a feasible index for every class that has one, in the order of class numbers.
        violations: constraint → (size,) float64, feasible where ≤ 0, +inf where unknown.
        class_of: (size,) the class number of every index; None: by the space, by function.
    """

    def __init__(
        self,
        space: EnumerableSpace,
        satisfies: np.ndarray,
        feasible: np.ndarray,
        representatives: np.ndarray,
        violations: Mapping[str, np.ndarray],
        class_of: np.ndarray | None = None,
    ) -> None:
        self.space: EnumerableSpace = space
        self._feasible, self._representatives, self._violations = feasible, representatives, violations
        self.satisfies = satisfies
        self.n_space: int = space.size
        self.n_feasible: int = int(satisfies.sum())
        self.n_classes: int = len(representatives)
        self.feasible_share = self.n_feasible / self.n_space
        self.is_estimate = False
        self._class_of = space.class_ids() if class_of is None else class_of
        self._n_numbers = int(self._class_of.max()) + 1

    @property
    def n_unlabelled(self) -> int:
        """Number of architectures that satisfy the constraints, but have no label."""
        return int((self.satisfies & ~self._feasible).sum())

    def keys(self, archs: Sequence[Architecture]) -> list[int]:
        if len(archs) == 1:
            return [self.key(archs[0])]
        found: list[int] = self._class_of[self.space.indices(archs)].tolist()
        return found

    def contains(self, archs: Sequence[Architecture]) -> np.ndarray:
        return np.asarray(self._feasible[self.space.indices(archs)])

    # Searchers ask for one architecture at a time, for which arrays would take longer than everything else.
    def key(self, arch: Architecture) -> int:
        return int(self._class_of[self.space.index(arch)])

    def allows(self, arch: Architecture) -> bool:
        return bool(self._feasible[self.space.index(arch)])

    def violations(self, archs: Sequence[Architecture]) -> dict[str, np.ndarray]:
        indices = self.space.indices(archs)
        return {constraint: values[indices] for constraint, values in self._violations.items()}

    def representatives(self, archs: Sequence[Architecture]) -> list[Architecture]:
        if len(archs) == 1:
            return [self.space.all()[int(self._representative_of[self.key(archs[0])])]]
        return self.space.take(self._representative_of[self._class_of[self.space.indices(archs)]])

    @cached_property
    def _representative_of(self) -> np.ndarray:
        """The representative of every class by its number; −1 for a class without one."""
        found = np.full(self._n_numbers, -1)
        found[self._class_of[self._representatives]] = self._representatives
        return found

    def equivalents(self, arch: Architecture) -> list[Architecture]:
        found = np.flatnonzero(self._feasible & (self._class_of == self.key(arch)))
        return [other for other in self.space.take(found) if other != arch]

    def draw(self, n: int, rng: np.random.Generator, taken: Collection[Any] = ()) -> list[Architecture]:
        fresh = self._fresh(taken)
        return self.space.take(rng.choice(fresh, size=min(n, len(fresh)), replace=False))

    def pick(self, rng: np.random.Generator, taken: Collection[Any]) -> Architecture | None:
        fresh = self._fresh(taken)
        return self.space.take([int(rng.choice(fresh))])[0] if len(fresh) else None

    def shuffled(self, rng: np.random.Generator) -> Iterator[Architecture]:
        every = self.space.all()
        return (every[index] for index in rng.permutation(self._representatives).tolist())

    def members(self) -> list[Architecture]:
        """C representatives, in the order of class numbers."""
        return self.space.take(self._representatives)

    def describe(self) -> str:
        unlabelled = self.n_unlabelled
        missing = f"; {unlabelled} of them have no label and are left out" if unlabelled else ""
        unknown = f"; {self.n_unknown:,} are unknown" if self.n_unknown else ""
        return (
            f"{self.n_feasible:,} of {self.n_space:,} architectures satisfy the constraints "
            f"({self.n_classes:,} different functions){unknown}{missing}"
        )

    def _fresh(self, taken: Collection[Any]) -> np.ndarray:
        known = np.zeros(self._n_numbers, dtype=bool)
        known[list(taken)] = True
        return np.asarray(self._representatives[~known[self._class_of[self._representatives]]])


def first_of_each_class(class_of: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """(C,) the first index of every class, in the order of class numbers.

    Args:
        class_of: (size,) the class number of every index.
        indices: (n,) indices to choose from.
    """
    _, first = np.unique(class_of[indices], return_index=True)
    return indices[first]
