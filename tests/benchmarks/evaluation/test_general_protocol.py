"""Protocol G on functions: any space, any objective; splits, queries, processes, and what is refused."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

from nassurrogate import predictors as registry
from nassurrogate.benchmarks import LABEL, CallableBenchmark, evaluate
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.spaces import CategoricalSpace

SIZE = 15_625
WIDE = CategoricalSpace("wide", {f"slot{place}": [1, 2, 3, 4, 5] for place in range(30)})
NARROW = CategoricalSpace("narrow", {"kernel": [3, 5], "width": [16, 32, 64], "depth": [1, 2, 3, 4]})


def total(arch) -> float:
    """Like an accuracy: the sum of all choices."""
    return float(sum(arch.choices.values()))


def falls_over(arch) -> float:
    """Every other training fails."""
    if sum(arch.choices.values()) % 2:
        raise RuntimeError("out of memory")
    return total(arch)


# --- functions -----------------------------------------------------------------------------------------------------


def test_an_open_space_is_sampled_and_nested(nearest):
    seen = []
    truth = CallableBenchmark(WIDE, lambda arch: seen.append(arch.string) or total(arch))
    found = evaluate("G", benchmark=truth, labels=[5, 8], splits=2, predictors=nearest, test_size=30, write=False)
    assert len(seen) == len(set(seen)) == 2 * (30 + 8) == found.queries
    by = {(len(strings), seed): strings for strings, _, seed, _ in nearest.fits}
    seeds = {seed for _, seed in by}
    assert len(seeds) == 2
    assert all(by[8, seed][:5] == by[5, seed] for seed in seeds)
    # The ranked ones come first, and are the same for every N.
    assert seen[30:35] == nearest.fits[0][0]
    true, guesses = ([f(WIDE.parse(s)) for s in seen[:30]] for f in (total, nearest.guess))
    assert {split.kendall_tau for split in found.splits if split.split == 0} == {kendalltau(guesses, true).statistic}
    assert found.failed == 0


def test_a_small_space_is_listed_and_all_others_are_ranked(nearest):
    found = evaluate("G", benchmark=CallableBenchmark(NARROW, total), labels=[5, 20], splits=1, predictors=nearest)
    assert [split.evaluated_cells for split in found.splits] == [19, 4]
    assert found.queries == 24
    assert nearest.fits[1][0][:5] == nearest.fits[0][0]


def test_equal_functions_are_queried_once(nearest):
    space = CategoricalSpace(
        "mirrored", {f"slot{place}": [0, 1] for place in range(10)},
        canonical=lambda arch: str(sorted(arch.choices.values())),
    )  # fmt: skip
    truth = CallableBenchmark(space, total)
    found = evaluate("G", benchmark=truth, labels=5, splits=1, predictors=nearest, write=False)
    assert (found.queries, found.splits[0].evaluated_cells) == (11, 6)
    assert len({WIDE.name, *(space.parse(s).key for s in nearest.fits[0][0])}) == 6


def test_free_costs_of_an_open_space_are_looked_up(nearest):
    space = CategoricalSpace("priced", WIDE.slots, costs=lambda arch: {"params_m": total(arch)})
    truth = CallableBenchmark(space, lambda arch: pytest.fail("a query was made"))
    found = evaluate("G", benchmark=truth, objective="params_m", labels=5, splits=1, predictors=nearest, write=False)
    assert (found.queries, found.splits[0].evaluated_cells) == (0, 10_000)
    assert found.splits[0].mape_pct > 0


def test_a_returned_latency_is_queried(nearest):
    truth = CallableBenchmark(WIDE, total, metrics="latency_ms")
    found = evaluate("G", benchmark=truth, labels=5, splits=1, predictors=nearest, test_size=10, write=False)
    assert (found.queries, found.metric.direction) == (15, "minimize")
    assert found.splits[0].mape_pct > 0


def test_failures_are_left_out_and_counted(nearest):
    found = evaluate(
        "G", benchmark=CallableBenchmark(WIDE, falls_over), labels=[5, 8], splits=1, predictors=nearest, test_size=30
    )
    assert [len(strings) for strings, *_ in nearest.fits] == [5, 8]
    assert [split.evaluated_cells for split in found.splits] == [30, 30]
    assert all(sum(WIDE.parse(s).choices.values()) % 2 == 0 for strings, *_ in nearest.fits for s in strings)
    assert found.failed == found.queries - 38 > 0
    assert f"{found.failed} architectures are left out" in found.notes[0]
    narrow = evaluate("G", benchmark=CallableBenchmark(NARROW, falls_over), labels=5, splits=1, predictors=nearest)
    assert narrow.queries == 24
    assert narrow.splits[0].evaluated_cells == 24 - 5 - narrow.failed


def broken(arch) -> float:
    raise RuntimeError("no such file")


def test_a_function_that_only_fails_ends_the_run(nearest):
    truth = CallableBenchmark(WIDE, broken)
    with pytest.raises(InputError, match=r"5 evaluations in a row gave no val_accuracy_pct.*no such file"):
        evaluate("G", benchmark=truth, labels=5, splits=1, predictors=nearest)
    assert nearest.fits == []


def test_the_number_of_queries_is_logged_before(nearest, caplog):
    first = []
    truth = CallableBenchmark(WIDE, lambda arch: first.append(list(caplog.messages)) or total(arch))
    with caplog.at_level(logging.WARNING):
        evaluate("G", benchmark=truth, labels=[5, 8], splits=2, predictors=nearest)
    assert first[0] == [
        "protocol G evaluates up to 416 architectures: 2 splits of 8 in training and 200 ranked (test_size)"
    ]


# --- the folder ----------------------------------------------------------------------------------------------------


def _files(kind: str, folder: str = "runs/evaluate") -> list[Path]:
    return sorted(Path(folder).glob(f"*.{kind}"))


def test_neither_queries_nor_fits_are_made_twice(nearest):
    seen = []

    def count(done, planned, arch):
        seen.append((done, planned))

    asked = {"protocol": "G", "splits": 2, "predictors": nearest, "test_size": 10, "on_query": count}
    truth = CallableBenchmark(WIDE, falls_over)
    first = evaluate(**asked, benchmark=truth, labels=5)
    assert len(nearest.fits) == len(_files("npz")) == 2
    assert len(_files("jsonl")) == 1
    made = len(seen)
    assert made == first.queries > 30
    assert seen[0] == (1, 30)
    again = evaluate(**asked, benchmark=truth, labels=5)
    assert len(nearest.fits) == 2
    assert (again.queries, again.queries_read, again.failed) == (0, made, first.failed)
    assert (again.rows, again.splits) == (first.rows, first.splits)
    more = evaluate(**asked, benchmark=truth, labels=[5, 8])
    assert len(nearest.fits) == 4
    assert 0 < more.queries <= 20
    assert len(_files("jsonl")) == 1
    path = _files("npz")[0]
    with np.load(path) as file:
        assert file["mean"].shape == (10,)
        identity = json.loads(file["meta"].tobytes())["identity"]
    assert (identity["space"], identity["metric"], identity["predictor"]) == ("wide", LABEL, "nearest-here:default")
    assert identity["metric_about"]["direction"] == "maximize"


def test_another_function_of_the_same_name_is_queried_again(nearest):
    def scaled(factor):
        return lambda arch: factor * total(arch)

    found = [
        evaluate("G", benchmark=CallableBenchmark(WIDE, scaled(factor)), labels=5, splits=1, predictors=nearest,
                 test_size=10)
        for factor in (1.0, 2.0, 1.0)
    ]  # fmt: skip
    assert [each.queries for each in found] == [15, 15, 0]
    assert len(nearest.fits) == 2


def test_an_interrupted_run_continues_and_half_a_line_does_no_harm(nearest, caplog):
    def interrupting(done, planned, arch):
        if done == 7:
            raise KeyboardInterrupt

    asked = {"protocol": "G", "splits": 1, "predictors": nearest, "test_size": 10, "labels": 5}
    truth = CallableBenchmark(WIDE, total)
    with pytest.raises(KeyboardInterrupt):
        evaluate(**asked, benchmark=truth, on_query=interrupting)
    (path,) = _files("jsonl")
    assert len(path.read_text().splitlines()) == 8
    path.write_bytes(path.read_bytes()[:-5])
    found = evaluate(**asked, benchmark=truth)
    assert (found.queries, found.queries_read) == (9, 6)
    assert "line 8 is damaged" in caplog.text
    assert evaluate(**asked, benchmark=truth).queries == 0
    path.write_text("hello\n")
    with pytest.raises(InputError, match="is not a nassurrogate query file"):
        evaluate(**asked, benchmark=truth)


def test_a_space_of_the_same_name_with_other_costs_is_another_fit(nearest):
    for factor in (1.0, 2.0):
        space = CategoricalSpace("priced", WIDE.slots, costs=lambda arch, by=factor: {"params_m": by * total(arch)})
        evaluate("G", benchmark=CallableBenchmark(space, total), labels=5, splits=1, predictors=nearest, test_size=10)
    assert len(nearest.fits) == 2


@pytest.mark.parametrize("changed", ["costs", "canonical", "slots"])
def test_answers_are_not_reused_after_the_space_changed(nearest, changed):
    """What the function answers may follow from any part of the declaration."""
    slots = {**WIDE.slots, "slot29": [1, 2]} if changed == "slots" else WIDE.slots
    parts = {
        "costs": {"costs": lambda arch: {"params_m": total(arch)}},
        "canonical": {"canonical": lambda arch: {**arch.choices, "slot0": 1}},
    }
    first = CategoricalSpace("anew", WIDE.slots)
    second = CategoricalSpace("anew", slots, **parts.get(changed, {}))
    third = CategoricalSpace("anew", WIDE.slots)
    asked = {"labels": 5, "splits": 1, "predictors": nearest, "test_size": 10}
    found = [evaluate("G", benchmark=CallableBenchmark(space, total), **asked) for space in (first, second, third)]
    assert [(each.queries, each.queries_read) for each in found] == [(15, 0), (15, 0), (0, 15)]


# --- which predictors, which processes -----------------------------------------------------------------------------


def test_all_leaves_out_who_cannot_read_the_space(nearest, monkeypatch):
    built_in = {name: registry._BUILT_IN[name] for name in ("mlp-ensemble", "gcn")}
    monkeypatch.setattr(registry, "_REGISTRY", replace(registry._REGISTRY, built_in=built_in))
    asked = {"protocol": "G", "benchmark": CallableBenchmark(NARROW, total), "labels": 5, "splits": 1, "write": False}
    found = evaluate(**asked, predictors=["all", nearest])
    assert [row.predictor for row in found.rows] == ["nearest-here"]
    assert found.notes == ["left out because they cannot read space 'narrow': mlp-ensemble, gcn"]
    with pytest.raises(InputError, match="predictor 'gcn' reads cells"):
        evaluate(**asked, predictors="gcn")
    with pytest.raises(InputError, match="predictors must name at least one that can read the space, got 'all'"):
        evaluate(**asked, predictors="all")


def test_processes_change_nothing(tmp_path):
    asked = {"protocol": "G", "space": "nb201", "labels": 20, "splits": 2, "predictors": "ridge", "test_size": 500}
    alone = evaluate(**asked, write=False)
    several = evaluate(**asked, jobs=2, run_dir=tmp_path / "fits")
    assert [row.kendall_tau_mean for row in several.rows] == [row.kendall_tau_mean for row in alone.rows]


def test_an_own_space_goes_to_processes(tmp_path):
    asked = {"protocol": "G", "benchmark": CallableBenchmark(WIDE, total), "labels": 10, "splits": 2, "test_size": 20}
    alone = evaluate(**asked, write=False)
    several = evaluate(**asked, jobs=2, run_dir=tmp_path / "fits")
    assert [row.predictor for row in alone.rows] == ["space-process"], "the default one of an open space"
    assert several.rows[0].kendall_tau_mean == pytest.approx(alone.rows[0].kendall_tau_mean)


def test_what_cannot_be_sent_to_a_process_is_refused_before_any_query(nearest):
    space = CategoricalSpace("here", NARROW.slots, costs=lambda arch: {"params_m": 1.0})
    truth = CallableBenchmark(space, broken)
    with pytest.raises(
        InputError, match=r"space 'here' cannot be sent to another process: its costs.*or use one process"
    ):
        evaluate("G", benchmark=truth, labels=5, splits=2, predictors=nearest, jobs=2)

    class Local(nearest):
        name = "local-here"

    with pytest.raises(InputError, match=r"local-here:default cannot be sent to another process.*jobs=1"):
        evaluate("G", benchmark=CallableBenchmark(NARROW, broken), labels=5, splits=2, predictors=Local, jobs=2)


# --- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "protocol G needs a space: name one"),
        ({"space": WIDE}, "space 'wide' has no ground truth here; give benchmark=CallableBenchmark"),
        ({"space": "wide"}, "unknown space 'wide'"),
        ({"space": NARROW, "benchmark": CallableBenchmark(WIDE, total)}, "the benchmark is of space 'wide', got the"),
        ({"benchmark": total}, "benchmark must be a Benchmark such as CallableBenchmark"),
        ({"space": "nb201", "objective": "latency"}, "unknown metric 'latency' of nb201/cifar10.*'latency_ms'"),
        ({"space": "nb201", "objective": Metric("latency_ms", direction="maximize")}, "better when smaller"),
        ({"space": "nb201", "test_size": 1}, "test_size must be a whole number from 2 to 10000, got 1"),
        ({"space": "nb201", "test_size": 10_001}, "test_size must be a whole number from 2 to 10000, got 10001"),
        ({"space": "nb201", "labels": SIZE}, "labels must be from 1 to 15624, got 15625"),
        ({"benchmark": CallableBenchmark(NARROW, broken), "labels": 24}, "labels must be from 1 to 23, got 24"),
        ({"protocol": "A4", "space": "nb101"}, "protocol A4 is on nb201, got the space 'nb101'; protocol G is on any"),
        ({"protocol": "A4", "objective": "latency_ms"}, "objective applies to protocol G only"),
        ({"protocol": "A4", "test_size": 5}, "test_size applies to protocol G only"),
        ({"protocol": "A4", "benchmark": CallableBenchmark("nb201", broken)}, "protocol A4 needs a table"),
    ],
)
def test_bad_input_is_refused_before_any_query(nearest, asked, message, tmp_path):
    with pytest.raises(InputError, match=message):
        evaluate(**({"protocol": "G", "labels": 5, "splits": 1, "predictors": nearest} | asked))
    assert nearest.fits == []
    assert list(tmp_path.iterdir()) == []


def test_a_fraction_that_should_be_percent_is_noted(nearest, caplog):
    truth = CallableBenchmark(WIDE, lambda arch: total(arch) / 1000)
    evaluate("G", benchmark=truth, labels=5, splits=1, predictors=nearest, test_size=10, write=False)
    assert sum("looks like a fraction" in message for message in caplog.messages) == 1


def test_a_direction_alone_keeps_the_benchmark_s_unit(nearest):
    own = Metric("charm", unit="points", belongs_to="architecture")
    truth = CallableBenchmark(WIDE, total, metrics=own)
    asked = {"protocol": "G", "benchmark": truth, "labels": 5, "splits": 1, "predictors": nearest, "test_size": 10}
    with pytest.raises(InputError, match="not known whether a larger or a smaller 'charm' is better"):
        evaluate(**asked)
    found = evaluate(**asked, objective=Metric("charm", direction="maximize")).metric
    assert (found.unit, found.belongs_to, found.direction) == ("points", "architecture", "maximize")
    more = evaluate(**asked, objective=Metric("charm", unit="grace", direction="maximize")).metric
    assert more.unit == "grace"
