"""The scores of all classes of a small space, computed on demand.

Shapes: C classes of the space, D different ones, K scores each.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nassurrogate.predictors.inputs.cells import CHUNK


class ScoredClasses:
    """A lazy cache of a fitted predictor's scores of all classes of a space.

    Scoring one class does not wait for all the others, and scoring all of them a few at a time takes no more work than
    at once: cells are scored `CHUNK` at a time, and chunks are padded with unknown classes that may be needed next.

    Args:
        sizes: (C,) number of nodes in the graph of a class; cells of one size are scored together.
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
            score: (D,) ascending classes → (K, D); the scores of a class must not depend on the others.
        """
        missing = np.unique(classes[~self._is_known[classes]])
        if missing.size:
            chosen = np.union1d(missing, self._fillers(missing))
            self._scores[:, chosen] = score(chosen)
            # Marked only once written: other threads may be reading, or writing the same scores.
            self._is_known[chosen] = True
        return np.asarray(self._scores[:, classes])

    def _fillers(self, missing: np.ndarray) -> np.ndarray:
        """Unknown classes to pad the chunks of the missing ones."""
        is_spare = ~self._is_known
        is_spare[missing] = False
        parts = [np.empty(0, missing.dtype)]
        for size, count in zip(*np.unique(self._sizes[missing], return_counts=True), strict=True):
            parts.append(np.flatnonzero(is_spare & (self._sizes == size))[: -count % CHUNK])
        return np.concatenate(parts)
