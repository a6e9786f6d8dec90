"""Random search without repeats: the baseline that others must beat."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nassurrogate.search.searcher import MAX_ATTEMPTS, Domain, Searcher


class RandomSearch(Searcher):
    """Goes through the feasible classes in random order (uniform over classes, each by one of its members)."""

    name: ClassVar[str] = "random"
    description: ClassVar[str] = "uniform over feasible classes, without repeats"

    def __init__(self, domain: Domain, rng: np.random.Generator, *, max_attempts: int = MAX_ATTEMPTS) -> None:
        super().__init__(domain, rng, max_attempts=max_attempts)
        self._order = iter(rng.permutation(domain.representatives).tolist())

    def _propose(self) -> int:
        following = next(self._order, None)
        return int(self.rng.choice(self.fresh()) if following is None else following)
