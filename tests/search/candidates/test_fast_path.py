"""Arrays over the whole space are a fast path of tables: without them the same search asks for the same."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.constraints import Constraint
from nassurrogate.search import SearchSettings, searcher_names
from nassurrogate.search.candidates.feasibility import find_feasible
from nassurrogate.search.candidates.listed_set import ListedSet
from nassurrogate.search.candidates.table_set import TableSet
from tests.search.conftest import CLASSES, SPACE, Untabled, watched

BOUND = "latency_ms<=14.28"


@pytest.fixture(scope="module")
def forms(bench):
    """The same ground truth, once as a table and once as a benchmark of which nothing else is known."""
    return bench, Untabled(bench)


def both(forms, **options):
    """(result, queries) with arrays and without, after checking that the ways differ."""
    chosen = options.pop("settings", SearchSettings(inner_proposals=60))
    with_arrays, without = (watched(benchmark=truth, settings=chosen, **options) for truth in forms)
    assert (with_arrays[0]["is_table"], without[0]["is_table"]) == (True, False)
    return with_arrays, without


def asked(queries):
    """All that a query tells but its time."""
    return [
        (q.number, q.phase, q.proposed_by, q.arch, q.index, q.key, q.label, q.label_kind, q.label_seed, q.n_seeds,
         q.cost_train_time_s)
        for q in queries
    ]  # fmt: skip


def same_search(with_arrays, without):
    """Whether two searches asked for the same in the same order, expected the same and chose the same."""
    assert asked(with_arrays[1]) == asked(without[1])
    for what in ("predicted_mean", "predicted_std"):
        one, other = ([getattr(q, what) for q in queries] for _, queries in (with_arrays, without))
        np.testing.assert_allclose(
            np.array(one, dtype=float), np.array(other, dtype=float), rtol=1e-9, atol=1e-9, equal_nan=True
        )
    ours, theirs = with_arrays[0], without[0]
    assert ours["best"]["arch"] == theirs["best"]["arch"]
    assert [cell["arch"] for cell in ours["top"]] == [cell["arch"] for cell in theirs["top"]]
    for name in ("n_space", "n_feasible", "n_feasible_classes", "feasible_share", "predictor_calls", "proposals",
                 "phases", "queries", "selected_by", "labels", "stop_reason", "notes", "label_cost_s"):  # fmt: skip
        assert ours[name] == theirs[name], name


def test_the_feasible_sets_are_of_two_kinds_and_hold_the_same(forms):
    found = [
        find_feasible(truth, truth.objective, [Constraint.parse(BOUND)], np.random.default_rng(3)) for truth in forms
    ]
    assert [type(each) for each in found] == [TableSet, ListedSet]
    table, listed = found
    assert list(listed.members()) == table.members()
    everything = SPACE.all()
    assert (table.contains(everything) == listed.contains(everything)).all()
    broken = [each.violations(everything) for each in found]
    assert list(broken[0]) == list(broken[1])
    for constraint, values in broken[0].items():
        np.testing.assert_array_equal(values, broken[1][constraint])
    kept = [arch for arch, fits in zip(everything, table.contains(everything), strict=True) if fits]
    assert table.representatives(kept) == listed.representatives(kept)
    for attribute in ("n_space", "n_feasible", "n_classes", "feasible_share", "is_estimate"):
        assert getattr(table, attribute) == getattr(listed, attribute)


@settings(max_examples=15)
@given(seed=st.integers(0, 999), n=st.integers(1, 6000), n_taken=st.integers(0, 300), bounded=st.booleans())
def test_both_sets_draw_the_same(forms, seed, n, n_taken, bounded):
    bounds = [Constraint.parse(BOUND)] * bounded
    drawn = []
    for truth in forms:
        rng = np.random.default_rng(seed)
        found = find_feasible(truth, truth.objective, bounds, rng)
        taken = set(found.keys(found.draw(n_taken, rng)))
        order = found.shuffled(rng)
        drawn.append((found.draw(n, rng, taken), found.pick(rng, taken), [next(order) for _ in range(20)]))
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("constraints", [(), (BOUND,), (BOUND, "params_m>=0.3")], ids=len)
@pytest.mark.parametrize(
    ("searcher", "predictor"),
    [
        ("exhaustive", "ridge"),
        *itertools.product(["exhaustive", "evolution", "random"], ["space-process", "proxy-process", "none"]),
    ],
)
def test_the_same_queries_in_the_same_order(forms, searcher, predictor, constraints):
    with_arrays, without = both(forms, budget=22, searcher=searcher, predictor=predictor, constraints=constraints)
    same_search(with_arrays, without)


@pytest.mark.parametrize("predictor", ["none", "ridge"])
@pytest.mark.parametrize("searcher", [name for name in searcher_names() if name.startswith("optuna")])
def test_optuna_asks_the_same(forms, searcher, predictor):
    chosen = SearchSettings(inner_proposals=15)
    same_search(*both(forms, budget=16, searcher=searcher, predictor=predictor, constraints=BOUND, settings=chosen))


@pytest.mark.parametrize("searcher", ["exhaustive", "evolution", "random"])
def test_a_pool_that_grows_is_the_same(forms, searcher):
    chosen = SearchSettings(pool_size=200, inner_proposals=60)
    with_arrays, without = both(forms, budget=20, searcher=searcher, predictor="proxy-process", settings=chosen)
    same_search(with_arrays, without)


def test_single_labels_are_drawn_and_trained_again_alike(forms):
    with_arrays, without = both(forms, budget=40, predictor="space-process", labels="single", constraints=BOUND)
    same_search(with_arrays, without)
    assert "again" in {query.proposed_by for query in with_arrays[1]}


@settings(max_examples=8)
@given(
    share=st.floats(0.005, 1.0), seed=st.integers(0, 99), budget=st.integers(1, 14),
    batch_size=st.sampled_from([None, 4]), searcher=st.sampled_from(["exhaustive", "evolution", "random"]),
    acquisition=st.sampled_from(["ei", "ucb", "thompson"]),
)  # fmt: skip
def test_whatever_is_asked_for_the_queries_are_the_same(forms, share, seed, budget, batch_size, searcher, acquisition):
    bound = float(np.quantile(forms[0].column("latency_ms").mean, share))
    chosen = SearchSettings(batch_size=batch_size, acquisition=acquisition, inner_proposals=20)
    options = {"constraints": f"latency_ms<={bound!r}", "seed": seed, "budget": budget, "searcher": searcher}
    same_search(*both(forms, predictor="proxy-process", settings=chosen, **options))


def test_another_objective_is_searched_alike(forms):
    options = {"budget": 20, "predictor": "space-process", "objective": "latency_ms", "constraints": "params_m>=0.3"}
    with_arrays, without = both(forms, **options)
    same_search(with_arrays, without)
    assert with_arrays[0]["regret_points"] is not None
    assert without[0]["regret_points"] is None


def test_a_small_feasible_part_is_exhausted_alike(forms):
    latency = forms[0].column("latency_ms").mean
    bound = float(np.sort(latency)[12])
    with_arrays, without = both(forms, budget=50, predictor="ridge", constraints=f"latency_ms<={bound!r}")
    same_search(with_arrays, without)
    assert with_arrays[0]["queries"] == len(set(CLASSES[latency <= bound].tolist()))
