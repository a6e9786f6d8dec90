"""Which paid cell is reported: by label, or shrunk towards the surrogate where labels are single."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate.search.ledger import Query
from nassurrogate.search.selection import choose


def paid(labels, kind, predicted=None):
    told = [None] * len(labels) if predicted is None else predicted
    return [
        Query(n, "search", "random", "|a|", n, str(n), label, kind, None, 1.0, mean, 0.1, True, 0.0)
        for n, (label, mean) in enumerate(zip(labels, told, strict=True))
    ]


def test_means_are_taken_at_their_word():
    order, rule = choose(paid([90.0, 91.0, 90.5], "mean"), np.array([95.0, 80.0, 95.0]))
    assert (order.tolist(), rule) == ([1, 2, 0], "measured")


def test_without_a_surrogate_there_are_only_labels():
    order, rule = choose(paid([90.0, 91.0, 91.0], "single"), None)
    assert (order.tolist(), rule) == ([1, 2, 0], "measured")


def test_a_lucky_label_loses_against_a_surrogate_that_is_right_within_the_noise():
    labels, predicted = [91.0, 90.9, 90.0], [90.4, 90.9, 90.0]
    order, rule = choose(paid(labels, "single", predicted), np.array([90.4, 90.9, 90.0]), label_noise_pct=0.5)
    assert (order[0], rule) == (1, "shrunk")


def test_a_surrogate_that_misses_widely_hardly_counts():
    labels, predicted = [91.0, 90.9, 90.0], [80.0, 95.0, 99.0]
    order, rule = choose(paid(labels, "single", predicted), np.array([90.4, 90.9, 90.0]), label_noise_pct=0.2)
    assert (order[0], rule) == (0, "shrunk")


@pytest.mark.parametrize("seed", range(3))
def test_shrinking_picks_truly_better_cells_on_average(seed):
    """300 runs in which label noise equals the surrogate's error: the theory of precision weights must show."""
    rng = np.random.default_rng(seed)
    gain = []
    for _ in range(300):
        truth = rng.normal(90, 1, 50)
        labels, expected = truth + rng.normal(0, 0.7, 50), truth + rng.normal(0, 0.7, 50)
        order, _ = choose(paid(labels.tolist(), "single", expected.tolist()), expected, label_noise_pct=0.7)
        gain.append(truth[order[0]] - truth[labels.argmax()])
    assert np.mean(gain) > 0
