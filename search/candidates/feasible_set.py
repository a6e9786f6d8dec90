"""The interface of a feasible set: the architectures that satisfy every constraint, one for each function.

Architectures of equal *key* count as the same. Keys are canonical keys, or class numbers if the space has them.

Shapes: n architectures, C classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.spaces import Space


class FeasibleSet(ABC):
    """The architectures that a searcher may propose, and how to draw from them.

    Attributes:
        space: the space of all of them.
        n_space: number of architectures in the space; None if unknown.
        n_feasible: number of those that satisfy every constraint; None if unknown.
        n_classes: number of different functions among those that can be evaluated; None if unknown.
        feasible_share: n_feasible / n_space, or an estimate of it.
        is_estimate: whether `feasible_share` is an estimate.
        n_unknown: number of architectures that may or may not satisfy the constraints, since a value is missing; they
            are neither counted as feasible nor proposed. None if the number itself is unknown.
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
        """(n,) keys, equal for architectures that count as the same."""

    def key(self, arch: Architecture) -> Hashable:
        """`keys` of a single architecture."""
        return self.keys([arch])[0]

    def allows(self, arch: Architecture) -> bool:
        """`contains` of a single architecture."""
        return bool(self.contains([arch])[0])

    @abstractmethod
    def contains(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(n,) bool: which satisfy every constraint and can be evaluated."""

    @abstractmethod
    def violations(self, archs: Sequence[Architecture]) -> dict[str, np.ndarray]:
        """Constraint → (n,) by how much it is violated: feasible where ≤ 0, +inf where unknown."""

    @abstractmethod
    def representatives(self, archs: Sequence[Architecture]) -> list[Architecture]:
        """For each feasible architecture, the one that is evaluated in place of all that compute the same."""

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
        """A representative of every class in random order; endless for a space that cannot be listed."""

    @abstractmethod
    def describe(self) -> str:
        """One line for the user, before the search."""
