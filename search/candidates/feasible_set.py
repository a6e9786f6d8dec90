"""Which architectures a run may evaluate: those that satisfy every constraint, one of equal functions at a time.

Architectures of equal *key* count as the same. Keys are canonical keys, or class numbers where the space has them.

Shapes: n architectures, C classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.constraints import Constraint
from nassurrogate.spaces import Space


class FeasibleSet(ABC):
    """What a searcher may propose, and how it is drawn from.

    Attributes:
        space: whose architectures they are.
        n_space: architectures in the space; None: unknown.
        n_feasible: those that satisfy every constraint; None: unknown.
        n_classes: different functions among those that can be evaluated; None: unknown.
        feasible_share: n_feasible / n_space, or an estimate of it.
        is_estimate: whether it is one.
        n_unknown: number of architectures that may or may not satisfy the constraints, as a value is missing; they are
            neither counted as feasible nor proposed. None: the number itself is unknown.
        unknown: constrained metric → number of missing values among the architectures checked; only metrics with
            missing values.
        n_checked: number of architectures checked for missing values.
    """

    space: Space
    n_space: int | None
    n_feasible: int | None
    n_classes: int | None
    feasible_share: float
    is_estimate: bool
    n_unknown: int | None = 0
    unknown: Mapping[str, int] = {}
    n_checked: int = 0

    @abstractmethod
    def keys(self, archs: Sequence[Architecture]) -> Sequence[Hashable]:
        """(n,) what tells different functions apart."""

    def key(self, arch: Architecture) -> Hashable:
        """`keys` of one."""
        return self.keys([arch])[0]

    def allows(self, arch: Architecture) -> bool:
        """`contains` of one."""
        return bool(self.contains([arch])[0])

    @abstractmethod
    def contains(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(n,) bool: which satisfy every constraint, and can be evaluated."""

    @abstractmethod
    def violations(self, archs: Sequence[Architecture]) -> dict[str, np.ndarray]:
        """For every constraint (n,) by how much it is violated: feasible where ≤ 0, +inf where unknown."""

    @abstractmethod
    def representatives(self, archs: Sequence[Architecture]) -> list[Architecture]:
        """For every feasible architecture the one that is evaluated in place of all that compute the same."""

    def equivalents(self, arch: Architecture) -> list[Architecture]:
        """Other feasible architectures with the same key; empty if they cannot be listed."""
        return []

    @abstractmethod
    def draw(self, n: int, rng: np.random.Generator, taken: Collection[Hashable] = ()) -> list[Architecture]:
        """At most `n` random representatives of different keys that are not taken; fewer if no more are found."""

    @abstractmethod
    def pick(self, rng: np.random.Generator, taken: Collection[Hashable]) -> Architecture | None:
        """One random representative whose key is not taken; None if none is found."""

    @abstractmethod
    def shuffled(self, rng: np.random.Generator) -> Iterator[Architecture]:
        """One of every class in random order; endless for a space that cannot be listed."""

    @abstractmethod
    def describe(self) -> str:
        """One line for the user, before the search."""


class ListedSet(FeasibleSet):
    """Representatives that are listed: of a small space all, of a large one those in a pool.

    Args:
        whole: says what is feasible.
        members: C representatives.
        keys: (C,) theirs.
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


def undecided(constraints: Sequence[Constraint], values: Mapping[str, np.ndarray], n: int) -> np.ndarray:
    """(n,) bool: which architectures may satisfy the constraints but lack a value.

    Args:
        constraints: all must hold.
        values: metric → (n,), NaN where unknown.
        n: number of architectures.
    """
    ruled_out, lacks = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for constraint in constraints:
        missing = np.isnan(values[constraint.metric])
        lacks |= missing
        ruled_out |= ~missing & ~constraint.check(values[constraint.metric])
    return np.asarray(lacks & ~ruled_out)


def count_unknown(values: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Metric → how many of its (n,) values are missing; only metrics with missing values."""
    counts = {metric: int(np.isnan(each).sum()) for metric, each in values.items()}
    return {metric: count for metric, count in counts.items() if count}
