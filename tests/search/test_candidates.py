"""What is feasible: counted again with pandas, and refused in words a user can act on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nassurrogate.benchmarks import LABEL
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError
from nassurrogate.search.candidates import find_candidates
from nassurrogate.spaces import get_space

SPACE = get_space("nb201")


def find(bench, *texts, seed=0, **options):
    constraints = [Constraint.parse(text) for text in texts]
    return find_candidates(bench, constraints, np.random.default_rng(seed), **options)


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
def test_counts_are_those_of_a_plain_table(bench, texts):
    table = pd.DataFrame({metric: np.nanmean(bench.column(metric).values, axis=1) for metric in bench.free_metrics()})
    table["key"] = [arch.key for arch in SPACE.all()]
    left = table.query(" and ".join(texts)) if texts else table
    found = find(bench, *texts)
    assert (found.n_space, found.n_feasible) == (len(table), len(left))
    assert found.n_feasible_classes == left["key"].nunique()
    assert np.flatnonzero(found.satisfies).tolist() == left.index.tolist()
    members = found.domain.representatives
    assert set(members.tolist()) <= set(left.index.tolist())
    assert {SPACE.parse(int(index)).key for index in members} == set(left["key"])
    assert f"{len(left):,} of 15,625" in found.describe()


def test_violations_agree_with_feasibility(bench):
    domain = find(bench, "latency_ms<=14.28", "params_m>0.5").domain
    broken = np.stack(list(domain.violations.values()))
    assert ((broken <= 0).all(axis=0) == domain.feasible).all()


def test_representatives_are_drawn_from_all_feasible_members(bench):
    drawn = np.stack([find(bench, "latency_ms<=14.28", seed=seed).domain.representatives for seed in range(30)])
    found = find(bench, "latency_ms<=14.28", seed=3)
    assert (drawn[3] == found.domain.representatives).all()
    feasible = found.domain.feasible
    sizes = np.bincount(SPACE.class_ids()[feasible], minlength=SPACE.n_classes)[SPACE.class_ids()[drawn[0]]]
    assert all(len(set(column.tolist())) > 1 for column in drawn.T[sizes >= 5])


def test_preferred_members_are_the_best_feasible_ones(bench):
    truth = bench.column(LABEL).mean
    found = find(bench, "latency_ms<=14.28", prefer=truth)
    best = pd.Series(truth)[found.domain.feasible].groupby(SPACE.class_ids()[found.domain.feasible]).max()
    assert truth[found.domain.representatives].tolist() == best.tolist()


def test_unknown_values_and_missing_labels_are_never_feasible(fake_bench, caplog):
    latency = np.arange(SPACE.size, dtype=float)
    latency[:10] = np.nan
    labels = np.full(SPACE.size, 90.0)
    labels[10:15] = np.nan
    found = find(fake_bench(labels, latency_ms=latency), "latency_ms<=19")
    assert np.flatnonzero(found.satisfies).tolist() == list(range(10, 20))
    assert np.flatnonzero(found.domain.feasible).tolist() == list(range(15, 20))
    assert found.n_unlabelled == 5
    assert "5 feasible cells have no" in caplog.text
    assert (np.stack(list(found.domain.violations.values())) <= 0).all(axis=0).sum() == 5


@pytest.mark.parametrize("metric", [LABEL, "test_accuracy_pct", "train_time_s", "val_loss"])
def test_what_costs_a_query_is_refused_with_the_reason(bench, metric):
    with pytest.raises(InputError, match=f"cannot constrain '{metric}'.*costs a query.*latency_ms"):
        find(bench, f"{metric}>=1")


def test_an_unknown_metric_names_the_nearest(bench):
    with pytest.raises(InputError, match=r"unknown metric 'latency'.*did you mean 'latency_ms'"):
        find(bench, "latency<=12")


@pytest.mark.parametrize("text", ["latency_ms<=1", "latency_ms<1", "params_m>=1000", "flops_m>1e6"])
def test_a_bound_that_nothing_keeps_names_the_nearest_that_works(bench, text):
    with pytest.raises(InputError, match="no nb201 cell satisfies") as caught:
        find(bench, text)
    mended = str(caught.value).split("'")[1]
    assert find(bench, mended).n_feasible >= 1


def test_bounds_that_exclude_each_other_are_counted_apart(bench):
    with pytest.raises(InputError, match=r"together.*params_m>1: \d"):
        find(bench, "latency_ms<=9", "params_m>1")


def test_a_feasible_part_without_labels_is_refused(fake_bench):
    labels = np.full(SPACE.size, np.nan)
    labels[-1] = 90.0
    bench = fake_bench(labels, latency_ms=np.arange(SPACE.size, dtype=float))
    with pytest.raises(InputError, match="none of the 11 cells that satisfy the constraints has a val_accuracy_pct"):
        find(bench, "latency_ms<=10")
