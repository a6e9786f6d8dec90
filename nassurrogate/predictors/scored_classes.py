"""The classes of a small space with their scores, each computed when it is first asked for.

Shapes: C classes of the space, D different ones, K scores of each.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nassurrogate.predictors.cell_reading import CHUNK


class ScoredClasses:
    """What a fitted predictor says of the classes of a space.

    Whoever asks for one class is not kept waiting for all the others. Still, asking for all of them, however few at a
    time, takes no more work than asking at once: cells are scored `CHUNK` at a time, and where the last ones of a chunk
    were not asked for, they are classes that may be asked for next.

    Args:
        sizes: (C,) how many nodes the graph of a class has: cells of one size are scored together.
        n_scores: K.
    """

    def __init__(self, sizes: np.ndarray, n_scores: int) -> None:
        self._sizes = sizes
        self._is_known = np.zeros(len(sizes), dtype=bool)
        self._scores = np.zeros((n_scores, len(sizes)))

    def take(self, classes: np.ndarray, score: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The scores of (B,) classes, (K, B).

        Args:
            classes: their numbers.
            score: (D,) ascending classes → (K, D), always the same of one class.
        """
        missing = np.unique(classes[~self._is_known[classes]])
        if missing.size:
            chosen = np.union1d(missing, self._fillers(missing))
            self._scores[:, chosen] = score(chosen)
            # Known only once they are written: another thread may read meanwhile, or write the same.
            self._is_known[chosen] = True
        return np.asarray(self._scores[:, classes])

    def _fillers(self, missing: np.ndarray) -> np.ndarray:
        """Further classes that are not known, as many as complete the chunks of the missing ones."""
        is_spare = ~self._is_known
        is_spare[missing] = False
        parts = [np.empty(0, missing.dtype)]
        for size, count in zip(*np.unique(self._sizes[missing], return_counts=True), strict=True):
            parts.append(np.flatnonzero(is_spare & (self._sizes == size))[: -count % CHUNK])
        return np.concatenate(parts)
