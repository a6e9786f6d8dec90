"""Which evaluated cell is reported: by label, or shrunk towards the surrogate where labels are single."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.search.record.ledger import Query
from nassurrogate.search.strategy.selection import (
    FOLDS,
    choose,
    expected_by_others,
    first_queries,
    is_noisy,
    mean_labels,
)
from nassurrogate.search.surrogates import CannotLearn, OracleSurrogate, Posterior
from tests.search.conftest import at


def evaluated(labels, kind):
    return [
        Query(n, "search", "random", f"|{n}|", n, str(n), label, kind, None, 1.0, None, None, True, 0.0)
        for n, label in enumerate(labels)
    ]


def test_means_are_taken_at_their_word():
    order, rule = choose(evaluated([90.0, 91.0, 90.5], "mean"), np.array([95.0, 80.0, 95.0]))
    assert (order.tolist(), rule) == ([1, 2, 0], "measured")


def test_without_a_surrogate_there_are_only_labels():
    order, rule = choose(evaluated([90.0, 91.0, 91.0], "single"), None)
    assert (order.tolist(), rule) == ([1, 2, 0], "measured")


def test_a_lucky_label_loses_against_a_surrogate_that_is_right_within_the_noise():
    order, rule = choose(evaluated([91.0, 90.9, 90.0], "single"), np.array([90.4, 90.9, 90.0]), label_noise_pct=0.5)
    assert (order[0], rule) == (1, "shrunk")


def test_a_surrogate_that_misses_widely_hardly_counts():
    order, rule = choose(evaluated([91.0, 90.9, 90.0], "single"), np.array([80.0, 80.5, 84.0]), label_noise_pct=0.2)
    assert (order[0], rule) == (0, "shrunk")


def test_one_failed_training_does_not_make_the_surrogate_look_bad():
    labels, expected = [91.0, 90.9, 90.0, 89.9, 10.0], [90.5, 90.9, 90.1, 89.8, 88.0]
    order, rule = choose(evaluated(labels, "single"), np.array(expected), label_noise_pct=0.2)
    assert (order[0], rule) == (1, "shrunk")


def test_a_label_far_from_its_prediction_is_a_surprise_and_no_lucky_training():
    labels, expected = [90.75, 88.75, 88.0, 87.0], [88.6, 88.8, 88.05, 87.0]
    order, rule = choose(evaluated(labels, "single"), np.array(expected), label_noise_pct=0.2)
    assert (order[0], rule) == (0, "shrunk")


@pytest.mark.parametrize("seed", range(3))
def test_shrinking_picks_truly_better_cells_on_average(seed):
    """300 runs in which label noise equals the surrogate's error: the theory of precision weights must show."""
    rng = np.random.default_rng(seed)
    gain = []
    for _ in range(300):
        truth = rng.normal(90, 1, 50)
        labels, expected = truth + rng.normal(0, 0.7, 50), truth + rng.normal(0, 0.7, 50)
        order, _ = choose(evaluated(labels.tolist(), "single"), expected, label_noise_pct=0.7)
        gain.append(truth[order[0]] - truth[labels.argmax()])
    assert np.mean(gain) > 0


# --- what others say of a cell ---------------------------------------------------------------------------------------


class Neighbours(OracleSurrogate):
    """Expects of a cell the mean label of those it was shown; remembers them."""

    def __init__(self, refits_at_once):
        self.refits_at_once = refits_at_once
        self.shown = []

    def fit(self, archs, labels, progress=None):
        self.shown.append({arch.index for arch in archs})
        self.mean = float(np.mean(labels))

    def predict(self, archs):
        return Posterior(np.full(len(archs), self.mean), np.ones(len(archs)))


def cells_of(queries):
    return at(*(query.index for query in queries))


@pytest.mark.parametrize("refits_at_once", [True, False])
@settings(max_examples=20)
@given(n=st.integers(2, 30), seed=st.integers(0, 99))
def test_no_cell_is_expected_with_the_help_of_its_own_label(refits_at_once, n, seed):
    surrogate, queries = Neighbours(refits_at_once), evaluated([float(number) for number in range(n)], "single")
    expected = expected_by_others(surrogate, queries, cells_of(queries), np.random.default_rng(seed))
    assert len(surrogate.shown) == (n if refits_at_once else min(FOLDS, n))
    for index in range(n):
        (without,) = [shown for shown in surrogate.shown if index not in shown]
        assert expected[index] == pytest.approx(np.mean(sorted(without)))
        assert len(without) == n - 1 or not refits_at_once


def test_labels_too_few_to_learn_from_expect_nothing():
    class Silent(Neighbours):
        def fit(self, archs, labels, progress=None):
            raise CannotLearn("no label yet")

    queries = evaluated([90.0, 91.0], "single")
    assert expected_by_others(Silent(True), queries, cells_of(queries), np.random.default_rng(0)) is None


def test_what_is_no_number_is_no_expectation():
    class Broken(Neighbours):
        def predict(self, archs):
            return Posterior(np.full(len(archs), np.nan), np.ones(len(archs)))

    queries = evaluated([90.0, 91.0, 92.0], "single")
    assert expected_by_others(Broken(True), queries, cells_of(queries), np.random.default_rng(0)) is None


# --- cells that were trained again -----------------------------------------------------------------------------------


def trained(labels_of):
    """Queries of the cells 0, 1, …: `labels_of[c]` are the labels of cell c's trainings, first trainings first."""
    rounds = max(map(len, labels_of))
    return [
        Query(0, "search", "random", f"|{cell}|", cell, str(cell), labels[k], "single", k, 1.0, None, None, True, 0.0)
        for k in range(rounds)
        for cell, labels in enumerate(labels_of)
        if k < len(labels)
    ]


def test_trainings_of_a_cell_are_averaged():
    queries = trained([[90.0, 92.0], [95.0], [91.0, 93.0, 95.0]])
    means, counts = mean_labels(queries)
    assert (means.tolist(), counts.tolist()) == ([91.0, 95.0, 93.0], [2, 1, 3])
    assert first_queries(queries).tolist() == [0, 1, 2]


@pytest.mark.parametrize("expected", [None, [90.0, 90.0, 90.0]])
def test_what_was_trained_again_comes_before_a_lucky_label(expected):
    queries = trained([[90.0, 92.0], [95.0], [91.0, 93.0, 95.0]])
    order, _ = choose(queries, None if expected is None else np.array(expected))
    assert order.tolist() == [2, 0, 1]


def test_the_more_trainings_the_less_the_surrogate_counts():
    """The mean of cell 0 is higher, and the surrogate expects more of cell 1."""
    expected = np.array([90.0, 91.0, 90.0, 90.0, 90.0])
    others = [[89.0], [91.0], [90.2]]
    few, many = (trained([[91.0] * k, [90.7] * k, *others]) for k in (2, 200))
    assert choose(few, expected, label_noise_pct=1.2)[0][0] == 1
    assert choose(many, expected, label_noise_pct=1.2)[0][0] == 0


def test_no_training_of_a_cell_is_among_those_that_say_what_to_expect_of_it():
    surrogate, queries = Neighbours(True), trained([[90.0, 92.0], [95.0], [91.0, 93.0, 95.0]])
    expected = expected_by_others(surrogate, queries, cells_of(queries), np.random.default_rng(0))
    assert expected.tolist() == pytest.approx(
        [(95 + 91 + 93 + 95) / 4, (90 + 92 + 91 + 93 + 95) / 5, (90 + 92 + 95) / 3]
    )


# --- directions, and labels of which some are means ------------------------------------------------------------------


def test_a_smaller_label_comes_first_where_smaller_is_better():
    order, rule = choose(evaluated([3.0, 1.0, 2.0], "mean"), None, sign=-1)
    assert (order.tolist(), rule) == ([1, 2, 0], "measured")
    lucky = evaluated([9.0, 9.1, 10.0], "single")
    order, rule = choose(lucky, np.array([9.6, 9.1, 10.0]), sign=-1, label_noise_pct=0.5)
    assert (order[0], rule) == (1, "shrunk")


@given(
    labels=st.lists(st.floats(50, 95), min_size=2, max_size=12, unique=True),
    shift=st.floats(-3, 3), noise=st.floats(0, 1), seed=st.integers(0, 9),
)  # fmt: skip
def test_turning_all_signs_turns_nothing(labels, shift, noise, seed):
    expected = np.random.default_rng(seed).permutation(labels) + shift
    plain = choose(evaluated(labels, "single"), expected, label_noise_pct=noise)
    turned = choose(evaluated([-label for label in labels], "single"), -expected, sign=-1, label_noise_pct=noise)
    assert plain[0].tolist() == turned[0].tolist()


def seeded(labels, n_seeds):
    """Queries of which each is the mean of so many trainings."""
    return [
        replace(query, label_kind="single" if n == 1 else "mean", n_seeds=n)
        for query, n in zip(evaluated(labels, "mean"), n_seeds, strict=True)
    ]


def test_one_single_training_among_means_makes_no_run_of_singles():
    queries = seeded([91.0, 90.9, 90.0, 90.8], [3, 3, 3, 1])
    assert not is_noisy(queries)
    order, _ = choose(queries, np.array([80.0, 95.0, 95.0, 95.0]))
    assert [place for place in order.tolist() if place != 3] == [0, 1, 2]
    assert is_noisy(seeded([91.0, 90.9, 90.0, 90.8], [1, 1, 1, 1]))


def test_the_more_seeds_are_behind_a_label_the_more_it_counts():
    """All labels are single trainings but one, the mean of many: the surrogate cannot talk it down."""
    labels, expected = [91.0, 90.9, 90.0, 89.5, 88.0], np.array([90.2, 90.9, 90.5, 89.0, 88.5])
    few, many = seeded(labels, [1] * 5), seeded(labels, [10_000, 1, 1, 1, 1])
    assert choose(few, expected, label_noise_pct=0.5)[0][0] == 1
    assert choose(many, expected, label_noise_pct=0.5)[0][0] == 0
