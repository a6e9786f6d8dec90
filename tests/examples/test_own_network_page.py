"""`docs/own-network.md` quotes what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

import pytest

from tests.stored_results import PAGES, Script, in_one_line, scripts, stored, tables_of

OWN_SPACE, OWN_NETWORK = PAGES["docs/own-space.md"], PAGES["docs/own-network.md"]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    yield from scripts(monkeypatch)


def test_tables(script: Script) -> None:
    compare, generic = script("compare"), script("generic_nb201")
    searches, rankings = stored("own_problem_searches"), stored("generic_nb201")
    assert tables_of(OWN_NETWORK) == {compare["table"](searches, digits=3), generic["table"](rankings)}
    wanted = list(compare["tasks"](compare["RUNS"], [*compare["METHODS"]]))
    for lines, tasks in ((searches, wanted), (rankings, list(generic["tasks"]()))):
        assert len(lines) == len(tasks)
        assert all(any(task.items() <= line.items() for line in lines) for task in tasks)


@pytest.mark.slow  # it reads 729 networks
def test_the_number_of_networks(script: Script) -> None:
    made = script("make_truth")
    summary = made["summary"](made["Truth"]())
    text = in_one_line(OWN_NETWORK)
    assert f"{summary['architectures']} small CNNs on scikit-learn's handwritten digits" in text
    assert f"of which {summary['different_networks']} are different networks" in text


def test_comparisons_of_searches(script: Script) -> None:
    text = in_one_line(OWN_NETWORK)
    compare, lines = script("compare"), stored("own_problem_searches")
    assert f"mean of {compare['RUNS']} runs with its 95 % confidence interval" in text
    interval, found, budgets = compare["interval"], compare["found"], compare["BUDGETS"]

    def lead(other: str, budget: int) -> tuple[float, float]:
        """The mean difference of regrets, run by run, and half its interval."""
        pairs = zip(found(lines, "default", budget), found(lines, other, budget), strict=True)
        return interval([ours - theirs for ours, theirs in pairs])

    for budget in budgets:
        ours, random = (interval(found(lines, name, budget)) for name in ("default", "random"))
        assert sum(ours) < random[0] - random[1], "the interval is below that of random search"
    for other, expected in {
        "random": [True, True, True],
        "optuna-tpe": [True, True, True],
        "optuna-gp": [True, True, False],
        "choices-only": [True, True, False],
        "ridge": [False, False, False],
    }.items():
        assert [sum(lead(other, budget)) < 0 for budget in budgets] == expected, other
    first, second, third = (_difference(lead("ridge", budget)) for budget in budgets)
    assert f"the difference to `ridge` is {first}, {second} and {third}." in text


def _difference(mean_and_half: tuple[float, float]) -> str:
    return "{:.3f} ± {:.3f}".format(*mean_and_half).replace("-", "−")


def test_the_noise_of_labels(script: Script) -> None:
    """The best networks, as if they were known, each with one label in every run."""
    compare, truth = script("compare"), script("truth")
    of_all = truth["Truth"]()
    best = sorted(of_all.archs, key=of_all.regret_points)[:30]
    highest = (max(best, key=truth["OneTraining"](of_all, run)) for run in range(compare["RUNS"]))
    mean, half = compare["interval"]([of_all.regret_points(arch) for arch in highest])
    phrase = f"among the 30 best networks, the one with the highest label has a regret of {mean:.3f} ± {half:.3f}"
    assert phrase in in_one_line(OWN_NETWORK)


def test_figures_of_declared_spaces(script: Script) -> None:
    generic, lines = script("generic_nb201"), stored("generic_nb201")
    mean = {space: fmean(generic["_taus"](lines, space, 50)) for space in generic["SPACES"]}
    rise = f"from {mean['choices']:.3f} to {mean['networks']:.3f} at 50 labels; the built-in space has"
    assert f"{rise} {mean['built-in']:.3f}" in in_one_line(OWN_SPACE)
    longest = max(line["fit_s"] for line in lines if line["space"] == "networks")
    assert f", 15,625 architectures | 500 | 1,500 | {longest:.0f} s |" in OWN_NETWORK


def test_several_workers(script: Script) -> None:
    executors, lines, text = script("measure_executors"), stored("executors"), in_one_line(OWN_NETWORK)
    tasks = list(executors["tasks"]())
    assert len(lines) == len(tasks)
    assert all(any(task.items() <= line.items() for line in lines) for task in tasks)
    assert executors["table"](lines) in OWN_NETWORK
    budget = executors["BUDGET"]
    average = sum(line["training_s"] for line in lines) / sum(line["queries"] for line in lines)
    assert f"divided by {executors['FASTER']:,}, {average:.1f} s on average" in text
    assert f"searches with {budget} queries on a Dask cluster" in text
    assert f"Medians of {executors['REPEATS']} runs" in text
    killed = sum(line["killed"] == 2 for line in lines)
    assert f"In {killed} more runs, two of the four workers were killed: each ended with {budget} evaluations" in text
    assert {(line["queries"], line["different"], line["failed"]) for line in lines} == {(budget, budget, 0)}
