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
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from stored_splits import only_tables

from nassurrogate.benchmarks.experiments import NO_GPU, append_lines, in_processes, markdown_table, read_lines

RESULTS = Path(__file__).parents[1] / "results" / "search_nb101.jsonl"
BUDGETS = (50, 150)
WAYS = ("one run", "mean test")
METHODS = (("proxy-process", "exhaustive"), ("none", "random"))
Run = tuple[str, int, str, str, int]
"""Kind of query, budget, predictor, searcher, seed."""


def measure(search: Run) -> dict[str, Any]:
    """One search."""
    way, budget, predictor, searcher, seed = search
    from nassurrogate.benchmarks import LABEL, TEST, TabularBenchmark, load_benchmark
    from nassurrogate.search import SearchSettings, run

    table = load_benchmark("nb101", "cifar10")
    settings = SearchSettings()
    if way == "mean test":
        settings = SearchSettings(label_noise_pct=0.0)
        table = TabularBenchmark(table.space, table.dataset, {**table.columns, LABEL: table.columns[TEST]})
    began = time.process_time()
    result = run(
        budget=budget,
        searcher=searcher,
        predictor=predictor,
        seed=seed,
        benchmark=table,
        settings=settings,
        write=False,
        device="cpu",
    )
    return {
        "way": way,
        "budget": budget,
        "predictor": predictor,
        "searcher": searcher,
        "seed": seed,
        "test_error_pct": round(100 - result["best"]["test_accuracy_pct"], 4),
        "arch": result["best"]["arch"],
        "selected_by": result["selected_by"],
        "n_feasible_classes": result["n_feasible_classes"],
        "predictor_calls": result["predictor_calls"],
        "cpu_s": round(time.process_time() - began, 3),
        "wall_s": result["wall_s"],
    }


def key(line: dict[str, Any]) -> Run:
    """The run of a line."""
    return line["way"], line["budget"], line["predictor"], line["searcher"], line["seed"]


def report(lines: Sequence[dict[str, Any]]) -> str:
    """Test error in percent by kind of query and method: mean and standard deviation, the best run and the worst."""
    body = []
    for way, budget in product(WAYS, BUDGETS):
        for predictor, searcher in METHODS:
            errors = [line["test_error_pct"] for line in lines if key(line)[:4] == (way, budget, predictor, searcher)]
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
        done = {key(line) for line in read_lines(chosen.results)}
        wanted = [
            (way, budget, *method, seed)
            for seed, method, budget, way in product(range(chosen.seeds), METHODS, BUDGETS, WAYS)
        ]
        missing = [run for run in wanted if run not in done]
        with (
            only_tables(chosen.table, space="nb101"),
            in_processes(measure, missing, chosen.jobs, variables=NO_GPU) as measured,
        ):
            for _, line in measured:
                append_lines(chosen.results, line)
                shown = ("way", "budget", "predictor", "seed", "test_error_pct", "wall_s")
                print(*(line[name] for name in shown), flush=True)
    print(report(read_lines(chosen.results)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
