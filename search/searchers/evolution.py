"""Regularized evolution (Real et al., arXiv 1802.01548, algorithm 1): the oldest dies, not the worst."""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.searchers.base import Searcher


class Evolution(Searcher):
    """A tournament picks the parent, one mutation makes the child, and the child replaces the oldest of the population.

    A child that is infeasible or known is mutated again: a random walk that soon finds a fresh one.

    Args:
        feasible: what may be proposed.
        rng: the only source of randomness.
        population: its size; the first ones are random.
        tournament: number of competitors, drawn without replacement; the best becomes the parent.
        options: see `Searcher`.
    """

    name: ClassVar[str] = "evolution"
    description: ClassVar[str] = "regularized evolution: tournament, one mutation, the oldest dies"

    def __init__(
        self,
        feasible: FeasibleSet,
        rng: np.random.Generator,
        *,
        population: int = 20,
        tournament: int = 8,
        **options: Any,
    ) -> None:
        super().__init__(feasible, rng, **options)
        self.tournament = tournament
        self._population: deque[tuple[Architecture, float]] = deque(maxlen=population)
        self._walk: Architecture | None = None
        """The last child, if it could not be evaluated."""

    def _propose(self) -> Architecture | None:
        if self._walk is not None:
            start = self._walk
        elif len(self._population) < (self._population.maxlen or 0):
            return self.random_fresh()
        else:
            alive = len(self._population)
            drawn = self.rng.choice(alive, size=min(self.tournament, alive), replace=False)
            start = max((self._population[i] for i in drawn), key=lambda living: living[1])[0]
        return self.space.mutate(start, self.rng)

    def _learn(self, arch: Architecture, values: tuple[float, ...]) -> None:
        self._population.append((arch, values[0]))
        self._walk = None

    def _refused(self, arch: Architecture | None) -> None:
        self._walk = arch

    def _repeated(self, arch: Architecture, values: tuple[float, ...] | None) -> None:
        self._walk = arch

    def _failed(self, arch: Architecture) -> None:
        self._walk = None
