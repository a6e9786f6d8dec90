"""Protocol G on tables: splits, costs and their direction, notes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from nassurrogate.benchmarks import LABEL, TEST, Column, TabularBenchmark, evaluate
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.spaces import get_space

SIZE = 15_625


@pytest.fixture(scope="module")
def table():
    """Made-up accuracies of two runs, latencies with some zeros, and a metric of unknown direction."""
    rng = np.random.default_rng(0)
    latency = rng.uniform(5, 20, SIZE)
    latency[:2000] = 0.0
    return TabularBenchmark(
        get_space("nb201"), "own",
        {
            LABEL: Column(rng.uniform(50, 90, (SIZE, 2)), "made up"),
            "latency_ms": Column(latency, "made up"),
            "usefulness": Column(rng.uniform(0, 1, SIZE), "made up"),
        },
    )  # fmt: skip


def test_a_fit_sees_n_random_labels_and_ranks_others(nearest, table):
    found = evaluate("G", benchmark=table, labels=[20, 30], splits=2, seed=4, predictors=nearest)
    space = table.space
    label = table.column(LABEL).mean
    for (strings, targets, seed, metric), (labels, split) in zip(
        nearest.fits, [(20, 0), (20, 1), (30, 0), (30, 1)], strict=True
    ):
        sequence = np.random.SeedSequence([4, split])
        order = np.random.default_rng(sequence).permutation(SIZE)
        assert strings == [space.parse(index).string for index in order[:labels].tolist()]
        assert targets == label[order[:labels]].tolist()
        assert seed == sequence.spawn(1)[0].generate_state(1)[0] >> 1
        assert metric.name == LABEL
        ranked = order[-10_000:]
        result = next(s for s in found.splits if (s.labels, s.split) == (labels, split))
        guesses = np.array([nearest.guess(space.parse(index)) for index in ranked.tolist()])
        assert result.kendall_tau == kendalltau(guesses, label[ranked]).statistic
        keys = {space.parse(index).key for index in order[:labels].tolist()}
        new = np.array([space.parse(index).key not in keys for index in ranked.tolist()])
        assert result.kendall_tau_new_classes == pytest.approx(kendalltau(guesses[new], label[ranked][new]).statistic)
        assert result.evaluated_cells == 10_000
        assert 0 < result.coverage90 < 1
        assert np.isnan(result.mape_pct)
    assert (found.protocol.space, found.protocol.label, found.protocol.target) == ("nb201", LABEL, LABEL)
    assert (found.metric.unit, found.queries, found.notes) == ("percent", 0, [])


def test_seeds_share_no_split_and_a_seed_repeats_itself(nearest, table):
    asked = {"protocol": "G", "benchmark": table, "labels": 20, "splits": 3, "predictors": nearest, "write": False}
    for seed in (0, 1, 0):
        evaluate(**asked, seed=seed)
    first, second, again = nearest.fits[:3], nearest.fits[3:6], nearest.fits[6:]
    assert first == again
    assert len({tuple(strings) for strings, *_ in first + second}) == 6
    assert len({seed for *_, seed, _ in first + second}) == 6


def test_a_cost_is_ranked_by_the_smallest_and_has_relative_errors(nearest, table, monkeypatch):
    latency = table.column("latency_ms").mean
    found = evaluate(
        "G", benchmark=table, objective="latency_ms", labels=20, splits=1, predictors=nearest, test_size=3000
    )
    order = np.random.default_rng(np.random.SeedSequence([0, 0])).permutation(SIZE)[-3000:]
    true, guesses = latency[order], np.array([nearest.guess(table.space.parse(index)) for index in order.tolist()])
    (split,) = found.splits
    assert split.kendall_tau == kendalltau(guesses, true).statistic
    best = true[np.argsort(guesses, kind="stable")[:10]].min()
    assert split.top10_regret_points == best - true.min()
    assert split.top10_rank_percentile == 100 * np.mean(true < best)
    there = true != 0
    assert split.mape_pct == pytest.approx(100 * np.mean(np.abs(guesses - true)[there] / true[there]))
    assert split.mape_left_out == (~there).sum() > 0
    (row,) = found.rows
    assert (row.mape_pct_mean, row.mape_left_out) == (split.mape_pct, split.mape_left_out)
    assert (found.to_json()["unit"], found.to_json()["direction"]) == ("ms", "minimize")
    monkeypatch.setattr(
        nearest, "predict", lambda self, archs: (latency[[a.index for a in archs]], np.ones(len(archs)))
    )
    perfect = evaluate(
        "G", benchmark=table, objective="latency_ms", labels=20, splits=1, predictors=nearest, write=False
    ).splits[0]
    assert (perfect.kendall_tau, perfect.top10_regret_points, perfect.mape_pct) == (1.0, 0.0, 0.0)


def test_free_metrics_of_a_named_space_are_learned():
    found = evaluate("G", space="nb201", objective="params_m", labels=20, splits=1, predictors="ridge", test_size=300)
    assert found.rows[0].kendall_tau_mean > 0.5
    assert found.rows[0].mape_pct_mean > 0
    assert (found.dataset, found.metric.name, found.queries) == ("cifar10", "params_m", 0)


def test_an_unknown_direction_is_asked_for(nearest, table):
    asked = {"protocol": "G", "benchmark": table, "labels": 20, "splits": 1, "predictors": nearest, "write": False}
    with pytest.raises(InputError, match="not known whether a larger or a smaller 'usefulness' is better"):
        evaluate(**asked, objective="usefulness")
    found = evaluate(**asked, objective=Metric("usefulness", direction="minimize"))
    assert found.to_json()["direction"] == "minimize"
    assert nearest.fits[0][3].direction == "minimize"


def test_test_accuracies_as_labels_are_named(nearest):
    values = np.random.default_rng(0).uniform(50, 90, SIZE)
    only = TabularBenchmark(get_space("nb201"), "own", {TEST: Column(values, "made up")}, own_objective=TEST)
    asked = {"protocol": "G", "labels": 20, "splits": 1, "predictors": nearest, "write": False}
    assert evaluate(**asked, benchmark=only).notes == ["nb201 has test accuracy only: labels are test accuracies"]
    both = TabularBenchmark(get_space("nb201"), "own", {name: Column(values, "made up") for name in (LABEL, TEST)})
    assert evaluate(**asked, benchmark=both, objective=TEST).notes == [
        "labels are test accuracies, which no search may see"
    ]
    assert evaluate(**asked, benchmark=both).notes == []


def test_other_protocols_say_that_their_splits_overlap(nearest, table):
    found = evaluate("A4", benchmark=table, labels=5, splits=1, predictors=nearest, write=False)
    assert "seed 0's split 1 is seed 1's split 0" in found.notes[0]
