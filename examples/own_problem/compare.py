"""Compare searches on the stored trainings of `problem.py`: 30 runs of each method, 20, 30 and 50 trainings.

    python examples/own_problem/compare.py              # about ten minutes on one core; continues where it stopped
    python examples/own_problem/compare.py --report     # the table, from the stored lines

A query is one training: the validation accuracy of one of an architecture's three seeds, the same one for all methods
of a run. A method never sees the other seeds, a mean, a test accuracy or an architecture it has not asked for. It
reports one architecture; its regret is the difference of mean validation accuracies (three seeds) between the best of
all 729 architectures and the reported one.

The methods: this package's search as it is by default; the same without a look at the networks (`choices-only`), and
with predictor `ridge`; and without a surrogate random search, Optuna's TPESampler and its GPSampler with their
defaults, which report the architecture of the best label. No network is trained twice in a run, whichever the method:
equal networks are known from their operator graphs. Nothing was tuned on these trainings. Every run is a line of
`examples/results/own_problem_searches.jsonl`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, ClassVar

import numpy as np
import problem
from truth import OneTraining, Truth

from nassurrogate.benchmarks.experiments import markdown_table, measure_missing, read_lines
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.searchers.optuna_samplers import OptunaSearcher

RESULTS = Path(__file__).parents[1] / "results" / "own_problem_searches.jsonl"
BUDGETS = (20, 30, 50)
RUNS = 30


class OptunaGP(OptunaSearcher):
    """Bayesian optimisation with a Gaussian process: `optuna.samplers.GPSampler` with its defaults.

    It often proposes what it knows already, gets the known value again, and slows down with every trial: after twenty
    such proposals in a row a random network takes their place.
    """

    name: ClassVar[str] = "optuna-gp"
    description: ClassVar[str] = "Optuna's GPSampler"

    def __init__(self, feasible: FeasibleSet, rng: np.random.Generator, **options: Any) -> None:
        super().__init__(feasible, rng, **{"max_attempts": 20, **options})

    def _sampler(self, seed: int) -> Any:
        from optuna.samplers import GPSampler

        return GPSampler(seed=seed)


METHODS: dict[str, dict[str, Any]] = {
    "default": {},
    "choices-only": {"predictor_config": {"networks": 0}},
    "ridge": {"predictor": "ridge"},
    "random": {"predictor": "none", "searcher": "random"},
    "optuna-tpe": {"predictor": "none", "searcher": "optuna-tpe"},
    "optuna-gp": {"predictor": "none", "searcher": OptunaGP},
}
"""Name → arguments of `nassurrogate.search.run`."""

Task = Mapping[str, Any]


def tasks(runs: int, methods: Sequence[str]) -> Iterator[dict[str, Any]]:
    """With a surrogate a run plans its budget; without one, the run of the longest budget holds the shorter ones."""
    for method, run in product(methods, range(runs)):
        plans = METHODS[method].get("predictor") != "none"
        for budget in BUDGETS if plans else BUDGETS[-1:]:
            yield {"method": method, "budget": budget, "run": run}


@cache
def truth() -> Truth:
    """Read once per process."""
    return Truth()


def measure(task: Task) -> dict[str, Any]:
    """One search. `regret_points` and `test_accuracy_pct` by budget."""
    from nassurrogate.search import run

    labels: list[tuple[float, str]] = []
    result = run(
        space=problem.space,
        dataset="digits",
        evaluate=OneTraining(truth(), task["run"]),
        budget=task["budget"],
        seed=task["run"],
        write=False,
        listener=lambda event: labels.append((event.query.label, event.query.arch)) if event.query else None,
        **METHODS[task["method"]],
    )
    reported = {task["budget"]: result["best"]["arch"]}
    if result["predictor"] == "none":
        reported |= {budget: max(labels[:budget], key=lambda pair: pair[0])[1] for budget in BUDGETS}
    return {
        "regret_points": {str(budget): round(truth().regret_points(arch), 4) for budget, arch in reported.items()},
        "test_accuracy_pct": {str(b): round(truth().test_accuracy_pct(arch), 4) for b, arch in reported.items()},
        "wall_s": result["wall_s"],
    }


def found(lines: Sequence[Task], method: str, budget: int, value: str = "regret_points") -> list[float]:
    """A value of every run of a method at a budget, in the order of the runs."""
    of_method = [line for line in lines if line["method"] == method and str(budget) in line[value]]
    return [line[value][str(budget)] for line in sorted(of_method, key=lambda line: line["run"])]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % confidence interval (Student's t)."""
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return fmean(values), half


def table(lines: Sequence[Task], value: str = "regret_points", digits: int = 2) -> str:
    """Methods by budgets: the mean over the runs and its 95 % confidence interval."""
    body = []
    for method in METHODS:
        cells = []
        for budget in BUDGETS:
            values = found(lines, method, budget, value)
            cells.append("{:.{d}f} ± {:.{d}f}".format(*interval(values), d=digits) if values else "-")
        body.append([method, *cells])
    return markdown_table(["method", *(f"{budget} trainings" for budget in BUDGETS)], body)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS, metavar="N", help=f"of each method (default: {RUNS})")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), metavar="METHOD")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes of one thread each (default: 1)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args(arguments)
    if not chosen.report:
        measure_missing(chosen.results, tasks(chosen.runs, chosen.methods), measure, chosen.jobs)
    lines = read_lines(chosen.results)
    print(f"Regret in points:\n\n{table(lines, digits=3)}\n")
    print(f"Test accuracy of the reported architecture in percent:\n\n{table(lines, 'test_accuracy_pct')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
