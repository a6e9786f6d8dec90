"""Random search without repeats: the baseline that others must beat."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.searchers.base import Searcher


class RandomSearch(Searcher):
    """Visits the feasible functions in random order: uniform over them, each through one of its architectures."""

    name: ClassVar[str] = "random"
    description: ClassVar[str] = "uniform over feasible functions, without repeats"
    several_objectives: ClassVar[bool] = True

    def __init__(self, feasible: FeasibleSet, rng: np.random.Generator, **options: Any) -> None:
        super().__init__(feasible, rng, **options)
        self._order = feasible.shuffled(rng)

    def _propose(self) -> Architecture | None:
        following = next(self._order, None)
        return self.random_fresh() if following is None else following
