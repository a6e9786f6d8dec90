"""Runs side by side: groups, intervals over seeds, differences on the same seeds, refusals."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.benchmarks import LABEL
from nassurrogate.errors import InputError
from nassurrogate.search import read_ledger, run
from nassurrogate.search.record.comparison import compare_runs
from nassurrogate.search.record.comparison.intervals import t_interval
from nassurrogate.spaces import CategoricalSpace

SEEDS = (0, 1, 2)
SPACE = CategoricalSpace("mine", {"kernel": [3, 5, 7], "width": [16, 32, 64]})


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Runs on a table: 8 and 5 random queries, each of three seeds; and 8 single trainings."""
    base = tmp_path_factory.mktemp("runs")
    found = {}
    for name, options in {
        "random": {"budget": 8},
        "short": {"budget": 5},
        "single": {"budget": 8, "labels": "single"},
    }.items():
        for seed in SEEDS:
            folder = base / f"{name}-{seed}"
            run(space="nb201", predictor="none", seed=seed, run_dir=folder, plots=False, **options)
            found[name, seed] = folder
    return found


@given(st.lists(st.integers(-1000, 1000).map(float), min_size=2, max_size=12, unique=True))
def test_intervals_are_students(values):
    interval = t_interval(values)
    low, high = scipy.stats.t.interval(0.95, len(values) - 1, np.mean(values), scipy.stats.sem(values))
    fields = interval.as_dict()
    assert fields["low"] == pytest.approx(low, rel=1e-6, abs=1e-6)
    assert fields["high"] == pytest.approx(high, rel=1e-6, abs=1e-6)


def test_runs_that_differ_in_their_seed_alone_are_averaged(folders):
    comparison = compare_runs([folders[name, seed] for seed in SEEDS for name in ("random", "short")])
    random, short = comparison.groups
    assert (random.group.name, short.group.name) == (
        "exhaustive, no predictor, budget 8",
        "exhaustive, no predictor, budget 5",
    )
    assert list(random.group.by_seed) == list(SEEDS)
    regrets = [json.loads((folders["random", seed] / "summary.json").read_text())["regret_points"] for seed in SEEDS]
    assert random.regret is not None
    assert random.regret.mean == pytest.approx(np.mean(regrets))
    assert random.regret.half == pytest.approx(scipy.stats.sem(regrets) * scipy.stats.t.ppf(0.975, 2))
    assert comparison.shows_regret
    assert comparison.notes == []


def test_groups_are_compared_on_the_same_seeds(folders):
    comparison = compare_runs([folders[name, seed] for name in ("short", "random") for seed in SEEDS])
    final = {key: json.loads((folder / "summary.json").read_text())["regret_points"] for key, folder in folders.items()}
    gains = [final["short", seed] - final["random", seed] for seed in SEEDS]
    first, second = comparison.groups
    assert first.difference is None
    assert second.difference is not None
    assert second.difference.mean == pytest.approx(np.mean(gains))
    assert second.difference.half == pytest.approx(scipy.stats.sem(gains) * scipy.stats.t.ppf(0.975, 2))
    one = compare_runs([folders["short", 0], folders["random", 1], folders["random", 2]])
    assert one.groups[1].difference is None


def test_curves_are_regrets_of_the_best_so_far(folders, bench):
    (group,) = compare_runs([folders["random", seed] for seed in SEEDS]).groups
    truth = bench.column(LABEL).mean
    expected = []
    for seed in SEEDS:
        indexes = [query.index for query in read_ledger(folders["random", seed]).queries]
        expected.append(truth.max() - np.maximum.accumulate(truth[indexes]))
    assert [interval.mean for interval in group.curve] == pytest.approx(np.mean(expected, axis=0).tolist())
    assert group.regret.mean == pytest.approx(group.curve[-1].mean)


def test_curves_of_single_trainings_show_true_values(folders, bench):
    (group,) = compare_runs([folders["single", 0]]).groups
    truth = bench.column(LABEL).mean
    queries = read_ledger(folders["single", 0]).queries
    chosen = [max(queries[:n], key=lambda query: query.value).index for n in range(1, len(queries) + 1)]
    assert [interval.mean for interval in group.curve] == pytest.approx((truth.max() - truth[chosen]).tolist())
    assert all(interval.half is None for interval in group.curve)


def own(folder, seed=0, budget=5, sign=1, **options):
    run(
        space=SPACE, evaluate=lambda arch: sign * (arch.choices["kernel"] + 1 / arch.choices["width"]), budget=budget,
        seed=seed, run_dir=folder, plots=False, predictor="none", **options,
    )  # fmt: skip
    return folder


def test_without_an_optimum_the_best_values_are_compared(tmp_path):
    comparison = compare_runs([own(tmp_path / str(seed), seed, objective="val_mae_pct") for seed in SEEDS])
    assert not comparison.shows_regret
    header, rows = comparison.table()
    assert not any("regret" in name for name in header)
    bests = [json.loads((tmp_path / str(seed) / "summary.json").read_text())["best"]["value"] for seed in SEEDS]
    assert rows[0][3].startswith(f"{np.mean(bests):.3f} ± ")
    means = [interval.mean for interval in comparison.groups[0].curve]
    assert means == sorted(means, reverse=True)  # a smaller error is better
    assert any("single trainings" in note for note in comparison.notes)


def test_several_runs_of_a_seed_count_as_one(tmp_path):
    comparison = compare_runs([own(tmp_path / "a"), own(tmp_path / "b"), own(tmp_path / "c", seed=1)])
    (group,) = comparison.groups
    assert group.best.n == 2
    assert any("several runs of seed 0 count as one" in note for note in comparison.notes)


def test_unfinished_runs_are_left_out_with_a_note(folders, tmp_path):
    lines = (folders["random", 0] / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "ledger.jsonl").write_bytes(b"".join(lines[:4]))
    comparison = compare_runs([folders["random", 1], tmp_path])
    assert [group.best.n for group in comparison.groups] == [1]
    assert comparison.notes == [f"{tmp_path} is left out: it is not finished (3 of 8 queries)"]
    with pytest.raises(InputError, match=r"^no run to compare: .* is not finished \(3 of 8 queries\)$"):
        compare_runs([tmp_path])


def test_other_questions_are_not_compared(folders, tmp_path):
    first = folders["random", 0]
    run(space="nb201", dataset="cifar100", predictor="none", seed=0, budget=2, run_dir=tmp_path / "other", plots=False)
    with pytest.raises(InputError, match="its data set is cifar100, not cifar10; compare runs of one space"):
        compare_runs([first, tmp_path / "other"])
    with pytest.raises(InputError, match="its space is mine, not nb201"):
        compare_runs([first, own(tmp_path / "own")])
    with pytest.raises(InputError, match=r"its objective is val_loss in unknown \(minimize\), not val_accuracy_pct"):
        compare_runs([tmp_path / "own", own(tmp_path / "loss", objective="val_loss")])
    with pytest.raises(InputError, match="is given twice"):
        compare_runs([first, first.parent / "." / first.name])
    with pytest.raises(InputError, match="at least one run folder"):
        compare_runs([])


def test_different_constraints_are_noted(folders, tmp_path):
    bound = tmp_path / "bound"
    run(predictor="none", seed=0, budget=8, constraints="params_m<=0.5", run_dir=bound, plots=False)
    comparison = compare_runs([folders["random", 0], bound])
    assert comparison.groups[1].group.name.endswith("params_m<=0.5")
    assert comparison.notes == ["the groups have different constraints: each can only find what its own allow"]


def test_the_command_prints_a_table_and_draws_the_curves(cli, folder, folders):
    done = cli("compare", *folders.values(), "--plot", "curves.svg")
    assert done.code == 0, done.err
    rows = done.out.splitlines()
    assert rows[0].split()[:2] == ["seeds", "queries"]
    assert (folder / "curves.svg").read_bytes().startswith(b"<?xml")
    found = cli("compare", *folders.values(), "--json").json
    assert [group["seeds"] for group in found["groups"]] == [[0, 1, 2]] * 3
    assert len(found["groups"][0]["curve"]) == 8
    assert math.isclose(found["groups"][0]["regret"]["mean"], found["groups"][0]["curve"][-1]["mean"])


@pytest.mark.parametrize("ending", ["png", "pdf"])
def test_plots_have_the_format_of_their_name(cli, folder, folders, ending):
    done = cli("compare", folders["random", 0], "--plot", f"curves.{ending}")
    assert done.code == 0, done.err
    start = {"png": b"\x89PNG", "pdf": b"%PDF"}[ending]
    assert (folder / f"curves.{ending}").read_bytes().startswith(start)


def test_bad_input_is_refused_in_one_line(refused, folder, folders):
    assert "unknown ending 'gif'" in refused("compare", folders["random", 0], "--plot", "curves.gif")
    assert "there is no run folder nowhere" in refused("compare", folders["random", 0], "nowhere")
    assert "the following arguments are required: RUN_DIR" in refused("compare")
