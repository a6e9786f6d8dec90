"""Measure searches on a Dask cluster of this machine: speed-up by the number of workers, and what killed ones cost.

    python examples/own_problem/measure_executors.py            # about eight minutes; continues where it stopped
    python examples/own_problem/measure_executors.py --report   # from the stored lines

Trainings are simulated: a worker sleeps for the table's training time divided by 10,000, some half a second, and
returns the table's value. Four worker processes of one thread run; a search with N workers uses N of them at once. It
proposes with the default surrogate, or with evolution without one, whose proposals take no time: that shows what
handing out evaluations costs by itself. In the runs named `killed` two of the four workers are killed meanwhile.
Every run is a line of `examples/results/executors.jsonl`.
"""

from __future__ import annotations

import argparse
import functools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from nassurrogate import Architecture
from nassurrogate.benchmarks import Benchmark, Evaluation, load_benchmark
from nassurrogate.benchmarks.experiments import append_lines, markdown_table, missing_tasks, read_lines
from nassurrogate.search import run

RESULTS = Path(__file__).parents[1] / "results" / "executors.jsonl"
SEARCHES: dict[str, dict[str, Any]] = {
    "evolution, no surrogate": {"predictor": "none", "searcher": "evolution"},
    "default": {},
}
WORKERS = (1, 2, 4)
BUDGET, REPEATS = 40, 3
FASTER = 10_000
"""How much shorter the simulated trainings are than those of the table."""
PLACES = 4
"""Worker processes of the cluster."""


class Simulated(Benchmark):
    """NAS-Bench-201 on cifar10, where an evaluation takes its time; another process makes its own, once."""

    def __init__(self) -> None:
        table = _table()
        self.space, self.dataset = table.space, "simulated"
        self.metrics = {"val_accuracy_pct": table.metrics["val_accuracy_pct"]}

    def __reduce__(self) -> tuple[Callable[[], Simulated], tuple[()]]:
        return simulated, ()

    def seeds(self, arch: Architecture, metric: str) -> Sequence[int]:
        return (0,)

    def evaluate(
        self,
        archs: Sequence[Architecture],
        metrics: Sequence[str] | None = None,
        *,
        seed: int | None = None,
        fidelity: int | None = None,
    ) -> list[Evaluation]:
        found = _table().evaluate(archs, metrics)
        time.sleep(sum(evaluation.cost_s for evaluation in found) / FASTER)
        return found


@functools.cache
def simulated() -> Simulated:
    """The benchmark of this process."""
    return Simulated()


@functools.cache
def _table() -> Benchmark:
    return load_benchmark("nb201", "cifar10")


def tasks() -> Iterator[dict[str, Any]]:
    for repeat in range(REPEATS):
        for search in SEARCHES:
            for workers in WORKERS:
                for order in ("ordered", "unordered") if workers > 1 else ("ordered",):
                    yield {"search": search, "workers": workers, "order": order, "killed": 0, "repeat": repeat}
        for order in ("ordered", "unordered"):
            yield {"search": next(iter(SEARCHES)), "workers": 4, "order": order, "killed": 2, "repeat": repeat}


def measure(task: Mapping[str, Any]) -> dict[str, Any]:
    """One search, on a cluster of its own."""
    from distributed import Client, LocalCluster

    asked: list[str] = []
    with (
        LocalCluster(n_workers=PLACES, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.run(simulated)
        killer = threading.Thread(target=_kill, args=(client, task["killed"]))
        killer.start()
        began = time.monotonic()
        result = run(
            benchmark=simulated(),
            budget=BUDGET,
            seed=0,
            workers=task["workers"],
            unordered=task["order"] == "unordered",
            executor=client.get_executor(),
            write=False,
            listener=lambda event: asked.append(event.query.arch) if event.query else None,
            **SEARCHES[task["search"]],
        )
        wall_s = time.monotonic() - began
        killer.join()
    return {
        "wall_s": round(wall_s, 3),
        "training_s": round(result["label_cost_s"] / FASTER, 3),
        "queries": result["queries"],
        "different": len(set(asked)),
        "failed": result["n_failed"],
    }


def _kill(client: Any, number: int) -> None:
    """Kill workers, two seconds after one another."""
    for _ in range(number):
        time.sleep(2)
        pids = client.run(os.getpid)
        os.kill(min(pids.values()), signal.SIGKILL)


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Wall time, and how many times faster than one worker: medians over the repeats."""
    rows = []
    for search in SEARCHES:
        alone = _median(lines, search, 1, "ordered")
        for workers in WORKERS:
            for order in ("ordered", "unordered") if workers > 1 else ("ordered",):
                wall_s = _median(lines, search, workers, order)
                rows.append([search, str(workers), order, f"{wall_s:.1f}", f"{alone / wall_s:.2f}"])
    return markdown_table(["search", "workers", "answers", "wall time (s)", "speed-up"], rows)


def _median(lines: Sequence[Mapping[str, Any]], search: str, workers: int, order: str) -> float:
    of = {"search": search, "workers": workers, "order": order, "killed": 0}
    return median(line["wall_s"] for line in lines if of.items() <= line.items())


def killed(lines: Sequence[Mapping[str, Any]]) -> str:
    """What the runs with killed workers evaluated."""
    rows = [
        [line["order"], str(line["repeat"]), str(line["queries"]), str(line["different"]), str(line["failed"])]
        for line in lines
        if line["killed"]
    ]
    return markdown_table(["answers", "repeat", "evaluations", "different architectures", "failed"], rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args(arguments)
    if not chosen.report:
        for task in missing_tasks(tasks(), read_lines(chosen.results)):
            append_lines(chosen.results, {**task, **measure(task)})
    lines = read_lines(chosen.results)
    print(f"{table(lines)}\n\nWith two of four workers killed:\n\n{killed(lines)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
