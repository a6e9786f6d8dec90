"""Regularized evolution (Real et al., arXiv 1802.01548, algorithm 1): the oldest dies, not the worst."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

import numpy as np

from nassurrogate.search.searcher import MAX_ATTEMPTS, Domain, Searcher


class Evolution(Searcher):
    """A tournament picks the parent, one edit makes the child, the child joins the population and the oldest leaves it.

    A child that is infeasible or of a known class is edited again: a random walk that soon finds a fresh one.

    Args:
        domain: what may be proposed.
        rng: the only source of randomness.
        population: how many live at once; the first ones are random.
        tournament: how many are drawn, without replacement, to find a parent.
        max_attempts: edits that may fail before a random architecture takes the child's place.
    """

    name: ClassVar[str] = "evolution"
    description: ClassVar[str] = "regularized evolution: tournament, one mutation, the oldest dies"

    def __init__(
        self,
        domain: Domain,
        rng: np.random.Generator,
        *,
        population: int = 20,
        tournament: int = 8,
        max_attempts: int = MAX_ATTEMPTS,
    ) -> None:
        super().__init__(domain, rng, max_attempts=max_attempts)
        self.tournament = tournament
        self._population: deque[tuple[int, float]] = deque(maxlen=population)
        self._failed: int | None = None

    def _propose(self) -> int:
        if self._failed is not None:
            start = self._failed
        elif len(self._population) < (self._population.maxlen or 0):
            return int(self.rng.choice(self.fresh()))
        else:
            alive = len(self._population)
            drawn = self.rng.choice(alive, size=min(self.tournament, alive), replace=False)
            start = max((self._population[i] for i in drawn), key=lambda living: living[1])[0]
        space = self.domain.space
        return space.index(space.mutate(space.parse(start), self.rng))

    def _learn(self, index: int, value: float) -> None:
        self._population.append((index, value))
        self._failed = None

    def _refused(self, index: int) -> None:
        self._failed = index

    def _repeated(self, index: int, value: float) -> None:
        self._failed = index
