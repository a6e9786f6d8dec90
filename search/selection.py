"""Which of the paid cells is reported as the best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nassurrogate.search.ledger import Query


def choose(
    queries: Sequence[Query], expected: np.ndarray | None, *, label_noise_pct: float = 0.2
) -> tuple[np.ndarray, str]:
    """Rank the paid cells, best first, and name the rule.

    - `measured`: by label. A label that is the mean of the training seeds is the quantity sought; without a surrogate
      there is nothing but labels.
    - `shrunk`: single labels with a surrogate. The best of many noisy labels is likely a lucky one, so a cell is worth
      the mean of its label and of what the surrogate expects of it, weighted by their precision. The surrogate's error
      is what is left of its misses on the cells that it proposed (known before their labels were) once the noise of the
      labels is taken off: with noise σ and root mean square miss r, the label's weight is 1 − σ² / r², at least ½.

    Args:
        queries: the paid cells.
        expected: (Q,) what the surrogate expects of each, in percent; None without a surrogate.
        label_noise_pct: standard deviation of one training, in percent: a run that trains every cell once cannot tell.

    Returns positions into `queries`, and the rule's name.
    """
    labels = np.array([query.label for query in queries])
    if expected is None or all(query.label_kind == "mean" for query in queries):
        return np.argsort(-labels, kind="stable"), "measured"
    misses = [query.label - query.predicted_mean for query in queries if query.predicted_mean is not None]
    miss = float(np.mean(np.square(misses))) if misses else np.inf
    weight = max(1 - label_noise_pct**2 / miss, 0.5) if miss > 0 else 0.5
    return np.argsort(-(weight * labels + (1 - weight) * expected), kind="stable"), "shrunk"
