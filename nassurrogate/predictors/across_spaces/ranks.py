"""Numbers as normal scores of their ranks among reference networks of the same space, so that spaces are comparable."""

from __future__ import annotations

import numpy as np


class Ranks:
    """The ranks among (m, F) reference rows.

    >>> ranks = Ranks(np.array([[1.0], [2.0], [2.0], [5.0]]))
    >>> ranks(np.array([[2.0], [-9.0], [9.0]])).round(2).ravel().tolist()
    [0.0, -1.15, 1.15]
    """

    def __init__(self, reference: np.ndarray) -> None:
        self._sorted = np.sort(reference, axis=0)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """(B, F) rows → (B, F) normal scores; ties are in the middle, and what lies outside is at the end."""
        from scipy.special import ndtri

        m = len(self._sorted)
        places = np.empty(rows.shape)
        for column, values in enumerate(self._sorted.T):
            asked = rows[:, column]
            places[:, column] = values.searchsorted(asked) + values.searchsorted(asked, side="right")
        return np.asarray(ndtri(np.clip(places / 2, 0.5, m - 0.5) / m))


def own_scores(rows: np.ndarray) -> np.ndarray:
    """(n, F) normal scores of rows among themselves."""
    return Ranks(rows)(rows)
