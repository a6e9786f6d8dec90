"""The candidates that the surrogate scores: all of a small space, a growing pool of a large one.

Shapes: C candidates, one for each function; n architectures.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.candidates.listed_set import ListedSet
from nassurrogate.search.candidates.table_set import TableSet

if TYPE_CHECKING:
    from nassurrogate.search.surrogates.base import Posterior, SearchSurrogate

_DRAWN_OF_OPEN = 1024
"""Random candidates of a space that cannot be listed; more would hardly be closer to the optimum."""


class CandidatePool:
    """Representatives of feasible functions, in the order in which the surrogate has them.

    In a large space the pool starts with random candidates; `expand` adds the neighbours of good ones.

    Args:
        feasible: what may be proposed.
        surrogate: gives the posterior of the candidates.
        size: number of feasible functions up to which all are in the pool; in a larger space, half as many are drawn.
        rng: draws them.
    """

    def __init__(self, feasible: FeasibleSet, surrogate: SearchSurrogate, size: int, rng: np.random.Generator) -> None:
        self._feasible, self._surrogate = feasible, surrogate
        self._place: dict[Hashable, int] = {}
        self.keys: list[Hashable] = []
        """(C,) keys of the members."""
        self._expanded: set[Architecture] = set()
        self.members: list[Architecture] = []
        """C representatives, in the order of `posterior`."""
        self.is_whole = feasible.n_classes is not None and feasible.n_classes <= size
        self.is_open = feasible.n_classes is None
        if not self.is_whole:
            drawn = size // 2 if not self.is_open else min(size // 2, _DRAWN_OF_OPEN)
            self._take_in(feasible.draw(max(drawn, 1), rng))
        elif isinstance(feasible, TableSet | ListedSet):
            self._take_in(feasible.members())

    def add(self, archs: Sequence[Architecture]) -> None:
        """Add the representatives of feasible architectures that are not in the pool yet."""
        keys = self._feasible.keys(archs)
        new = {key: arch for key, arch in zip(keys, archs, strict=True) if key not in self._place}
        if new:
            self._take_in(self._feasible.representatives(list(new.values())))

    def _take_in(self, representatives: Sequence[Architecture]) -> None:
        keys = self._feasible.keys(representatives)
        self._place |= {key: len(self.keys) + place for place, key in enumerate(keys)}
        self.keys += keys
        self.members += representatives
        self._surrogate.add(representatives)

    def places(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(n,) places in `members` of the functions of architectures; −1 for those that are not in the pool."""
        keys = self._feasible.keys(archs)
        return np.fromiter((self._place.get(key, -1) for key in keys), np.int64, len(keys))

    def listed(self) -> ListedSet:
        """The pool as a feasible set of its own."""
        return ListedSet(self._feasible, self.members, self.keys)

    def posterior(self) -> Posterior:
        """(C,) of the scores of all members, after the surrogate's last fit."""
        return self._surrogate.posterior()

    def expand(self, places: np.ndarray) -> bool:
        """Add the feasible neighbours of the members at these places. Returns whether any was new."""
        before = len(self.members)
        fresh = [arch for arch in (self.members[place] for place in places.tolist()) if arch not in self._expanded]
        self._expanded.update(fresh)
        around = [neighbour for arch in fresh for neighbour in self._feasible.space.neighbours(arch)]
        if around:
            feasible = self._feasible.contains(around)
            self.add([arch for arch, kept in zip(around, feasible.tolist(), strict=True) if kept])
        return len(self.members) > before
