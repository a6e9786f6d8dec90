"""Which of the paid cells is reported as the best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nassurrogate.search.ledger import Query


def choose(queries: Sequence[Query], expected: np.ndarray | None) -> tuple[np.ndarray, str]:
    """Rank the paid cells, best first, and name the rule.

    - `measured`: by label. A label that is the mean of the training seeds is the quantity sought; without a surrogate
      there is nothing but labels.
    - `shrunk`: single labels with a surrogate. The best of a hundred noisy labels is likely a lucky one, so a cell is
      worth the average of its label and of what the surrogate, which has seen all labels, expects of it. Equal weights:
      with one label a cell the data do not tell the noise of training from the surrogate's own error.

    Args:
        queries: the paid cells.
        expected: (Q,) what the surrogate expects of each, in percent; None without a surrogate.

    Returns positions into `queries`, and the rule's name.
    """
    worth = np.array([query.label for query in queries])
    rule = "measured"
    if expected is not None and any(query.label_kind == "single" for query in queries):
        worth, rule = (worth + expected) / 2, "shrunk"
    return np.argsort(-worth, kind="stable"), rule
