"""The problem on handwritten digits: its networks, its trainings, their stored truth, and the searches on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.benchmarks.experiments import missing_tasks, read_lines

EQUAL = [
    ("kernel=3 width=8 depth=1 skip=none op=pool grid=2", "kernel=3 width=8 depth=1 skip=concat op=pool grid=2"),
    ("kernel=1 width=4 depth=2 skip=add op=conv grid=1", "kernel=1 width=4 depth=2 skip=add op=pool grid=1"),
]  # fmt: skip
"""Different declarations of the same network."""


@pytest.fixture
def problem(script: Any) -> Any:
    return script("problem")


@pytest.fixture
def truth(script: Any) -> Any:
    return script("truth").Truth()


# --- the problem -----------------------------------------------------------------------------------------------------


def test_every_network_reads_digits(problem: Any) -> None:
    archs = list(problem.space.members())
    assert len(archs) == problem.space.size == 729

    @settings(max_examples=30, deadline=None)
    @given(st.sampled_from(archs))
    def reads(arch: Any) -> None:
        network = problem.build(arch).eval()
        blocks = [part for part in network if isinstance(part, problem.Block)]
        assert len(blocks) == arch.choices["depth"]
        assert network(torch.zeros(2, *problem.space.input_shape)).shape == (2, 10)
        channels = blocks[0](torch.zeros(1, 1, 8, 8)).shape[1]
        assert channels == arch.choices["width"]

    reads()


def test_an_added_skip_passes_the_input_on(problem: Any) -> None:
    for skip, expected in (("none", 0.0), ("add", 2.0)):
        block = problem.Block("conv", 3, 4, 4, skip).eval()
        torch.nn.init.zeros_(block.layers[0].weight)
        torch.nn.init.zeros_(block.layers[0].bias)
        assert (block(torch.full((1, 4, 8, 8), 2.0)) == expected).all()


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_networks_are_recognised_and_learn_the_same(problem: Any, one: str, other: str) -> None:
    first, second = map(problem.space.parse, (one, other))
    assert first != second
    assert problem.space.network_key(first) == problem.space.network_key(second) is not None
    assert problem.evaluate(first, 1, 1) == problem.evaluate(second, 1, 1)


def test_a_training_depends_on_its_seed_and_its_length_alone(problem: Any) -> None:
    arch = problem.space.parse("kernel=3 width=4 depth=2 skip=none op=conv grid=4")
    state = torch.get_rng_state()
    found = [problem.evaluate(arch, seed, epochs) for seed, epochs in ((0, 2), (0, 2), (1, 2), (0, 1))]
    assert found[0] == found[1]
    assert found[0] not in found[2:]
    assert torch.equal(torch.get_rng_state(), state), "the caller's random numbers are not touched"


def test_no_image_is_in_two_splits(problem: Any) -> None:
    from sklearn.datasets import load_digits

    parts = {split: problem.digits(split) for split in problem.SPLITS}
    assert {split: len(labels) for split, (_, labels) in parts.items()} == {"train": 500, "val": 600, "test": 697}
    together = torch.cat([images for images, _ in parts.values()]).reshape(-1, 64)
    every = torch.tensor(load_digits().data, dtype=torch.float32) / 8 - 1
    assert sorted(map(tuple, together.tolist())) == sorted(map(tuple, every.tolist()))


# --- the stored truth ------------------------------------------------------------------------------------------------


def test_a_training_gives_what_is_stored(problem: Any, truth: Any) -> None:
    """Up to rounding errors, which differ between machines and grow while a network learns."""
    arch = problem.space.parse("kernel=5 width=4 depth=1 skip=none op=conv grid=4")
    place = truth.archs.index(arch)
    found = problem.evaluate(arch, seed=2)
    assert found["val_accuracy_pct"] == pytest.approx(truth.val[place, 2], abs=3.0)
    assert found["test_accuracy_pct"] == pytest.approx(truth.test[place, 2], abs=3.0)


def test_the_truth_is_complete_and_consistent(script: Any, truth: Any) -> None:
    n_seeds = len(script("make_truth").SEEDS)
    assert truth.val.shape == truth.test.shape == (729, n_seeds)
    assert ((truth.val > 0) & (truth.val <= 100)).all()
    place = {arch.string: number for number, arch in enumerate(truth.archs)}
    for one, other in EQUAL:
        assert (truth.val[place[one]] == truth.val[place[other]]).all()
    regrets = np.array([truth.regret_points(arch) for arch in truth.archs])
    assert regrets.min() == truth.regret_points(truth.best) == 0.0
    assert np.allclose(regrets, truth.val.mean(axis=1).max() - truth.val.mean(axis=1))


def test_an_incomplete_truth_is_refused(script: Any, tmp_path: Path) -> None:
    module = script("truth")
    some = tmp_path / "some.jsonl"
    some.write_text("\n".join(module.RESULTS.read_text().splitlines()[:700]))
    with pytest.raises(SystemExit, match="lacks 29 of 729 architectures"):
        module.Truth(some)


def test_a_stored_architecture_is_not_trained_again(script: Any) -> None:
    make_truth = script("make_truth")
    tasks, lines = make_truth.tasks(), read_lines(make_truth.RESULTS)
    assert list(missing_tasks(tasks, lines)) == []
    assert list(missing_tasks(tasks, [line for line in lines if line["arch"] != tasks[5]["arch"]])) == [tasks[5]]


@pytest.mark.slow  # it reads 729 networks
def test_the_truth_is_summarised(script: Any, truth: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert script("make_truth").main(["--report"]) == 0
    found = json.loads(capsys.readouterr().out)
    # kernel=1 makes two of the three operations equal, depth=1 all three skips.
    assert (found["architectures"], found["different_networks"]) == (729, 8 * 9 + 2 * 8 * 9 * 3)
    assert found["val_accuracy_quartiles_pct"][-1] == pytest.approx(truth.val.mean(axis=1).max(), abs=0.01)
    assert found["noise_of_best_tenth_pct"] < found["noise_pct"] < found["std_between_architectures_pct"] / 5
    assert found["best"] == truth.best.string


# --- the searches on it ----------------------------------------------------------------------------------------------


def test_a_search_sees_one_training_of_each_architecture(script: Any, truth: Any) -> None:
    runs = [script("truth").OneTraining(truth, run) for run in (0, 0, 1)]
    seen = [np.array([answers(arch) for arch in truth.archs]) for answers in runs]
    assert (seen[0] == seen[1]).all()
    assert (seen[0] != seen[2]).any()
    assert (seen[0][:, None] == truth.val).any(axis=1).all()


def test_runs_of_a_method_are_stored_and_tabled(script: Any) -> None:
    compare = script("compare")
    tasks = list(compare.tasks(2, ["default", "random"]))
    assert [task["budget"] for task in tasks] == [20, 30, 50, 20, 30, 50, 50, 50]
    lines = [{**task, **compare.measure(task)} for task in (tasks[0], tasks[-1])]
    assert [list(line["regret_points"]) for line in lines] == [["20"], ["50", "20", "30"]]
    for line in lines:
        assert all(regret >= 0 for regret in line["regret_points"].values())
    rows = compare.table(lines, digits=1).splitlines()
    assert rows[0] == "| method | 20 trainings | 30 trainings | 50 trainings |"
    assert rows[2] == f"| default | {lines[0]['regret_points']['20']:.1f} ± 0.0 | - | - |"
    assert list(missing_tasks(tasks, lines)) == tasks[1:-1]


def test_the_interval_is_that_of_students_t(script: Any) -> None:
    from scipy.stats import ttest_1samp

    values = [0.5, 0.1, 0.9, 0.4]
    low, high = ttest_1samp(values, 0.0).confidence_interval(0.95)
    mean, half = script("compare").interval(values)
    assert (mean - half, mean + half) == pytest.approx((low, high))


def test_the_stored_comparison_is_complete(script: Any) -> None:
    compare = script("compare")
    assert list(missing_tasks(compare.tasks(compare.RUNS, list(compare.METHODS)), read_lines(compare.RESULTS))) == []
