"""Measure the searches and the times that the README quotes, and draw its first picture.

    python examples/reproduce_figures.py --jobs 2     # everything: about an hour on 2 cores
    python examples/reproduce_figures.py --report     # only print the tables from the stored results

Every finished measurement is one line of `examples/results/*.jsonl`, below the package versions that made it; running
again goes on where it stopped. Delete a file to measure it anew. Only `speed` measures times: it wants a machine with
nothing else to do, and runs one process whatever `--jobs` says.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"
CONSTRAINT = "latency_ms<=14.28"
PREDICTORS = ("probe-former", "gradient-boosting")
LABELS = (50, 78, 156, 469, 781, 1563)
BUDGET = 100
METHODS = (
    ("probe-former", "exhaustive"),
    ("none", "random"),
    ("none", "evolution"),
    ("none", "optuna-tpe"),
    ("none", "optuna-nsga2"),
)

Task = dict[str, Any]


def search_tasks(seeds: int) -> Iterable[Task]:
    """Protocol B on cifar10: budget 100, mean labels, with and without the latency bound."""
    for constraint in (None, CONSTRAINT):
        for predictor, searcher in METHODS:
            for seed in range(seeds):
                yield {"constraint": constraint, "predictor": predictor, "searcher": searcher, "seed": seed}


def measure_search(task: Task) -> Task:
    """One run."""
    from nassurrogate.search import run

    result = run(
        dataset="cifar10",
        budget=BUDGET,
        searcher=task["searcher"],
        predictor=task["predictor"],
        seed=task["seed"],
        constraints=[task["constraint"]] if task["constraint"] else [],
        write=False,
    )
    return task | {
        "regret_points": result["regret_points"],
        "val_accuracy_pct": result["best"]["val_accuracy_pct"],
        "latency_ms": result["best"]["latency_ms"],
        "queries": result["queries"],
    }


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


def complete(name: str, tasks: list[Task], measure: Callable[[Task], Task], jobs: int) -> None:
    """Measure what the file of this kind lacks; each result is appended as soon as it is there."""
    path = RESULTS / f"{name}.jsonl"
    done = _read(path)
    if not path.exists():
        from nassurrogate.search.versions import package_versions

        RESULTS.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"packages": package_versions()}) + "\n")
    missing = [task for task in tasks if not any(task.items() <= row.items() for row in done)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool, path.open("a") as file:
        for number, row in enumerate(pool.map(measure, missing), start=1):
            file.write(json.dumps(row) + "\n")
            file.flush()
            print(f"{name}: {number} of {len(missing)} done", flush=True)


def _read(path: Path) -> list[Task]:
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row for row in rows if "packages" not in row]


def spread(values: list[float], digits: int) -> str:
    """Mean ± standard deviation."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.{digits}f} ± {deviation:.{digits}f}"


def search_table(rows: list[Task]) -> str:
    """Markdown: one line a method, sorted by nothing but the order of `METHODS`."""
    lines = [
        f"| predictor | searcher | regret, unconstrained | regret, {CONSTRAINT} | seeds |",
        "| --- | --- | --- | --- | --- |",
    ]
    for predictor, searcher in METHODS:
        here = [r for r in rows if r["predictor"] == predictor and r["searcher"] == searcher]
        free = [r["regret_points"] for r in here if r["constraint"] is None]
        bound = [r["regret_points"] for r in here if r["constraint"]]
        lines.append(f"| {predictor} | {searcher} | {spread(free, 2)} | {spread(bound, 2)} | {len(free)} |")
    return "\n".join(lines)


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


def draw(rows: list[Task], path: Path) -> None:
    """The regret of every seed, a row a method, with and without the bound."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True, layout="constrained")
    names = [searcher if predictor == "none" else predictor for predictor, searcher in METHODS]
    for panel, constraint in zip(panels, (None, CONSTRAINT), strict=True):
        for place, (predictor, searcher) in enumerate(METHODS):
            values = [
                r["regret_points"]
                for r in rows
                if (r["predictor"], r["searcher"], r["constraint"]) == (predictor, searcher, constraint)
            ]
            colour = "#b5442e" if predictor != "none" else "#5b6b7b"
            jitter = [place + 0.36 * (i / max(1, len(values) - 1) - 0.5) for i in range(len(values))]
            panel.scatter(values, jitter, s=12, alpha=0.45, color=colour, linewidths=0)
            panel.plot([statistics.fmean(values)] * 2, [place - 0.3, place + 0.3], color=colour, linewidth=2.5)
        panel.set_title("unconstrained" if constraint is None else constraint.replace("<=", " ≤ "), fontsize=10)
        panel.set_xlabel("regret, points of validation accuracy")
        panel.set_xlim(left=-0.05)
        panel.grid(axis="x", color="#e4e4e4")
        panel.set_axisbelow(True)
        panel.spines[["top", "right", "left"]].set_visible(False)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    seeds = len({r["seed"] for r in rows})
    figure.suptitle(
        f"NAS-Bench-201, cifar10: what {BUDGET} queries leave to the best feasible cell ({seeds} seeds; bar: mean)",
        fontsize=10.5,
    )
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30, help="runs of every search method")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of every time")
    parser.add_argument("--only", help="measure only tasks in which this text occurs, such as probe-former")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args()
    if not chosen.report:
        for name, tasks, measure, jobs in (
            ("search", search_tasks(chosen.seeds), measure_search, chosen.jobs),
            ("speed", speed_tasks(chosen.repeats), measure_speed, 1),
        ):
            complete(name, [task for task in tasks if not chosen.only or chosen.only in str(task)], measure, jobs)
        if chosen.only:
            return
    searches = _read(RESULTS / "search.jsonl")
    print(f"\nSearch on cifar10, {BUDGET} queries\n\n{search_table(searches)}")
    print(f"\nTimes, medians\n\n{speed_table(_read(RESULTS / 'speed.jsonl'))}")
    draw(searches, RESULTS / "search_regret.png")


if __name__ == "__main__":
    main()
