"""Search NAS-Bench-101 with 50 and 150 queries, ten times for each kind of query, and print the test errors.

    python examples/figures/search_nb101.py --table nb101.npz --jobs 2     # ten minutes on 2 cores
    python examples/figures/search_nb101.py --report                       # from the stored results

- `one run`: a query is the validation accuracy of one training run, as in practice; candidates are the 30,001 cells
  whose validation accuracy the table has. Test accuracy is looked up once, for the chosen cell.
- `mean test`: a query is the mean test accuracy of three runs, candidates are all cells. That is optimistic, as a
  search must not see test accuracy; it is included because the literature reports it. Such a label is the target
  itself, without noise, so the highest one is chosen.

Every finished run is a line of `examples/results/search_nb101.jsonl`; another run resumes where the last one stopped.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from stored_splits import only_tables

from nassurrogate.benchmarks.experiments import markdown_table, measure_missing, read_lines

RESULTS = Path(__file__).parents[1] / "results" / "search_nb101.jsonl"
BUDGETS = (50, 150)
WAYS = ("one run", "mean test")
METHODS = (("proxy-process", "exhaustive"), ("none", "random"))
Task = dict[str, Any]


def tasks(seeds: int) -> Iterator[Task]:
    """All searches: kind of query, budget, predictor, searcher, seed."""
    for seed, (predictor, searcher), budget, way in product(range(seeds), METHODS, BUDGETS, WAYS):
        yield {"way": way, "budget": budget, "predictor": predictor, "searcher": searcher, "seed": seed}


def measure(task: Task) -> Task:
    """One search."""
    from nassurrogate.benchmarks import LABEL, TEST, TabularBenchmark, load_benchmark
    from nassurrogate.search import SearchSettings, run

    table = load_benchmark("nb101", "cifar10")
    settings = SearchSettings()
    if task["way"] == "mean test":
        settings = SearchSettings(label_noise_pct=0.0)
        table = TabularBenchmark(table.space, table.dataset, {**table.columns, LABEL: table.columns[TEST]})
    began = time.process_time()
    result = run(
        **{name: task[name] for name in ("budget", "searcher", "predictor", "seed")},
        benchmark=table,
        settings=settings,
        write=False,
        device="cpu",
    )
    return task | {
        "test_error_pct": round(100 - result["best"]["test_accuracy_pct"], 4),
        "arch": result["best"]["arch"],
        "selected_by": result["selected_by"],
        "n_feasible_classes": result["n_feasible_classes"],
        "predictor_calls": result["predictor_calls"],
        "cpu_s": round(time.process_time() - began, 3),
        "wall_s": result["wall_s"],
    }


def report(lines: Sequence[dict[str, Any]]) -> str:
    """Test error in percent by kind of query and method: mean and standard deviation, the best run and the worst."""
    body = []
    for way, budget in product(WAYS, BUDGETS):
        for predictor, searcher in METHODS:
            wanted = {"way": way, "budget": budget, "predictor": predictor, "searcher": searcher}
            errors = [line["test_error_pct"] for line in lines if wanted.items() <= line.items()]
            if len(errors) > 1:
                best, worst = f"{min(errors):.2f}", f"{max(errors):.2f}"
                name = predictor if predictor != "none" else f"{searcher} search"
                body.append(
                    [
                        way,
                        str(budget),
                        name,
                        f"{fmean(errors):.2f} ± {stdev(errors):.2f}",
                        best,
                        worst,
                        str(len(errors)),
                    ]
                )
    return markdown_table(["a query is", "queries", "method", "test error (%)", "best", "worst", "runs"], body)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, metavar="FILE", help="NAS-Bench-101: .npz or .tfrecord")
    parser.add_argument("--seeds", type=int, default=10, metavar="S", help="runs of each (default: 10)")
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="processes, of one thread each (default: 1)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args(arguments)
    if not chosen.report:
        if chosen.table is None:
            parser.error("--table says where NAS-Bench-101 is")
        with only_tables(chosen.table, space="nb101"):
            measure_missing(chosen.results, tasks(chosen.seeds), measure, chosen.jobs)
    print(report(read_lines(chosen.results)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
