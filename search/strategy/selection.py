"""Ranks the evaluated architectures: which one is reported as the best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.search.record.ledger import Query
from nassurrogate.search.surrogates.base import CannotLearn, FitProgress, SearchSurrogate

FOLDS = 5
_MOST_FITS = 500
_MOST_NOISE = 2.0
"""By how many standard deviations of its noise a label is corrected at most."""
_MEDIAN_OF_NORMAL = 0.6745
"""Median size of a standard normal deviate."""


def is_noisy(queries: Sequence[Query]) -> bool:
    """Whether every label is a single training, and not the mean of several."""
    return all(query.label_kind == "single" for query in queries)


def has_single(queries: Sequence[Query]) -> bool:
    """Whether some label is a single training."""
    return any(query.label_kind == "single" for query in queries)


def expected_by_others(
    surrogate: SearchSurrogate,
    queries: Sequence[Query],
    archs: Sequence[Architecture],
    rng: np.random.Generator,
    progress: FitProgress | None = None,
) -> np.ndarray | None:
    """(C,) cross-validated prediction of every evaluated architecture, from the labels of others alone.

    Leave-one-out, or if that takes long, `FOLDS` random folds. None if the surrogate cannot learn a training set:
    it may be too small, or all its labels equal.

    Args:
        surrogate: learns.
        queries: the queries that gave a label.
        archs: their architectures.
        rng: draws the folds.
        progress: called during the fits.
    """
    first = first_queries(queries)
    one_by_one = surrogate.refits_at_once and len(first) <= _MOST_FITS
    n_folds = len(first) if one_by_one else min(FOLDS, len(first))
    expected = np.empty(len(first))
    for held in np.array_split(rng.permutation(len(first)), n_folds):
        left_out = {queries[first[place]].arch for place in held}
        known = [place for place, query in enumerate(queries) if query.arch not in left_out]
        try:
            surrogate.fit([archs[place] for place in known], [queries[place].value for place in known], progress)
            expected[held] = surrogate.predict([archs[first[place]] for place in held]).mean
        except CannotLearn:
            return None
    return expected if np.isfinite(expected).all() else None


def first_queries(queries: Sequence[Query]) -> np.ndarray:
    """(C,) positions of the first query of every evaluated architecture; later ones are further trainings of it."""
    seen: dict[str, int] = {}
    for place, query in enumerate(queries):
        seen.setdefault(query.arch, place)
    return np.array(list(seen.values()), dtype=np.int64)


def mean_labels(queries: Sequence[Query]) -> tuple[np.ndarray, np.ndarray]:
    """(C,) mean labels of the evaluated architectures, and (C,) how many queries each had."""
    labels: dict[str, list[float]] = {}
    for query in queries:
        labels.setdefault(query.arch, []).append(query.value)
    return np.array([np.mean(each) for each in labels.values()]), np.array([len(each) for each in labels.values()])


def _seeds_behind(queries: Sequence[Query]) -> np.ndarray:
    """(C,) trainings behind the mean label of every evaluated architecture."""
    seeds: dict[str, int] = {}
    for query in queries:
        seeds[query.arch] = seeds.get(query.arch, 0) + (query.n_seeds or 1)
    return np.array(list(seeds.values()))


def choose(
    queries: Sequence[Query], expected: np.ndarray | None, *, sign: int = 1, label_noise_pct: float = 0.2
) -> tuple[np.ndarray, str]:
    """Rank the evaluated architectures, best first, and name the rule.

    - `measured`: by label. A label that is the mean over the training seeds is the quantity sought; without a surrogate
      labels are all there is.
    - `shrunk`: by a single label and the surrogate. The best of many noisy labels is likely a lucky one, so an
      architecture is ranked by the mean of its label and its cross-validated prediction, weighted by their precision.
      The surrogate's residuals contain its own error and the noise of the labels: with noise σ and a typical residual r
      (the median, scaled to the standard deviation of a normal distribution, so that failed trainings do not count),
      the variance of the surrogate's error is r² − σ², at least 0, and that of the mean of k trainings is σ² / k. No
      label is corrected by more than 2 σ / √k.

    Only single labels are noisy: means among them stay as they are. The rule returned is that of the best label.

    Architectures that were trained again come first: they were the best, and are less likely to be lucky.

    Args:
        queries: the queries that gave a label.
        expected: (C,) of `expected_by_others`, in the label's unit; None without a surrogate.
        sign: +1 if a larger label is better, −1 if a smaller one is.
        label_noise_pct: standard deviation of one training, in the label's unit; a run that trains everything once
            cannot estimate it.

    Returns positions into `queries`, and the rule's name.
    """
    first, (labels, count) = first_queries(queries), mean_labels(queries)
    confirmed = count > 1
    if expected is None or not has_single(queries):
        return first[np.lexsort((-sign * labels, ~confirmed))], "measured"
    singles = np.array([queries[place].value for place in first])
    single = np.array([queries[place].label_kind == "single" for place in first])
    miss = float(np.median(np.abs(singles - expected))) / _MEDIAN_OF_NORMAL
    noise = label_noise_pct**2
    surrogate = max(miss**2 - noise, 0.0)
    total = surrogate + noise / _seeds_behind(queries) * single
    weight = np.divide(surrogate, total, out=np.ones_like(total), where=total > 0)
    # A label much farther from its prediction than its noise is a surprise to the surrogate, not a lucky training.
    most = _MOST_NOISE * np.sqrt(noise / _seeds_behind(queries)) * single
    value = labels + np.clip((1 - weight) * (expected - labels), -most, most)
    order = np.lexsort((-sign * value, ~confirmed))
    return first[order], "shrunk" if single[order[0]] else "measured"
