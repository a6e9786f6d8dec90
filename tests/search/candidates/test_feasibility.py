"""What is feasible: counted again with pandas, and refused in words a user can act on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nassurrogate.benchmarks import LABEL
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError
from nassurrogate.search.candidates.feasibility import find_feasible
from nassurrogate.search.candidates.listed_set import ListedSet
from nassurrogate.search.candidates.table_set import TableSet
from tests.search.conftest import SPACE, Untabled


def find(bench, *texts, seed=0, **options):
    constraints = [Constraint.parse(text) for text in texts]
    return find_feasible(bench, bench.objective, constraints, np.random.default_rng(seed), **options)


def members_of(found):
    """(C,) indices of the representatives."""
    return SPACE.indices(found.members())


def feasible_of(found):
    """(size,) bool: asked, of every cell of the space."""
    return found.contains(SPACE.all())


@pytest.fixture(params=["table", "listed"])
def truth(request, bench):
    """The same numbers with arrays over the whole space, and without."""
    return bench if request.param == "table" else Untabled(bench)


@pytest.mark.parametrize(
    "texts",
    [
        (),
        ("latency_ms<=14.28",),
        ("latency_ms<12", "params_m>=0.3"),
        ("flops_m>100", "flops_m<=150", "latency_ms>15"),
        ("params_m>1.5",),
    ],
)
def test_counts_are_those_of_a_plain_table(bench, truth, texts):
    table = pd.DataFrame({metric: np.nanmean(bench.column(metric).values, axis=1) for metric in bench.free_metrics()})
    table["key"] = [arch.key for arch in SPACE.all()]
    left = table.query(" and ".join(texts)) if texts else table
    found = find(truth, *texts)
    assert isinstance(found, TableSet if truth is bench else ListedSet)
    assert (found.n_space, found.n_feasible) == (len(table), len(left))
    assert (found.feasible_share, found.is_estimate) == (len(left) / len(table), False)
    assert found.n_classes == left["key"].nunique()
    assert np.flatnonzero(feasible_of(found)).tolist() == left.index.tolist()
    members = members_of(found)
    assert set(members.tolist()) <= set(left.index.tolist())
    assert {arch.key for arch in found.members()} == set(left["key"])
    if truth is bench:
        assert np.flatnonzero(found.satisfies).tolist() == left.index.tolist()
        assert f"{len(left):,} of 15,625" in found.describe()
    else:
        assert f"{len(left) / 15_625:.1%} of 15,625" in found.describe() or not texts


def test_violations_agree_with_feasibility(truth):
    found = find(truth, "latency_ms<=14.28", "params_m>0.5")
    broken = np.stack(list(found.violations(SPACE.all()).values()))
    assert set(found.violations(SPACE.all())) == {"latency_ms<=14.28", "params_m>0.5"}
    assert ((broken <= 0).all(axis=0) == feasible_of(found)).all()


def test_representatives_are_drawn_from_all_feasible_members(truth):
    drawn = np.stack([members_of(find(truth, "latency_ms<=14.28", seed=seed)) for seed in range(30)])
    found = find(truth, "latency_ms<=14.28", seed=3)
    assert (drawn[3] == members_of(found)).all()
    classes = SPACE.class_ids()
    sizes = np.bincount(classes[feasible_of(found)], minlength=SPACE.n_classes)[classes[drawn[0]]]
    assert all(len(set(column.tolist())) > 1 for column in drawn.T[sizes >= 5])


def test_preferred_members_are_the_best_feasible_ones(bench):
    truth = bench.column(LABEL).mean
    found = find(bench, "latency_ms<=14.28", prefer=truth)
    feasible = feasible_of(found)
    best = pd.Series(truth)[feasible].groupby(SPACE.class_ids()[feasible]).max()
    assert truth[members_of(found)].tolist() == best.tolist()


def test_unknown_values_and_missing_labels_are_never_feasible(fake_bench, caplog):
    latency = np.arange(SPACE.size, dtype=float)
    latency[:10] = np.nan
    labels = np.full(SPACE.size, 90.0)
    labels[10:15] = np.nan
    found = find(fake_bench(labels, latency_ms=latency), "latency_ms<=19")
    assert np.flatnonzero(found.satisfies).tolist() == list(range(10, 20))
    assert np.flatnonzero(feasible_of(found)).tolist() == list(range(15, 20))
    assert "5 feasible architectures have no" in caplog.text
    assert "5 of them have no label" in found.describe()
    assert (np.stack(list(found.violations(SPACE.all()).values())) <= 0).all(axis=0).sum() == 5


def test_what_a_set_draws_is_feasible_fresh_and_of_different_functions(truth):
    found, rng = find(truth, "latency_ms<=14.28"), np.random.default_rng(0)
    known = set(found.keys(found.members()[::2]))
    drawn = found.draw(200, rng, known)
    assert len(set(found.keys(drawn))) == len(drawn) == 200
    assert found.contains(drawn).all()
    assert not known & set(found.keys(drawn))
    assert found.representatives(drawn) == drawn
    everything = set(found.keys(found.members()))
    (last,) = found.keys(found.members()[7:8])
    assert found.keys([found.pick(rng, everything - {last})]) == [last]
    assert found.pick(rng, everything) is None
    assert found.draw(3, rng, everything) == []
    assert {arch.key for arch in found.draw(10**6, rng)} == {arch.key for arch in found.members()}
    assert sorted(arch.index for arch in found.shuffled(rng)) == sorted(members_of(found).tolist())


def test_one_of_equal_functions_stands_for_all(truth):
    found = find(truth, "latency_ms<=14.28")
    feasible = [arch for arch, kept in zip(SPACE.all(), feasible_of(found), strict=True) if kept]
    standing = found.representatives(feasible)
    assert [arch.key for arch in standing] == [arch.key for arch in feasible]
    assert set(standing) == set(found.members())


@pytest.mark.parametrize("metric", [LABEL, "test_accuracy_pct", "train_time_s", "val_loss"])
def test_what_costs_a_query_is_refused_with_the_reason(truth, metric):
    with pytest.raises(InputError, match=f"cannot constrain '{metric}'.*costs a query.*latency_ms"):
        find(truth, f"{metric}>=1")


def test_an_unknown_metric_names_the_nearest(truth):
    with pytest.raises(InputError, match=r"unknown metric 'latency'.*did you mean 'latency_ms'"):
        find(truth, "latency<=12")


@pytest.mark.parametrize("text", ["latency_ms<=1", "latency_ms<1", "params_m>=1000", "flops_m>1e6"])
def test_a_bound_that_nothing_keeps_names_the_nearest_that_works(truth, text):
    with pytest.raises(InputError, match=r"no nb201 (cell|architecture) satisfies") as caught:
        find(truth, text)
    mended = str(caught.value).split("'")[1]
    assert find(truth, mended).n_feasible >= 1


def test_bounds_that_exclude_each_other_are_counted_apart(truth):
    with pytest.raises(InputError, match=r"together.*params_m>1: \d"):
        find(truth, "latency_ms<=9", "params_m>1")


def test_a_feasible_part_without_labels_is_refused(fake_bench):
    labels = np.full(SPACE.size, np.nan)
    labels[-1] = 90.0
    bench = fake_bench(labels, latency_ms=np.arange(SPACE.size, dtype=float))
    with pytest.raises(
        InputError, match="none of the 11 architectures that satisfy the constraints has a val_accuracy_pct"
    ):
        find(bench, "latency_ms<=10")


def test_a_metric_that_is_known_for_none_is_reported(fake_bench):
    nothing = np.full(SPACE.size, np.nan)
    with pytest.raises(InputError, match="no value of latency_ms is known"):
        find(fake_bench(np.full(SPACE.size, 90.0), latency_ms=nothing), "latency_ms<=10")
