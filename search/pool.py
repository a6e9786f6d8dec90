"""The candidates of which a search keeps the posterior: of a small space all, of a large one a pool that grows.

Shapes: C candidates, one a class; n indices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nassurrogate.search.searcher import Domain
from nassurrogate.search.surrogates import Posterior, SearchSurrogate


class CandidatePool:
    """Representatives of feasible classes, known to the surrogate in the same order.

    In a large space the pool starts with random candidates; `expand` adds the neighbours of good ones.

    Args:
        domain: whose representatives are the candidates.
        surrogate: gives their posterior.
        size: candidates up to which all are in the pool; of more, half as many are drawn.
        rng: draws them.
    """

    def __init__(self, domain: Domain, surrogate: SearchSurrogate, size: int, rng: np.random.Generator) -> None:
        self._domain, self._surrogate = domain, surrogate
        self._place = np.full(domain.space.n_classes, -1)
        self._expanded: set[int] = set()
        candidates = domain.representatives
        self.is_whole = len(candidates) <= size
        self.members = np.empty(0, np.int64)
        """(C,) representatives, in the order of `posterior`."""
        self.add(candidates if self.is_whole else rng.choice(candidates, max(size // 2, 1), replace=False))

    def add(self, indices: Sequence[int] | np.ndarray) -> None:
        """Take in the classes of feasible cells, those that are not in the pool yet."""
        classes = np.unique(self._domain.class_of[np.asarray(indices, dtype=np.int64)])
        new = classes[self._place[classes] < 0]
        if len(new):
            self._place[new] = len(self.members) + np.arange(len(new))
            representatives = self._domain.representative_of[new]
            self.members = np.concatenate([self.members, representatives])
            self._surrogate.add(representatives)

    def places(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """(n,) where the classes of cells stand in `members`; −1 for those that are not in the pool."""
        found: np.ndarray = self._place[self._domain.class_of[np.asarray(indices, dtype=np.int64)]]
        return found

    def posterior(self) -> Posterior:
        """(C,) after the surrogate's last fit."""
        return self._surrogate.posterior()

    def expand(self, places: np.ndarray) -> bool:
        """Add the feasible neighbours of the members in these places. Returns whether any was new."""
        before = len(self.members)
        fresh = [int(index) for index in self.members[places] if int(index) not in self._expanded]
        self._expanded.update(fresh)
        space = self._domain.space
        around = [cell for index in fresh for cell in space.neighbours(space.parse(index))]
        if around:
            indices = space.indices(around)
            self.add(indices[self._domain.feasible[indices]])
        return len(self.members) > before
