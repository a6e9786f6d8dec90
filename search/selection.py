"""Which of the evaluated cells is reported as the best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nassurrogate.search.ledger import Query
from nassurrogate.search.surrogates import CannotLearn, FitProgress, SearchSurrogate

FOLDS = 5
_MOST_FITS = 500
_MEDIAN_OF_NORMAL = 0.6745
"""Median size of a standard normal deviate."""


def is_noisy(queries: Sequence[Query]) -> bool:
    """Whether a label is one training run, and not the mean of several."""
    return any(query.label_kind == "single" for query in queries)


def expected_by_others(
    surrogate: SearchSurrogate, queries: Sequence[Query], rng: np.random.Generator, progress: FitProgress | None = None
) -> np.ndarray | None:
    """(Q,) what the surrogate expects of every evaluated cell once it has learned the labels of others alone.

    Each is predicted from all the others, or where that takes long, each of `FOLDS` random parts from the rest. None
    where that gives no numbers: a rest may be too small, or too equal, to learn from.
    """
    one_by_one = surrogate.refits_at_once and len(queries) <= _MOST_FITS
    parts = len(queries) if one_by_one else min(FOLDS, len(queries))
    indices, labels = [query.index for query in queries], [query.label for query in queries]
    expected = np.empty(len(queries))
    for held in np.array_split(rng.permutation(len(queries)), parts):
        known = np.setdiff1d(np.arange(len(queries)), held)
        try:
            surrogate.fit([indices[i] for i in known], [labels[i] for i in known], progress)
        except CannotLearn:
            return None
        expected[held] = surrogate.predict([indices[i] for i in held]).mean
    return expected if np.isfinite(expected).all() else None


def choose(
    queries: Sequence[Query], expected: np.ndarray | None, *, label_noise_pct: float = 0.2
) -> tuple[np.ndarray, str]:
    """Rank the evaluated cells, best first, and name the rule.

    - `measured`: by label. A label that is the mean of the training seeds is the quantity sought; without a surrogate
      there is nothing but labels.
    - `shrunk`: single labels with a surrogate. The best of many noisy labels is likely a lucky one, so a cell is worth
      the mean of its label and of what the surrogate expects of it without it, weighted by their precision. What the
      surrogate misses the labels by is its own error and their noise: with noise σ and a typical miss r (the median,
      scaled as that of a normal distribution: a failed training must not count), the label's weight is 1 − σ² / r²,
      at least 0.

    Args:
        queries: the evaluated cells.
        expected: (Q,) see `expected_by_others`, in percent; None without a surrogate.
        label_noise_pct: standard deviation of one training, in percent: a run that trains every cell once cannot tell.

    Returns positions into `queries`, and the rule's name.
    """
    labels = np.array([query.label for query in queries])
    if expected is None or not is_noisy(queries):
        return np.argsort(-labels, kind="stable"), "measured"
    miss = float(np.median(np.abs(labels - expected))) / _MEDIAN_OF_NORMAL
    weight = max(1 - (label_noise_pct / miss) ** 2, 0.0) if miss > 0 else 0.0
    return np.argsort(-(weight * labels + (1 - weight) * expected), kind="stable"), "shrunk"
