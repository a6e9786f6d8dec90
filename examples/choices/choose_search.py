"""The choices behind the default search: the proxies in the sum, the process's hyper-parameters, the moving incumbent.

    python examples/choices/choose_search.py --jobs 2      # an hour on two cores
    python examples/choices/choose_search.py --report      # only print the tables from the stored results

Everything is chosen on cifar10, in the fixed third of its classes of `development`: a search sees no other cell, and
regret is relative to the best of them. That table alone does not distinguish the settings, as nearly all of them find
the best cell. So there are three kinds of task: a random half of that third, and all of it with normal noise of 0.15 or
0.3 points, drawn once per seed, so that the best cell is a lucky one, as in any real table. There are also two priors,
as a prior may be worse on other spaces: the default's five proxies, and a sum that ranks the development cells less
well.

The table shows the mean regret over the kinds of task, by prior and budget. The default is a compromise. With its own
prior, differences below 0.02 points mean little, and `ucb`, or the best posterior mean as the incumbent, does as well;
with the worse prior both are far behind, as they stay in one family of cells for a long time. There, the best label as
the incumbent is far ahead at 20 evaluations (and so is low noise), but behind the default from 30 on.

A second table, with single labels, compares shares of the budget that train the best cells again.

Every finished run is a line of `examples/results/search_choices.jsonl`; another run resumes where the last one stopped.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import chain, combinations, product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from development import benchmark

from nassurrogate.benchmarks.experiments import markdown_table, measure_missing, read_lines

RESULTS = Path(__file__).parents[1] / "results" / "search_choices.jsonl"
SEEDS = 20
BUDGETS = (20, 30, 50)
TASKS: Mapping[str, float] = {"half": 0.0, "noise 0.15": 0.15, "noise 0.3": 0.3}
"""Name → standard deviation of the noise, in points."""
WORSE_PRIOR = (
    "stage 1 cosine between images",
    "stage 2 cosine between images",
    "stage 3 cosine between images",
    "log saliency of the cells",
    "jacobian covariance",
)
PRIORS = ("default", "worse")
Incumbent = Callable[[float | None, float, float], float]


def best_label(best: float | None, expected: float, left: float) -> float:
    """As in textbooks: an improvement on the best label."""
    return expected if best is None else best


def best_mean(best: float | None, expected: float, left: float) -> float:
    """An improvement on the best posterior mean."""
    return expected


VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any], Incumbent | None]] = {
    "default": ({}, {}, None),
    "noise 0.027": ({"noise": 0.027}, {}, None),
    "noise 0.8": ({"noise": 0.8}, {}, None),
    "slope 0, of deviation 0": ({"slope": 0.0, "slope_std": 0.0}, {}, None),
    "slope 0.8": ({"slope": 0.8}, {}, None),
    "slope of deviation 0": ({"slope_std": 0.0}, {}, None),
    "5 initial labels": ({}, {"n_init": 5}, None),
    "10 initial labels": ({}, {"n_init": 10}, None),
    "no confirmation": ({}, {"n_confirm": 0}, None),
    "batches of 5": ({}, {"batch_size": 5}, None),
    "incumbent: best label": ({}, {}, best_label),
    "incumbent: best posterior mean": ({}, {}, best_mean),
    "ucb, beta 2": ({}, {"acquisition": "ucb"}, None),
    "thompson": ({}, {"acquisition": "thompson"}, None),
}
"""Name → hyper-parameters of the process, settings of the search, incumbent."""


SHARES = {"no further trainings": 0.0, "8 %": 0.08, "16 %": 0.16, "32 %": 0.32}
"""Name → share of a budget of single trainings that trains the best cells again."""
SINGLE, SINGLE_BUDGETS = "single labels", (30, 50, 100)


def measure_single(variant: str, prior: str, task: str, budget: int, seed: int) -> dict[str, Any]:
    """One search in which every query is one training of the table; regret is counted in their mean."""
    from nassurrogate.benchmarks import LABEL, Column, TabularBenchmark
    from nassurrogate.benchmarks.evaluation.protocols import development_split
    from nassurrogate.search import SearchSettings, run

    table = benchmark()
    labels = np.full_like(table.column(LABEL).values, np.nan)
    seen = development_split(table.space)
    labels[seen] = table.column(LABEL).values[seen]
    third = TabularBenchmark(table.space, "third of cifar10", {LABEL: Column(labels, table.column(LABEL).source)})
    settings = SearchSettings(n_confirm=round(SHARES[variant] * budget))
    result = run(budget=budget, seed=seed, benchmark=third, labels="single", settings=settings, write=False)
    means = third.column(LABEL).mean
    return _regret(means, result)


def measure(variant: str, prior: str, task: str, budget: int, seed: int) -> dict[str, Any]:
    """One search, in points of regret."""
    from nassurrogate.benchmarks import LABEL, Column, TabularBenchmark
    from nassurrogate.benchmarks.evaluation.protocols import development_split
    from nassurrogate.predictors.proxy_process import prior as proxy_prior
    from nassurrogate.search import SearchSettings, run
    from nassurrogate.search.strategy import sequential

    table = benchmark()
    rng = np.random.default_rng([2027, seed])
    seen = development_split(table.space)
    if task == "half":
        classes = table.space.class_ids()[seen]
        different = np.unique(classes)
        seen = seen[np.isin(classes, rng.permutation(different)[: len(different) // 2])]
    labels = np.full(table.space.size, np.nan)
    labels[seen] = table.column(LABEL).mean[seen] + rng.normal(0.0, TASKS[task], len(seen))
    # The same column twice: labels are then means, as those of the table are.
    third = TabularBenchmark(
        table.space, f"third of cifar10, {task}", {LABEL: Column(np.column_stack([labels] * 2), "made")}
    )
    config, settings, incumbent = VARIANTS[variant]
    with ExitStack() as stack:
        if prior == "worse":
            stack.enter_context(patch.object(proxy_prior, "PROXIES", WORSE_PRIOR))
        if incumbent is not None:
            stack.enter_context(patch.object(sequential, "moving_incumbent", incumbent))
        proxy_prior.proxy_scores.cache_clear()
        result = run(
            budget=budget,
            seed=seed,
            benchmark=third,
            predictor_config=config,
            settings=SearchSettings(**settings),
            write=False,
        )
        proxy_prior.proxy_scores.cache_clear()
    return _regret(labels, result)


def measure_run(run: dict[str, Any]) -> dict[str, Any]:
    """One search, of mean or of single labels."""
    return (measure_single if run["task"] == SINGLE else measure)(**run)


def _regret(truth: np.ndarray, result: dict[str, Any]) -> dict[str, Any]:
    """Points below the best of (size,) `truth`, which is NaN for cells outside the third."""
    regret = float(np.nanmax(truth) - truth[result["best"]["index"]])
    return {"regret_points": round(regret, 6)}


def runs() -> Iterator[dict[str, Any]]:
    """All runs, seed by seed, so that all variants have equally many."""
    of_means = product(range(SEEDS), VARIANTS, PRIORS, TASKS, BUDGETS)
    of_single_labels = product(range(SEEDS), SHARES, PRIORS[:1], (SINGLE,), SINGLE_BUDGETS)
    for seed, variant, prior, task, budget in chain(of_means, of_single_labels):
        yield {"variant": variant, "prior": prior, "task": task, "budget": budget, "seed": seed}


def report(rows: list[dict[str, Any]]) -> str:
    """A line per variant, a column per prior and budget."""
    columns = list(product(PRIORS, BUDGETS))
    body = []
    for variant in VARIANTS:
        means = []
        for prior, budget in columns:
            wanted = {"variant": variant, "prior": prior, "budget": budget}
            regrets = [row["regret_points"] for row in rows if wanted.items() <= row.items()]
            means.append(statistics.fmean(regrets) if regrets else float("nan"))
        body.append([variant, *(f"{mean:.3f}" for mean in means)])
    return markdown_table(["", *(f"{prior} prior, {budget}" for prior, budget in columns)], body)


def single_report(rows: list[dict[str, Any]]) -> str:
    """A line per share, a column per budget."""
    body = []
    for variant in SHARES:
        means = []
        for budget in SINGLE_BUDGETS:
            wanted = {"variant": variant, "task": SINGLE, "budget": budget}
            regrets = [row["regret_points"] for row in rows if wanted.items() <= row.items()]
            means.append(f"{statistics.fmean(regrets):.3f}" if regrets else "-")
        body.append([variant, *means])
    return markdown_table(["", *map(str, SINGLE_BUDGETS)], body)


def proxies_report() -> str:
    """Kendall's τ over the development classes of the best sums of log-ranks, and the rank of the default."""
    from nassurrogate.benchmarks import LABEL
    from nassurrogate.benchmarks.evaluation.protocols import development_split
    from nassurrogate.prediction_quality import kendall_tau
    from nassurrogate.predictors.proxy_process.prior import PROXIES
    from nassurrogate.proxies.names import PROBE_NAMES
    from nassurrogate.proxies.normal_scores import mean_ranks
    from nassurrogate.proxies.table import probe_features

    table = benchmark()
    space, labels = table.space, table.column(LABEL).mean
    cells = development_split(space)
    classes, place = np.unique(space.class_ids()[cells], return_inverse=True)
    truth = np.bincount(place, labels[cells]) / np.bincount(place)
    logs = {name: np.log(mean_ranks(column)) for name, column in zip(PROBE_NAMES, probe_features(space).T, strict=True)}
    rising = [name for name in logs if kendall_tau(logs[name][classes], truth) > 0]
    taus = {
        names: kendall_tau(np.sum([logs[name][classes] for name in names], axis=0), truth)
        for size in (3, 4, 5, 6)
        for names in combinations(rising, size)
    }
    order = sorted(taus, key=lambda names: -taus[names])
    default = next(place for place, names in enumerate(order) if set(names) == set(PROXIES))
    shown = [*range(5), *([default] if default >= 5 else [])]
    body = [[str(place + 1), f"{taus[order[place]]:.4f}", ", ".join(order[place])] for place in shown]
    head = f"The default's five are number {default + 1} of {len(order)} sums of 3 to 6 proxies that rise with accuracy"
    return f"{head}\n\n{markdown_table(['', 'τ', 'proxies'], body)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="processes, of one thread each (default: 1)")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args()
    if not chosen.report:
        measure_missing(RESULTS, runs(), measure_run, chosen.jobs)
    print(proxies_report())
    print(f"\nMean regret on the development third, {SEEDS} seeds a task\n\n{report(read_lines(RESULTS))}")
    print(f"\nThe same with single labels\n\n{single_report(read_lines(RESULTS))}")


if __name__ == "__main__":
    main()
