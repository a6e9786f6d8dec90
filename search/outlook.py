"""What one round of a guided search knows of the candidates: of a small space all, of a large one a pool that grows.

Shapes: C candidates, one a class; n indices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from nassurrogate.search.guide import Forecast, Predict
from nassurrogate.search.searcher import Domain


class Outlook:
    """Forecasts by class: of all candidates at once where there are few, otherwise of those that are asked for.

    A class is forecast through its representative. In a large space the pool starts with a random sample, the same
    number of candidates each time, and with cells that are known already; `climb` adds neighbours of the best.

    Args:
        predict: what forecasts.
        domain: whose representatives are the candidates.
        known: indices of cells whose forecasts are wanted in any case.
        pool_size: candidates up to which all are forecast; of more, half as many are drawn.
        rng: draws them.
    """

    def __init__(
        self, predict: Predict, domain: Domain, known: Sequence[int], pool_size: int, rng: np.random.Generator
    ) -> None:
        self._predict, self._domain = predict, domain
        n_classes = domain.space.n_classes
        self.mean, self.std = np.full(n_classes, np.nan), np.full(n_classes, np.nan)
        self._known = np.zeros(n_classes, dtype=bool)
        candidates = domain.representatives
        self.is_whole = len(candidates) <= pool_size
        self.sample = candidates if self.is_whole else rng.choice(candidates, pool_size // 2, replace=False)
        """(S,) representatives: all candidates, or the random ones."""
        self.add([*self.sample.tolist(), *known])

    def add(self, indices: Iterable[int]) -> None:
        """Forecast the classes of feasible cells, those that are not yet forecast."""
        classes = np.unique(self._domain.class_of[list(indices)])
        new = classes[~self._known[classes]]
        if len(new):
            found = self._predict(self._domain.representative_of[new])
            self.mean[new], self.std[new], self._known[new] = found.mean, found.std, True

    @property
    def is_finite(self) -> bool:
        """Whether nothing but numbers was forecast."""
        return bool(np.isfinite(self.mean[self._known]).all() and np.isfinite(self.std[self._known]).all())

    def pool(self) -> np.ndarray:
        """(P,) representatives of all classes that are forecast, in the order of class numbers."""
        return np.asarray(self._domain.representative_of[np.flatnonzero(self._known)])

    def of(self, indices: Sequence[int] | np.ndarray) -> Forecast:
        """The forecasts of (n,) feasible cells, made now where they are missing."""
        self.add(np.asarray(indices).tolist())
        classes = self._domain.class_of[np.asarray(indices, dtype=np.int64)]
        return Forecast(self.mean[classes], self.std[classes])

    def climb(self, pool_size: int, width: int) -> None:
        """Add neighbours of the best by mean, again and again, until the best are expanded or the pool is full.

        Args:
            pool_size: how many are forecast at most, but for the last neighbours.
            width: how many of the best are expanded.
        """
        space, expanded = self._domain.space, set[int]()
        while not self.is_whole and (pool := self.pool()).size < pool_size:
            mean = self.mean[self._domain.class_of[pool]]
            best = pool[np.argsort(-mean, kind="stable")[:width]].tolist()
            wanted = [index for index in best if index not in expanded]
            if not wanted:
                return
            expanded.update(wanted)
            around = space.indices([cell for index in wanted for cell in space.neighbours(space.parse(index))])
            self.add(around[self._domain.feasible[around]].tolist())
