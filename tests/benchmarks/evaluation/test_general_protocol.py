"""Protocol G: any space, any objective, tables and functions; splits, directions, queries, and what is refused."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.stats import kendalltau

from nassurrogate import predictors as registry
from nassurrogate.benchmarks import LABEL, TEST, CallableBenchmark, Column, TabularBenchmark, evaluate
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric
from nassurrogate.predictors.base import Predictor
from nassurrogate.spaces import CategoricalSpace, Space, get_space

SIZE = 15_625
WIDE = CategoricalSpace("wide", {f"slot{place}": [1, 2, 3, 4, 5] for place in range(30)})
NARROW = CategoricalSpace("narrow", {"kernel": [3, 5], "width": [16, 32, 64], "depth": [1, 2, 3, 4]})


@dataclass(frozen=True)
class NearConfig:
    scale: float = 1.0


class Nearest(Predictor):
    """Predicts the mean of the labels, plus a hash of the string; writes down what it is shown."""

    name = "nearest-here"
    description = "writes down what it is shown"
    presets: ClassVar[dict[str, Any]] = {"default": NearConfig()}
    requires: ClassVar[type[Space]] = Space
    fits: ClassVar[list[tuple[list[str], list[float], int, Any]]] = []

    def fit(self, archs, targets, *, progress=None):
        self.mean = float(targets.mean())
        Nearest.fits.append(([arch.string for arch in archs], targets.tolist(), self.seed, self.metric))

    def predict(self, archs):
        return np.array([_guess(arch) for arch in archs]), np.full(len(archs), self.config.scale)

    def state(self):
        return {}, {}

    def load_state(self, tensors, meta):
        pass


def _guess(arch) -> float:
    return float(sum(arch.string.encode()) % 97)


def total(arch) -> float:
    """Like an accuracy: the sum of all choices."""
    return float(sum(arch.choices.values()))


def falls_over(arch) -> float:
    """Every other training fails."""
    if sum(arch.choices.values()) % 2:
        raise RuntimeError("out of memory")
    return total(arch)


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    monkeypatch.setattr(Nearest, "fits", [])
    monkeypatch.chdir(tmp_path)


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


# --- tables --------------------------------------------------------------------------------------------------------


def test_a_fit_sees_n_random_labels_and_ranks_others(table):
    found = evaluate("G", benchmark=table, labels=[20, 30], splits=2, seed=4, predictors=Nearest)
    space = table.space
    label = table.column(LABEL).mean
    for (strings, targets, seed, metric), (labels, split) in zip(
        Nearest.fits, [(20, 0), (20, 1), (30, 0), (30, 1)], strict=True
    ):
        sequence = np.random.SeedSequence([4, split])
        order = np.random.default_rng(sequence).permutation(SIZE)
        assert strings == [space.parse(index).string for index in order[:labels].tolist()]
        assert targets == label[order[:labels]].tolist()
        assert seed == sequence.spawn(1)[0].generate_state(1)[0] >> 1
        assert metric.name == LABEL
        ranked = order[-10_000:]
        result = next(s for s in found.splits if (s.labels, s.split) == (labels, split))
        guesses = np.array([_guess(space.parse(index)) for index in ranked.tolist()])
        assert result.kendall_tau == kendalltau(guesses, label[ranked]).statistic
        keys = {space.parse(index).key for index in order[:labels].tolist()}
        new = np.array([space.parse(index).key not in keys for index in ranked.tolist()])
        assert result.kendall_tau_new_classes == pytest.approx(kendalltau(guesses[new], label[ranked][new]).statistic)
        assert result.evaluated_cells == 10_000
        assert 0 < result.coverage90 < 1
        assert np.isnan(result.mape_pct)
    assert (found.protocol.space, found.protocol.label, found.protocol.target) == ("nb201", LABEL, LABEL)
    assert (found.metric.unit, found.queries, found.notes) == ("percent", 0, [])


def test_seeds_share_no_split_and_a_seed_repeats_itself(table):
    asked = {"protocol": "G", "benchmark": table, "labels": 20, "splits": 3, "predictors": Nearest, "write": False}
    for seed in (0, 1, 0):
        evaluate(**asked, seed=seed)
    first, second, again = Nearest.fits[:3], Nearest.fits[3:6], Nearest.fits[6:]
    assert first == again
    assert len({tuple(strings) for strings, *_ in first + second}) == 6
    assert len({seed for *_, seed, _ in first + second}) == 6


def test_a_cost_is_ranked_by_the_smallest_and_has_relative_errors(table, monkeypatch):
    latency = table.column("latency_ms").mean
    found = evaluate(
        "G", benchmark=table, objective="latency_ms", labels=20, splits=1, predictors=Nearest, test_size=3000
    )
    order = np.random.default_rng(np.random.SeedSequence([0, 0])).permutation(SIZE)[-3000:]
    true, guesses = latency[order], np.array([_guess(table.space.parse(index)) for index in order.tolist()])
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
        Nearest, "predict", lambda self, archs: (latency[[a.index for a in archs]], np.ones(len(archs)))
    )
    perfect = evaluate(
        "G", benchmark=table, objective="latency_ms", labels=20, splits=1, predictors=Nearest, write=False
    ).splits[0]
    assert (perfect.kendall_tau, perfect.top10_regret_points, perfect.mape_pct) == (1.0, 0.0, 0.0)


def test_free_metrics_of_a_named_space_are_learned():
    found = evaluate("G", space="nb201", objective="params_m", labels=20, splits=1, predictors="ridge", test_size=300)
    assert found.rows[0].kendall_tau_mean > 0.5
    assert found.rows[0].mape_pct_mean > 0
    assert (found.dataset, found.metric.name, found.queries) == ("cifar10", "params_m", 0)


def test_an_unknown_direction_is_asked_for(table):
    asked = {"protocol": "G", "benchmark": table, "labels": 20, "splits": 1, "predictors": Nearest, "write": False}
    with pytest.raises(InputError, match="not known whether a larger or a smaller 'usefulness' is better"):
        evaluate(**asked, objective="usefulness")
    found = evaluate(**asked, objective=Metric("usefulness", direction="minimize"))
    assert found.to_json()["direction"] == "minimize"
    assert Nearest.fits[0][3].direction == "minimize"


def test_test_accuracies_as_labels_are_named():
    values = np.random.default_rng(0).uniform(50, 90, SIZE)
    only = TabularBenchmark(get_space("nb201"), "own", {TEST: Column(values, "made up")}, own_objective=TEST)
    asked = {"protocol": "G", "labels": 20, "splits": 1, "predictors": Nearest, "write": False}
    assert evaluate(**asked, benchmark=only).notes == ["nb201 has test accuracy only: labels are test accuracies"]
    both = TabularBenchmark(get_space("nb201"), "own", {name: Column(values, "made up") for name in (LABEL, TEST)})
    assert evaluate(**asked, benchmark=both, objective=TEST).notes == [
        "labels are test accuracies, which no search may see"
    ]
    assert evaluate(**asked, benchmark=both).notes == []


def test_other_protocols_say_that_their_splits_overlap(table):
    found = evaluate("A4", benchmark=table, labels=5, splits=1, predictors=Nearest, write=False)
    assert "seed 0's split 1 is seed 1's split 0" in found.notes[0]


# --- functions -----------------------------------------------------------------------------------------------------


def test_an_open_space_is_sampled_and_nested():
    seen = []
    truth = CallableBenchmark(WIDE, lambda arch: seen.append(arch.string) or total(arch))
    found = evaluate("G", benchmark=truth, labels=[5, 8], splits=2, predictors=Nearest, test_size=30, write=False)
    assert len(seen) == len(set(seen)) == 2 * (30 + 8) == found.queries
    by = {(len(strings), seed): strings for strings, _, seed, _ in Nearest.fits}
    seeds = {seed for _, seed in by}
    assert len(seeds) == 2
    assert all(by[8, seed][:5] == by[5, seed] for seed in seeds)
    # The ranked ones come first, and are the same for every N.
    assert seen[30:35] == Nearest.fits[0][0]
    true, guesses = ([f(WIDE.parse(s)) for s in seen[:30]] for f in (total, _guess))
    assert {split.kendall_tau for split in found.splits if split.split == 0} == {kendalltau(guesses, true).statistic}
    assert found.failed == 0


def test_a_small_space_is_listed_and_all_others_are_ranked():
    found = evaluate("G", benchmark=CallableBenchmark(NARROW, total), labels=[5, 20], splits=1, predictors=Nearest)
    assert [split.evaluated_cells for split in found.splits] == [19, 4]
    assert found.queries == 24
    assert Nearest.fits[1][0][:5] == Nearest.fits[0][0]


def test_equal_functions_are_queried_once():
    space = CategoricalSpace(
        "mirrored", {f"slot{place}": [0, 1] for place in range(10)},
        canonical=lambda arch: str(sorted(arch.choices.values())),
    )  # fmt: skip
    truth = CallableBenchmark(space, total)
    found = evaluate("G", benchmark=truth, labels=5, splits=1, predictors=Nearest, write=False)
    assert (found.queries, found.splits[0].evaluated_cells) == (11, 6)
    assert len({WIDE.name, *(space.parse(s).key for s in Nearest.fits[0][0])}) == 6


def test_free_costs_of_an_open_space_are_looked_up():
    space = CategoricalSpace("priced", WIDE.slots, costs=lambda arch: {"params_m": total(arch)})
    truth = CallableBenchmark(space, lambda arch: pytest.fail("a query was made"))
    found = evaluate("G", benchmark=truth, objective="params_m", labels=5, splits=1, predictors=Nearest, write=False)
    assert (found.queries, found.splits[0].evaluated_cells) == (0, 10_000)
    assert found.splits[0].mape_pct > 0


def test_a_returned_latency_is_queried():
    truth = CallableBenchmark(WIDE, total, metrics="latency_ms")
    found = evaluate("G", benchmark=truth, labels=5, splits=1, predictors=Nearest, test_size=10, write=False)
    assert (found.queries, found.metric.direction) == (15, "minimize")
    assert found.splits[0].mape_pct > 0


def test_failures_are_left_out_and_counted():
    found = evaluate(
        "G", benchmark=CallableBenchmark(WIDE, falls_over), labels=[5, 8], splits=1, predictors=Nearest, test_size=30
    )
    assert [len(strings) for strings, *_ in Nearest.fits] == [5, 8]
    assert [split.evaluated_cells for split in found.splits] == [30, 30]
    assert all(sum(WIDE.parse(s).choices.values()) % 2 == 0 for strings, *_ in Nearest.fits for s in strings)
    assert found.failed == found.queries - 38 > 0
    assert f"{found.failed} architectures are left out" in found.notes[0]
    narrow = evaluate("G", benchmark=CallableBenchmark(NARROW, falls_over), labels=5, splits=1, predictors=Nearest)
    assert narrow.queries == 24
    assert narrow.splits[0].evaluated_cells == 24 - 5 - narrow.failed


def broken(arch) -> float:
    raise RuntimeError("no such file")


def test_a_function_that_only_fails_ends_the_run():
    truth = CallableBenchmark(WIDE, broken)
    with pytest.raises(InputError, match=r"5 evaluations in a row gave no val_accuracy_pct.*no such file"):
        evaluate("G", benchmark=truth, labels=5, splits=1, predictors=Nearest)
    assert Nearest.fits == []


def test_the_number_of_queries_is_said_before(caplog):
    first = []
    truth = CallableBenchmark(WIDE, lambda arch: first.append(list(caplog.messages)) or total(arch))
    with caplog.at_level(logging.WARNING):
        evaluate("G", benchmark=truth, labels=[5, 8], splits=2, predictors=Nearest)
    assert first[0] == [
        "protocol G evaluates up to 416 architectures: 2 splits of 8 in training and 200 ranked (test_size)"
    ]


# --- the folder ----------------------------------------------------------------------------------------------------


def _files(kind: str, folder: str = "runs/evaluate") -> list[Path]:
    return sorted(Path(folder).glob(f"*.{kind}"))


def test_neither_queries_nor_fits_are_made_twice():
    seen = []

    def watched(done, planned, arch):
        seen.append((done, planned))

    asked = {"protocol": "G", "splits": 2, "predictors": Nearest, "test_size": 10, "on_query": watched}
    truth = CallableBenchmark(WIDE, falls_over)
    first = evaluate(**asked, benchmark=truth, labels=5)
    assert len(Nearest.fits) == len(_files("npz")) == 2
    assert len(_files("jsonl")) == 1
    made = len(seen)
    assert made == first.queries > 30
    assert seen[0] == (1, 30)
    again = evaluate(**asked, benchmark=truth, labels=5)
    assert len(Nearest.fits) == 2
    assert (again.queries, again.queries_read, again.failed) == (0, made, first.failed)
    assert (again.rows, again.splits) == (first.rows, first.splits)
    more = evaluate(**asked, benchmark=truth, labels=[5, 8])
    assert len(Nearest.fits) == 4
    assert 0 < more.queries <= 20
    assert len(_files("jsonl")) == 1
    path = _files("npz")[0]
    with np.load(path) as file:
        assert file["mean"].shape == (10,)
        identity = json.loads(file["meta"].tobytes())["identity"]
    assert (identity["space"], identity["metric"], identity["predictor"]) == ("wide", LABEL, "nearest-here:default")
    assert identity["metric_about"]["direction"] == "maximize"


def test_another_function_of_one_name_is_asked_again():
    def scaled(factor):
        return lambda arch: factor * total(arch)

    found = [
        evaluate("G", benchmark=CallableBenchmark(WIDE, scaled(factor)), labels=5, splits=1, predictors=Nearest,
                 test_size=10)
        for factor in (1.0, 2.0, 1.0)
    ]  # fmt: skip
    assert [each.queries for each in found] == [15, 15, 0]
    assert len(Nearest.fits) == 2


def test_an_interrupted_run_goes_on_and_half_a_line_is_in_nobodys_way(caplog):
    def interrupting(done, planned, arch):
        if done == 7:
            raise KeyboardInterrupt

    asked = {"protocol": "G", "splits": 1, "predictors": Nearest, "test_size": 10, "labels": 5}
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


def test_a_space_of_the_same_name_with_other_costs_is_another_fit():
    for factor in (1.0, 2.0):
        space = CategoricalSpace("priced", WIDE.slots, costs=lambda arch, by=factor: {"params_m": by * total(arch)})
        evaluate("G", benchmark=CallableBenchmark(space, total), labels=5, splits=1, predictors=Nearest, test_size=10)
    assert len(Nearest.fits) == 2


@pytest.mark.parametrize("changed", ["costs", "canonical", "slots"])
def test_answers_are_not_reused_after_the_space_was_declared_anew(changed):
    """What the function answers may follow from any part of the declaration."""
    slots = {**WIDE.slots, "slot29": [1, 2]} if changed == "slots" else WIDE.slots
    parts = {
        "costs": {"costs": lambda arch: {"params_m": total(arch)}},
        "canonical": {"canonical": lambda arch: {**arch.choices, "slot0": 1}},
    }
    first = CategoricalSpace("anew", WIDE.slots)
    second = CategoricalSpace("anew", slots, **parts.get(changed, {}))
    third = CategoricalSpace("anew", WIDE.slots)
    asked = {"labels": 5, "splits": 1, "predictors": Nearest, "test_size": 10}
    found = [evaluate("G", benchmark=CallableBenchmark(space, total), **asked) for space in (first, second, third)]
    assert [(each.queries, each.queries_read) for each in found] == [(15, 0), (15, 0), (0, 15)]


# --- which predictors, which processes -----------------------------------------------------------------------------


def test_all_leaves_out_who_cannot_read_the_space(monkeypatch):
    built_in = {name: registry._BUILT_IN[name] for name in ("mlp-ensemble", "gcn")}
    monkeypatch.setattr(registry, "_REGISTRY", replace(registry._REGISTRY, built_in=built_in))
    asked = {"protocol": "G", "benchmark": CallableBenchmark(NARROW, total), "labels": 5, "splits": 1, "write": False}
    found = evaluate(**asked, predictors=["all", Nearest])
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


def test_what_cannot_be_sent_to_a_process_is_refused_before_any_query():
    space = CategoricalSpace("here", NARROW.slots, costs=lambda arch: {"params_m": 1.0})
    truth = CallableBenchmark(space, broken)
    with pytest.raises(
        InputError, match=r"space 'here' cannot be sent to another process: its costs.*or use one process"
    ):
        evaluate("G", benchmark=truth, labels=5, splits=2, predictors=Nearest, jobs=2)

    class Local(Nearest):
        name = "local-here"

    with pytest.raises(InputError, match=r"local-here:default cannot be sent to another process.*jobs=1"):
        evaluate("G", benchmark=CallableBenchmark(NARROW, broken), labels=5, splits=2, predictors=Local, jobs=2)


# --- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "told"),
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
def test_bad_input_is_told_before_anything_is_spent(asked, told, tmp_path):
    with pytest.raises(InputError, match=told):
        evaluate(**({"protocol": "G", "labels": 5, "splits": 1, "predictors": Nearest} | asked))
    assert Nearest.fits == []
    assert list(tmp_path.iterdir()) == []


def test_a_fraction_that_should_be_percent_is_noted(caplog):
    truth = CallableBenchmark(WIDE, lambda arch: total(arch) / 1000)
    evaluate("G", benchmark=truth, labels=5, splits=1, predictors=Nearest, test_size=10, write=False)
    assert sum("reads like a fraction" in message for message in caplog.messages) == 1


def test_a_direction_alone_leaves_what_the_benchmark_says():
    own = Metric("charm", unit="points", belongs_to="architecture")
    truth = CallableBenchmark(WIDE, total, metrics=own)
    asked = {"protocol": "G", "benchmark": truth, "labels": 5, "splits": 1, "predictors": Nearest, "test_size": 10}
    with pytest.raises(InputError, match="not known whether a larger or a smaller 'charm' is better"):
        evaluate(**asked)
    found = evaluate(**asked, objective=Metric("charm", direction="maximize")).metric
    assert (found.unit, found.belongs_to, found.direction) == ("points", "architecture", "maximize")
    more = evaluate(**asked, objective=Metric("charm", unit="grace", direction="maximize")).metric
    assert more.unit == "grace"
