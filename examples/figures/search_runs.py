"""The searches that the documentation quotes: their list, a single run, and their tables.

Every evaluation counts against the budget, including those that train the surrogate. All methods get the same
deduplication and look constrained metrics up for free. Regret is in points of mean validation accuracy, relative to the
best feasible cell. Test accuracy is looked up once per run, for the chosen cell, if a table of it is available.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from predictor_tables import DATASETS

from nassurrogate.benchmarks.experiments import markdown_table, mean_and_std

CONSTRAINT = "latency_ms<=14.28"
DEFAULT = ("proxy-process", "exhaustive")
METHODS = (DEFAULT, ("none", "random"), ("none", "evolution"), ("none", "optuna-tpe"), ("none", "optuna-nsga2"))
SAME_ACQUISITION = (("proxy-process", "random"), ("proxy-process", "evolution"), ("proxy-process", "optuna-tpe"))
NO_PRIOR = "proxy-process without its prior"
OTHER_PREDICTORS = tuple((name, "exhaustive") for name in (NO_PRIOR, "probe-former", "gradient-boosting"))
FEWER_SEEDS = 10
BUDGETS = (20, 30, 50, 100)
LONGEST = BUDGETS[-1]
CASES = (*((dataset, None) for dataset in DATASETS), ("cifar10", CONSTRAINT))
"""Data set and constraint."""

Task = dict[str, Any]


def tasks(seeds: int) -> Iterator[Task]:
    """The default at every budget, the baselines at the longest (their curves have the others), then the rest."""

    def task(case: tuple[str, str | None], method: tuple[str, str], budget: int, seed: int, labels: str) -> Task:
        return {
            "dataset": case[0], "constraint": case[1], "predictor": method[0], "searcher": method[1],
            "budget": budget, "labels": labels, "seed": seed,
        }  # fmt: skip

    for case, budget, seed in product(CASES, BUDGETS, range(seeds)):
        yield task(case, DEFAULT, budget, seed, "mean")
    for case, method, seed in product(CASES, METHODS[1:], range(seeds)):
        yield task(case, method, LONGEST, seed, "mean")
    for dataset, budget, seed in product(DATASETS, (30, LONGEST), range(seeds)):
        yield task((dataset, None), DEFAULT, budget, seed, "single")
    for dataset, method, seed in product(DATASETS, SAME_ACQUISITION + OTHER_PREDICTORS, range(min(seeds, FEWER_SEEDS))):
        yield task((dataset, None), method, 30, seed, "mean")


def measure(task: Task) -> Task:
    """One run. `curve`: [number of evaluations, regret of the best label so far], where it improves."""
    from nassurrogate.search import run

    labels: list[float] = []
    result = run(
        dataset=task["dataset"],
        budget=task["budget"],
        searcher=task["searcher"],
        predictor=DEFAULT[0] if task["predictor"] == NO_PRIOR else task["predictor"],
        predictor_config={"slope": 0.0, "slope_std": 0.0} if task["predictor"] == NO_PRIOR else None,
        seed=task["seed"],
        constraints=[task["constraint"]] if task["constraint"] else [],
        labels=task["labels"],
        write=False,
        device="cpu",
        listener=lambda event: labels.append(event.query.label) if event.query is not None else None,
    )
    curve: list[tuple[int, float]] = []
    if task["labels"] == "mean":
        for number, label in enumerate(labels, start=1):
            regret = round(result["optimum"]["val_accuracy_mean_pct"] - label, 6)
            if not curve or regret < curve[-1][1]:
                curve.append((number, regret))
    return task | {
        "regret_points": round(result["regret_points"], 6),
        "val_accuracy_pct": result["best"]["val_accuracy_pct"],
        "test_accuracy_pct": result["best"]["test_accuracy_pct"],
        "latency_ms": result["best"]["latency_ms"],
        "curve": curve,
    }


def regret_after(row: Task, evaluations: int) -> float:
    """Regret of the best label among the first evaluations of a run."""
    return float(next(regret for number, regret in reversed(row["curve"]) if number <= evaluations))


def of(rows: Sequence[Task], **wanted: Any) -> list[Task]:
    """The rows with these values."""
    return [row for row in rows if wanted.items() <= row.items()]


def named(case: tuple[str, str | None]) -> str:
    """Name of a data set and a constraint in the tables."""
    return case[0] if case[1] is None else f"{case[0]}, {case[1]}"


def method_name(predictor: str, searcher: str) -> str:
    """Name of a method in the tables."""
    return f"{searcher}, no surrogate" if predictor == "none" else f"{predictor}, {searcher}"


def regret_table(rows: Sequence[Task]) -> str:
    """Regret of the default in runs of every budget, and of the baselines after as many evaluations."""
    body = []
    for case in CASES:
        for method in METHODS:
            found = of(
                rows, dataset=case[0], constraint=case[1], predictor=method[0], searcher=method[1], labels="mean"
            )
            cells = []
            for budget in BUDGETS:
                if method == DEFAULT:
                    values = [row["regret_points"] for row in of(found, budget=budget)]
                else:
                    values = [regret_after(row, budget) for row in of(found, budget=LONGEST)]
                cells.append(mean_and_std(values, 3))
            body.append([named(case), method_name(*method), *cells])
    return markdown_table(["data set", "method", *map(str, BUDGETS)], body)


def test_accuracy_table(rows: Sequence[Task]) -> str:
    """Test accuracy of the chosen cell, where the table had it."""
    body = []
    for budget in (30, LONGEST):
        cells = []
        for dataset in ("cifar10", "cifar100"):
            found = of(rows, dataset=dataset, constraint=None, labels="mean", budget=budget, predictor=DEFAULT[0],
                       searcher=DEFAULT[1])  # fmt: skip
            values = [row["test_accuracy_pct"] for row in found if row["test_accuracy_pct"] is not None]
            cells.append(mean_and_std(values, 2))
        body.append(["this search", str(budget), *cells])
    return markdown_table(["method", "evaluations", "cifar10", "cifar100"], body + PUBLISHED_TEST)


PUBLISHED_TEST = [
    ["NPENAS, published", "100", "94.31", "73.46"],
    ["AG-Net, published", "192", "94.37", "73.51"],
    ["the best cell there is", "", "94.37", "73.51"],
]
"""arXiv 2003.12857 and arXiv 2203.08734; the best by the table of test accuracies."""


def other_table(rows: Sequence[Task]) -> str:
    """30 evaluations: other searchers on the same acquisition, other predictors in the same search."""
    body = []
    for method in (DEFAULT, *SAME_ACQUISITION, *OTHER_PREDICTORS):
        cells = []
        for dataset in DATASETS:
            found = of(rows, dataset=dataset, constraint=None, labels="mean", budget=30, predictor=method[0],
                       searcher=method[1])  # fmt: skip
            values = [row["regret_points"] for row in found if row["seed"] < FEWER_SEEDS]
            cells.append(mean_and_std(values, 3))
        body.append([method_name(*method), *cells])
    return markdown_table(["predictor, searcher", *DATASETS], body)


def single_table(rows: Sequence[Task]) -> str:
    """Regret, in mean validation accuracy, where every evaluation is a single training."""
    body = []
    for budget in (30, LONGEST):
        found = [of(rows, dataset=dataset, labels="single", budget=budget) for dataset in DATASETS]
        body.append([str(budget), *(mean_and_std([row["regret_points"] for row in part], 3) for part in found)])
    return markdown_table(["evaluations", *DATASETS], body)
