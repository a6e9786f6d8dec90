"""Measure the searches and the times that the documentation quotes, and draw its figure.

    python examples/figures/reproduce_figures.py --jobs 2 --table test_accuracy.csv    # all: about an hour on 2 cores
    python examples/figures/reproduce_figures.py --report    # only print the tables, from the stored results

Every finished measurement is one line of `examples/results/*.jsonl`, below the package versions that made it; another
run resumes where the last one stopped. Delete a file to measure it again. `search` holds the runs of `search_runs`; the
table of test accuracies is optional. `speed` and `search_time` measure times: run them on an otherwise idle machine;
they use one process regardless of `--jobs`.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import regret_plot
import search_runs
from search_runs import Task
from stored_splits import only_tables

from nassurrogate.benchmarks.experiments import append_lines, markdown_table, measure_missing, read_lines

RESULTS = Path(__file__).parents[1] / "results"
PREDICTORS = ("probe-former", "gradient-boosting")
LABELS = (50, 100, 156)
REFERENCE = ("--budget", "100", "--predictor", "none", "--searcher", "random")
COMMANDS = {
    "30 evaluations": ("--budget", "30"),
    "100 evaluations": ("--budget", "100"),
    "100 evaluations, no surrogate": REFERENCE,
}
"""Name in the table → options of `nassurrogate search`."""


def speed_tasks(repeats: int) -> Iterable[Task]:
    """Fits and scoring; the reference (gradient boosting) and the default predictor in turn."""
    for repeat in range(repeats):
        for labels in LABELS:
            for predictor in reversed(PREDICTORS):
                yield {"labels": labels, "predictor": predictor, "repeat": repeat}


def measure_speed(task: Task) -> Task:
    """Seconds of one fit and of scoring all cells; imports and tables are loaded before."""
    from nassurrogate import Surrogate
    from nassurrogate.benchmarks import LABEL, load_benchmark

    labels = load_benchmark("nb201", "cifar10").column(LABEL).mean
    Surrogate(predictor=task["predictor"]).fit([0, 1, 2], labels[:3]).score([3])
    train = np.random.default_rng(task["repeat"]).permutation(len(labels))[: task["labels"]]
    surrogate = Surrogate(predictor=task["predictor"], seed=task["repeat"], device="cpu")
    began = time.perf_counter()
    surrogate.fit(train.tolist(), labels[train])
    fitted = time.perf_counter()
    surrogate.score(range(len(labels)))
    return task | {"fit_s": fitted - began, "score_s": time.perf_counter() - fitted, "cpus": os.cpu_count()}


def search_time_tasks(repeats: int) -> Iterable[Task]:
    """Whole commands, in turn."""
    for repeat in range(repeats):
        for name in COMMANDS:
            yield {"command": name, "repeat": repeat}


def measure_search_time(task: Task) -> Task:
    """CPU and wall seconds of one command, Python's start, imports and plots included."""
    program = [
        sys.executable,
        "-m",
        "nassurrogate",
        "search",
        *COMMANDS[task["command"]],
        "--seed",
        str(task["repeat"]),
    ]
    with tempfile.TemporaryDirectory() as folder:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([*program, "--run-dir", f"{folder}/run"], check=True, capture_output=True)
        wall_s = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return task | {"cpu_s": round(cpu_s, 3), "wall_s": round(wall_s, 3), "cpus": os.cpu_count()}


def complete(name: str, tasks: list[Task], measure: Callable[[Task], Task], jobs: int) -> None:
    """Measure what the file of this part lacks."""
    path = RESULTS / f"{name}.jsonl"
    if not path.exists():
        from nassurrogate.runtime.versions import package_versions

        append_lines(path, {"packages": package_versions()})
    measure_missing(path, tasks, measure, jobs)


def _read(path: Path) -> list[Task]:
    return [row for row in read_lines(path) if "packages" not in row]


def speed_table(rows: list[Task]) -> str:
    """Markdown: median seconds, and the median of the ratios to the reference in the same repeat."""
    default, reference = PREDICTORS
    lines = [
        f"| labels | fit {default}, s | fit {reference}, s | ratio | score {default}, s | score {reference}, s |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for labels in LABELS:
        ours, base = (
            {row["repeat"]: row for row in rows if (row["labels"], row["predictor"]) == (labels, name)}
            for name in PREDICTORS
        )
        ratio = statistics.median(ours[i]["fit_s"] / base[i]["fit_s"] for i in ours.keys() & base.keys())
        fit, fit_base, score, score_base = (
            statistics.median(row[key] for row in of.values()) for key in ("fit_s", "score_s") for of in (ours, base)
        )
        lines.append(f"| {labels} | {fit:.1f} | {fit_base:.2f} | {ratio:.0f} | {score:.2f} | {score_base:.2f} |")
    return "\n".join(lines)


def search_time_table(rows: list[Task]) -> str:
    """Markdown: medians of whole commands, and of the ratios of CPU seconds to the last one in the same repeat."""
    body = []
    by = {name: {row["repeat"]: row for row in rows if row["command"] == name} for name in COMMANDS}
    reference = by[list(COMMANDS)[-1]]
    for name, found in by.items():
        cpu, wall = (statistics.median(row[field] for row in found.values()) for field in ("cpu_s", "wall_s"))
        ratio = statistics.median(found[i]["cpu_s"] / reference[i]["cpu_s"] for i in found.keys() & reference.keys())
        body.append([name, f"{cpu:.1f}", f"{wall:.1f}", f"{ratio:.1f}"])
    return markdown_table(["command", "CPU, s", "wall, s", "CPU, ratio"], body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30, help="runs of every search method")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of every time")
    parser.add_argument("--table", type=Path, metavar="FILE", help="test accuracies of NAS-Bench-201, as CSV")
    parser.add_argument("--only", help="measure only tasks in which this text occurs, such as probe-former")
    parser.add_argument("--part", choices=("search", "speed", "search_time"), help="measure only this part")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args()
    if not chosen.report:
        with only_tables(*([chosen.table] if chosen.table else [])):
            for name, tasks, measure, jobs in (
                ("search", search_runs.tasks(chosen.seeds), search_runs.measure, chosen.jobs),
                ("speed", speed_tasks(chosen.repeats), measure_speed, 1),
                ("search_time", search_time_tasks(chosen.repeats), measure_search_time, 1),
            ):
                if chosen.part in (None, name):
                    wanted = [task for task in tasks if not chosen.only or chosen.only in str(task)]
                    complete(name, wanted, measure, jobs)
        if chosen.only or chosen.part:
            return
    searches = _read(RESULTS / "search.jsonl")
    print(f"\nRegret after so many evaluations\n\n{search_runs.regret_table(searches)}")
    print(f"\nTest accuracy of what was found\n\n{search_runs.test_accuracy_table(searches)}")
    print(f"\nSingle labels\n\n{search_runs.single_table(searches)}")
    print(f"\n30 evaluations, {search_runs.FEWER_SEEDS} seeds\n\n{search_runs.other_table(searches)}")
    print(f"\nTimes of predictors, medians\n\n{speed_table(_read(RESULTS / 'speed.jsonl'))}")
    print(f"\nTimes of searches, medians\n\n{search_time_table(_read(RESULTS / 'search_time.jsonl'))}")
    regret_plot.draw(searches, RESULTS / "search_regret.png")


if __name__ == "__main__":
    main()
