"""The scripts that choose hyper-parameters: only on the development third, one change at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from nassurrogate.benchmarks import LABEL, load_benchmark
from nassurrogate.benchmarks.evaluation.protocols import development_split
from nassurrogate.benchmarks.experiments import missing_tasks, read_lines
from nassurrogate.predictors.cell_kernel import KERNEL
from nassurrogate.predictors.probe_former.predictor import ProbeFormer, ProbeFormerConfig
from nassurrogate.predictors.probe_former.prior import PRIOR
from nassurrogate.spaces import get_space


def test_training_and_evaluation_stay_inside_the_development_third(script: Any) -> None:
    inside = set(development_split(get_space("nb201")))
    truth = load_benchmark("nb201", "cifar10").column(LABEL).mean
    seen = {}

    def knows(train: np.ndarray, targets: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
        assert (targets == truth[train]).all()
        seen[seed] = set(train), set(test)
        return truth[test]

    for split in (0, 1):
        assert script("development").development_tau(knows, 30, split) == pytest.approx(1.0)
        train, test = seen[split]
        assert len(train) == 30
        assert not train & test
        assert train | test == inside
    assert seen[0] != seen[1]


def test_the_process_of_the_script_is_that_of_the_predictor(script: Any) -> None:
    """The default kernel and prior rank as Probe-Former without its networks; others do not."""
    choose, development = script("choose_probe_former"), script("development")
    alone = development.development_tau(development.by_surrogate("probe-former", {"network_share": 0.0}), 40, 0)
    kernels, priors = list(choose.kernels().values()), list(choose.PRIORS.values())
    default, *others = (
        development.development_tau(choose.by_process(kernel, prior), 40, 0)
        for kernel, prior in ((kernels[0], priors[0]), (kernels[1], priors[0]), (kernels[0], priors[1]))
    )
    assert default == pytest.approx(alone, abs=1e-3)
    assert default not in others


def test_every_variant_is_one_change(script: Any) -> None:
    choose = script("choose_probe_former")
    for name, kernel in choose.kernels().items():
        changed = sum(vars(kernel)[part] != vars(KERNEL)[part] for part in vars(KERNEL))
        assert changed == (name != choose.DEFAULT), name
    for name, prior in choose.PRIORS.items():
        changed = {part for part in vars(PRIOR) if vars(prior)[part] != vars(PRIOR)[part]}
        assert len(changed) == (name != choose.DEFAULT) or (name, changed) == ("no prior mean", {"slope", "slope_std"})
    for labels in choose.SIZES["network"]:
        default = vars(ProbeFormerConfig().for_labels(labels))
        for name, config in choose.NETWORKS.items():
            made = vars(ProbeFormer(get_space("nb201"), config=config).config.for_labels(labels))
            changed = {part for part in default if made[part] != default[part]}
            assert len(changed) == (name != choose.DEFAULT), name


def test_the_sum_of_columns_that_was_chosen_ranks_better_than_any_alone(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = script("choose_probe_former")
    monkeypatch.setattr(choose, "_MOST_COLUMNS", 1)
    *others, chosen = (line.split("|")[1:3] for line in choose.columns().splitlines() if line.startswith("| 0."))
    assert "the default" in chosen[1]
    assert float(chosen[0]) > max(float(tau) for tau, _ in others)


def test_what_is_stored_is_not_measured_again_and_all_variants_advance_together(script: Any) -> None:
    choose = script("choose_probe_former")
    names = list(choose.variants("network"))
    stored = [{"part": "network", "variant": names[0], "labels": 52, "split": 0, "tau": 0.8}]
    left = [tuple(task.values())[1:] for task in missing_tasks(choose.tasks("network", (52, 156)), stored)]
    assert len(left) == 2 * choose.SPLITS * len(names) - 1
    assert left[: len(names) - 1] == [(name, 52, 0) for name in names[1:]]
    assert left[len(names) - 1] == (names[0], 52, 1)


@pytest.mark.parametrize(
    ("name", "tasks"),
    [
        ("choose_probe_former", lambda module: module.tasks("kernel", module.SIZES["kernel"])),
        ("choose_search", lambda module: module.runs()),
        ("search_nb101", lambda module: module.tasks(10)),
    ],
)
def test_stored_results_are_complete(script: Any, name: str, tasks: Callable[[Any], Iterator[dict[str, Any]]]) -> None:
    module = script(name)
    assert list(missing_tasks(tasks(module), read_lines(module.RESULTS))) == []


def test_differences_are_taken_on_splits_that_both_have(script: Any) -> None:
    choose = script("choose_probe_former")
    name = list(choose.variants("network"))[1]
    rows = [
        {"part": "network", "variant": variant, "labels": 52, "split": split, "tau": tau}
        for variant, split, tau in ((choose.DEFAULT, 0, 0.8), (choose.DEFAULT, 1, 0.6), (name, 0, 0.85))
    ]
    text = choose.report("network", rows)
    assert f"| {choose.DEFAULT} | 0.700 [2] |" in text
    assert f"| {name} | 0.850 (+0.050) [1] |" in text
    assert "nothing is stored yet" in choose.report("kernel", rows)
