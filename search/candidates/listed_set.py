"""A feasible set whose representatives are listed.

Shapes: n architectures, C classes.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.search.candidates.feasible_set import FeasibleSet


class ListedSet(FeasibleSet):
    """A list of representatives: all of a small space, or the pool of a large one.

    Args:
        whole: decides what is feasible.
        members: C representatives.
        keys: (C,) their keys.
        equals: key → all feasible architectures with that key; None if they cannot be listed.
    """

    def __init__(
        self,
        whole: FeasibleSet,
        members: Sequence[Architecture],
        keys: Sequence[Hashable],
        equals: Mapping[Hashable, Sequence[Architecture]] | None = None,
    ) -> None:
        self._whole, self._members = whole, members
        self._place_of = {key: place for place, key in enumerate(keys)}
        self.space = whole.space
        self.n_space, self.n_feasible = whole.n_space, whole.n_feasible
        self.feasible_share, self.is_estimate = whole.feasible_share, whole.is_estimate
        self.n_unknown, self.unknown, self.n_checked = whole.n_unknown, whole.unknown, whole.n_checked
        self._equals = equals
        self.n_classes: int = len(members)

    def keys(self, archs: Sequence[Architecture]) -> Sequence[Hashable]:
        return self._whole.keys(archs)

    def contains(self, archs: Sequence[Architecture]) -> np.ndarray:
        return self._whole.contains(archs)

    def key(self, arch: Architecture) -> Hashable:
        return self._whole.key(arch)

    def allows(self, arch: Architecture) -> bool:
        return self._whole.allows(arch)

    def violations(self, archs: Sequence[Architecture]) -> dict[str, np.ndarray]:
        return self._whole.violations(archs)

    def representatives(self, archs: Sequence[Architecture]) -> list[Architecture]:
        places = [self._place_of.get(key) for key in self.keys(archs)]
        others = iter(self._whole.representatives([a for a, p in zip(archs, places, strict=True) if p is None]))
        return [next(others) if place is None else self._members[place] for place in places]

    def equivalents(self, arch: Architecture) -> list[Architecture]:
        if self._equals is None:
            return self._whole.equivalents(arch)
        return [other for other in self._equals.get(self.key(arch), ()) if other != arch]

    def draw(self, n: int, rng: np.random.Generator, taken: Collection[Hashable] = ()) -> list[Architecture]:
        fresh = self._fresh(taken)
        return [self._members[place] for place in rng.choice(fresh, min(n, len(fresh)), replace=False).tolist()]

    def pick(self, rng: np.random.Generator, taken: Collection[Hashable]) -> Architecture | None:
        fresh = self._fresh(taken)
        return self._members[int(rng.choice(fresh))] if len(fresh) else None

    def shuffled(self, rng: np.random.Generator) -> Iterator[Architecture]:
        return (self._members[place] for place in rng.permutation(len(self._members)).tolist())

    def members(self) -> Sequence[Architecture]:
        """C representatives."""
        return self._members

    def describe(self) -> str:
        return self._whole.describe()

    def _fresh(self, taken: Collection[Hashable]) -> np.ndarray:
        """Places of the members whose keys are not taken."""
        fresh = np.ones(len(self._members), dtype=bool)
        fresh[[self._place_of[key] for key in taken if key in self._place_of]] = False
        return np.flatnonzero(fresh)
