"""Measure what works on any space: protocol G and searches on NAS-Bench-Macro, and learning a latency.

    python examples/figures/measure_general.py --table nas-bench-macro_cifar10.json --jobs 2    # five minutes, 2 cores
    python examples/figures/measure_general.py --report    # from the stored results

- `ranking`: protocol G, ten splits, the default predictor: on NAS-Bench-Macro the mean test accuracy of three trainings
  (it has no other accuracy), on NAS-Bench-201 the latency of the embedded table.
- `search`: 30 seeds on NAS-Bench-Macro; the default search, Optuna's TPE and random search, all with the same
  deduplication; regret is in points of mean test accuracy, the objective.

Every finished part is a line of `examples/results/general.jsonl`; another run resumes where the last one stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from stored_splits import only_tables

from nassurrogate.benchmarks.experiments import markdown_table, mean_and_std, measure_missing, read_lines

RESULTS = Path(__file__).parents[1] / "results" / "general.jsonl"
RANKINGS = (("macro", "test_accuracy_pct", (20, 30, 50, 100)), ("nb201", "latency_ms", (20, 50, 100)))
BUDGETS = (20, 30, 50)
METHODS = (("space-process", "exhaustive"), ("none", "optuna-tpe"), ("none", "random"))
SPLITS, SEEDS = 10, 30
Task = dict[str, Any]


def tasks() -> Iterator[Task]:
    """Everything that is measured."""
    for space, objective, sizes in RANKINGS:
        for labels in sizes:
            yield {"kind": "ranking", "space": space, "objective": objective, "labels": labels}
    for budget, (predictor, searcher), seed in product(BUDGETS, METHODS, range(SEEDS)):
        yield {"kind": "search", "predictor": predictor, "searcher": searcher, "budget": budget, "seed": seed}


def measure(task: Task) -> Task:
    """One line of results."""
    if task["kind"] == "search":
        from nassurrogate.search import run

        options = {name: task[name] for name in ("predictor", "searcher", "budget", "seed")}
        result = run(space="macro", write=False, device="cpu", **options)
        return task | {"regret_points": round(result["regret_points"], 6), "arch": result["best"]["arch"]}
    from nassurrogate.benchmarks import evaluate

    found = evaluate(
        "G", space=task["space"], objective=task["objective"], labels=task["labels"], splits=SPLITS, write=False
    )
    each = {
        field: [round(getattr(split, field), 6) for split in found.splits]
        for field in ("kendall_tau", "spearman", "coverage90", "mape_pct", "fit_s")
        if getattr(found.splits[0], field, None) is not None
    }
    return task | {"predictor": found.rows[0].predictor, **each}


def ranking_table(lines: Sequence[Task], space: str) -> str:
    """Mean and standard deviation over the splits."""
    found = sorted((line for line in lines if line.get("space") == space), key=lambda line: line["labels"])
    columns = [
        ("Kendall's τ", "kendall_tau", 3),
        ("Spearman's ρ", "spearman", 3),
        ("in the 90 % interval", "coverage90", 2),
    ]
    if space == "nb201":
        columns.insert(2, ("MAPE, %", "mape_pct", 2))
    body = [
        [str(line["labels"]), *(mean_and_std(line[field], digits) for _, field, digits in columns)] for line in found
    ]
    return markdown_table(["labels", *(name for name, _, _ in columns)], body)


def search_table(lines: Sequence[Task]) -> str:
    """Regret by method, mean and standard deviation over the seeds."""
    body = []
    for predictor, searcher in METHODS:
        cells = []
        for budget in BUDGETS:
            wanted = {"kind": "search", "predictor": predictor, "searcher": searcher, "budget": budget}
            cells.append(mean_and_std([line["regret_points"] for line in lines if wanted.items() <= line.items()], 3))
        name = f"{searcher}, no surrogate" if predictor == "none" else f"{predictor}, {searcher}"
        body.append([name, *cells])
    return markdown_table(["method", *map(str, BUDGETS)], body)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, metavar="FILE", help="NAS-Bench-Macro: .json or .csv")
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="processes, of one thread each (default: 1)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args(arguments)
    if not chosen.report:
        if chosen.table is None:
            parser.error("--table says where NAS-Bench-Macro is")
        with only_tables(chosen.table, space="macro"):
            measure_missing(chosen.results, tasks(), measure, chosen.jobs)
    lines = read_lines(chosen.results)
    print(*(ranking_table(lines, space) for space, _, _ in RANKINGS), search_table(lines), sep="\n\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
