"""The queries of a run set the limits of its plots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nassurrogate.benchmarks import LABEL
from nassurrogate.search import read_ledger, run
from nassurrogate.search.record.plots import accuracy_vs_cost, best_so_far, predicted_vs_true
from nassurrogate.search.record.report import PHASE_WORDS
from tests.search.record.figures import (
    dots_of,
    legend_of,
    n_hidden,
    subtitle,
)


@pytest.fixture(scope="module", params=[False, True])
def tight_run(request, bench, tmp_path_factory):
    """The ledger of a run among the few fastest cells, most of which are bad."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    options = {"predictor": "gradient-boosting", "predictor_config": {"members": 2, "rounds": 20}, "plots": False}
    run(**options, budget=45, seed=0, constraints="latency_ms<=9", benchmark=bench, run_dir=folder,
        allow_equivalent=request.param)  # fmt: skip
    return read_ledger(folder)


def test_most_queries_are_in_view_where_all_are_bad(tight_run, bench):
    n = len(tight_run.queries)
    best = max(query.label for query in tight_run.queries)
    cost = accuracy_vs_cost(tight_run, bench, "latency_ms")
    for figure in (cost, best_so_far(tight_run, bench)):
        assert n_hidden(figure) <= n / 4
        assert len(dots_of(figure)) + n_hidden(figure) == n
        assert best in dots_of(figure)[:, 1]
    predicted = predicted_vs_true(tight_run)
    n_predicted = sum(query.predicted_mean is not None for query in tight_run.queries)
    assert n_predicted * 3 / 4 <= len(dots_of(predicted)) == n_predicted - n_hidden(predicted)
    left, right = cost.axes[0].get_xlim()
    assert left < 9 < right < 12, "the table goes on to 25 ms"


@pytest.mark.parametrize("n_bad", [1, 4, 12])
def test_untrainable_cells_are_below_the_view_unless_they_are_most(finished, bench, n_bad):
    ledger = read_ledger(finished[1])
    queries = [replace(query, label=10.5 if place < n_bad else 85 + place / 5, predicted_mean=88.0)
               for place, query in enumerate(ledger.queries)]  # fmt: skip
    changed = replace(ledger, queries=tuple(queries))
    for figure in (
        best_so_far(changed, bench), accuracy_vs_cost(changed, bench, "params_m"), predicted_vs_true(changed)
    ):  # fmt: skip
        assert (dots_of(figure) == 10.5).any(axis=1).sum() == (0 if n_bad <= 4 else n_bad)
        assert n_hidden(figure) <= 5


def test_a_view_of_predictions_is_not_stretched_by_one(finished):
    ledger = read_ledger(finished[1])
    labels = [query.label for query in ledger.queries]
    bad = labels.index(min(labels))
    queries = [replace(query, predicted_mean=1e6 if place == bad else query.label - 1.0)
               for place, query in enumerate(ledger.queries)]  # fmt: skip
    figure = predicted_vs_true(replace(ledger, queries=tuple(queries)))
    assert figure.axes[0].get_ylim()[1] < 130
    assert "1 query above" in subtitle(figure)


def test_legends_list_what_is_in_view(finished, bench):
    ledger = read_ledger(finished[1])
    queries = [replace(query, label=10.0 if place < 3 else query.label, phase="init" if place < 3 else "search")
               for place, query in enumerate(ledger.queries)]  # fmt: skip
    changed = replace(ledger, queries=tuple(queries))
    for figure in (best_so_far(changed, bench), accuracy_vs_cost(changed, bench, "params_m")):
        assert n_hidden(figure) == 3
        assert PHASE_WORDS["init"] not in legend_of(figure)
        assert PHASE_WORDS["search"] in legend_of(figure)


def test_error_bars_belong_to_points_that_are_drawn(finished):
    ledger = read_ledger(finished[1])
    queries = [replace(query, label=10.0 if place < 3 else query.label, predicted_mean=90.0, predicted_std=1.0)
               for place, query in enumerate(ledger.queries)]  # fmt: skip
    figure = predicted_vs_true(replace(ledger, queries=tuple(queries)))
    (bars,) = (drawn for drawn in figure.axes[0].collections if hasattr(drawn, "get_segments"))
    assert n_hidden(figure) == 3
    assert sorted(segment[0][0] for segment in bars.get_segments()) == sorted(dots_of(figure)[:, 0])
    certain = [replace(query, predicted_std=None) for query in queries]
    assert not any("std" in text for text in legend_of(predicted_vs_true(replace(ledger, queries=tuple(certain)))))


def test_a_metric_that_no_query_has_is_not_drawn(bench, fake_bench, tmp_path):
    latency = np.full(len(bench.column(LABEL).mean), np.nan)
    latency[0] = 12.0
    table = fake_bench(bench.column(LABEL).mean, latency_ms=latency)
    run(budget=4, seed=0, benchmark=table, predictor="none", run_dir=tmp_path / "run")
    assert accuracy_vs_cost(read_ledger(tmp_path / "run"), table, "latency_ms") is None
    assert [path.name for path in (tmp_path / "run" / "plots").iterdir()] == ["best_so_far.png"]


def test_the_best_is_no_star_where_its_cost_is_unknown(bench, fake_bench, tmp_path):
    run(budget=4, seed=0, benchmark=bench, predictor="none", run_dir=tmp_path / "run", plots=False)
    ledger = read_ledger(tmp_path / "run")
    worst = min(ledger.queries, key=lambda query: query.label)
    latency = np.full(len(bench.column(LABEL).mean), np.nan)
    latency[bench.space.index(worst.arch)] = 12.0
    figure = accuracy_vs_cost(ledger, fake_bench(bench.column(LABEL).mean, latency_ms=latency), "latency_ms")
    assert len(dots_of(figure)) == 1
    assert not any(text.startswith("best") for text in legend_of(figure))
