"""Splits measured by `nassurrogate.benchmarks.evaluate` and stored line by line, for scripts that compare predictors.

A file of results holds JSON lines of three kinds: `packages` (the versions that made the lines below it), `split` (one
fit, measured by one protocol) and `row` (the mean over all splits, as `nassurrogate evaluate --json` has it). Lines are
appended as soon as they are known, so a killed run can resume where it stopped.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

from nassurrogate.benchmarks.experiments import NO_GPU, TaskError, append_lines, environment, in_processes, read_lines

Line = dict[str, Any]
Key = tuple[str, str, str, int]
"""Data set, protocol, predictor, labels: what a row is of."""

_DIGITS = 6


@dataclass(frozen=True)
class Task:
    """One fit, and the protocols that measure it.

    Attributes:
        name: what its lines call it.
        predictor: a registered name or `name:preset`.
        config: hyper-parameters that replace the preset's.
    """

    dataset: str
    name: str
    labels: int
    split: int
    protocols: tuple[str, ...]
    predictor: str
    config: Mapping[str, Any] = field(default_factory=dict)

    def rows(self) -> list[Key]:
        """The rows that it is part of."""
        return [(self.dataset, protocol, self.name, self.labels) for protocol in self.protocols]


def add_options(parser: argparse.ArgumentParser, results: Path, labels: Sequence[int]) -> None:
    """The options of every script that measures splits."""
    parser.add_argument(
        "--labels", type=lambda text: [int(part) for part in text.split(",")], default=list(labels),
        metavar="N[,...]", help=f"default: {','.join(map(str, labels))}",
    )  # fmt: skip
    parser.add_argument("--splits", type=int, default=10, metavar="S", help="default: 10")
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="processes, of one thread each (default: 1)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="for the networks (default: cpu)")
    parser.add_argument("--run-dir", type=Path, metavar="DIR", help="keep the predictions there")
    parser.add_argument(
        "--results", type=Path, default=results, metavar="FILE", help=f"default: results/{results.name}"
    )
    parser.add_argument("--machine", metavar="TEXT", help="a note on the machine, for the rows")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")


@contextmanager
def only_tables(*files: Path, space: str = "nb201") -> Iterator[None]:
    """Only the embedded table and these files: the user's imports are neither read nor changed."""
    from nassurrogate.benchmarks.importers import import_file
    from nassurrogate.files.cache_folder import CACHE_VARIABLE

    with tempfile.TemporaryDirectory() as cache, environment({CACHE_VARIABLE: cache}):
        for file in files:
            import_file(space, file)
        yield


def measure(run_dir: str | None, device: str, task: Task) -> list[Line]:
    """One line per protocol. The fit is made once: the other protocols read it from the run folder."""
    from nassurrogate.benchmarks.evaluation import evaluate

    lines = []
    with ExitStack() as stack:
        folder = run_dir or stack.enter_context(tempfile.TemporaryDirectory())
        for protocol in task.protocols:
            found = evaluate(
                protocol,
                dataset=task.dataset,
                labels=task.labels,
                splits=1,
                predictors=task.predictor,
                config={task.predictor: task.config} if task.config else None,
                seed=task.split,
                run_dir=folder,
                device=device,
            )
            lines.append(
                {
                    "kind": "split",
                    "dataset": task.dataset,
                    "protocol": protocol,
                    "preset": found.rows[0].preset,
                    **({"config": dict(task.config)} if task.config else {}),
                    **asdict(found.splits[0]),
                    "predictor": task.name,
                    "split": task.split,
                    "reference_tau_all": found.reference_tau,
                    "reference_tau_classes": found.reference_tau_classes,
                }
            )
    return [{name: _plain(value) for name, value in line.items()} for line in lines]


def complete(tasks: Iterable[Task], chosen: argparse.Namespace) -> int:
    """Measure, in this order, what the file of results lacks.

    Args:
        chosen: the values of `add_options`.

    Returns how many fits failed; each failure is printed on stderr, and the other predictors are still measured.
    """
    path, splits = chosen.results, chosen.splits
    stored, tasks = read_lines(path), list(tasks)
    missing = list(without_stored(tasks, stored))
    results = by_row(stored)
    written = {(row_key(line), line["splits"]) for line in stored if line["kind"] == "row"}
    began = time.perf_counter()
    machine = chosen.machine or f"{os.cpu_count()} CPUs, {platform.machine()}"
    about = {"jobs": chosen.jobs, "machine": machine, "version": _version(), "device": chosen.device}
    failures: list[TaskError] = []
    n_done = 0

    def describe(task: Task) -> str:
        seconds = time.perf_counter() - began
        what = f"{task.dataset} {task.name} n{task.labels} split {task.split}"
        return f"{n_done + len(failures)}/{len(missing)} {seconds:.0f} s: {what}"

    def fail(error: TaskError) -> None:
        failures.append(error)
        print(f"{describe(error.task)} FAILED: {error}", file=sys.stderr, flush=True)

    def write_rows(keys: Iterable[Key]) -> None:
        for key in keys:
            here = results.get(key, {})
            if all(split in here for split in range(splits)) and (key, splits) not in written:
                written.add((key, splits))
                append_lines(path, row_line([here[split] for split in range(splits)]) | about)

    if missing:
        append_lines(path, {"kind": "packages", **_packages()})
    write_rows(key for task in tasks for key in task.rows())  # of splits after which a run was killed
    work = partial(measure, str(chosen.run_dir) if chosen.run_dir else None, chosen.device)
    variables = NO_GPU if chosen.device == "cpu" else None
    with in_processes(work, missing, chosen.jobs, variables=variables, on_error=fail) as measured:
        for task, lines in measured:
            n_done += 1
            append_lines(path, *lines)
            for line in lines:
                results.setdefault(row_key(line), {})[line["split"]] = line
            write_rows(task.rows())
            print(f"{describe(task)}, fit {lines[0]['fit_s']:.1f} s", flush=True)
    return len(failures)


def without_stored(tasks: Iterable[Task], stored: Sequence[Line]) -> Iterator[Task]:
    """The tasks that are not stored, each with the protocols that are not."""
    done = {(*row_key(line), line["split"]) for line in stored if line["kind"] == "split"}
    for task in tasks:
        left = tuple(key[1] for key in task.rows() if (*key, task.split) not in done)
        if left:
            yield Task(task.dataset, task.name, task.labels, task.split, left, task.predictor, task.config)


def row_key(line: Line) -> Key:
    """Which row a line belongs to."""
    return line["dataset"], line["protocol"], line["predictor"], line["labels"]


def by_row(lines: Iterable[Line]) -> dict[Key, dict[int, Line]]:
    """Row → split → its line; the last one where there are several."""
    rows: dict[Key, dict[int, Line]] = {}
    for line in lines:
        if line["kind"] == "split":
            rows.setdefault(row_key(line), {})[line["split"]] = line
    return rows


def row_line(lines: Sequence[Line]) -> Line:
    """The row of the splits of one predictor at one number of labels, in the words of `nassurrogate evaluate`."""
    from nassurrogate.benchmarks.evaluation import SplitResult
    from nassurrogate.benchmarks.evaluation.report import make_row

    first = lines[0]
    names = [item.name for item in fields(SplitResult) if item.name in first]  # older lines have fewer measures
    results = [
        SplitResult(**{name: math.nan if line[name] is None else line[name] for name in names}) for line in lines
    ]
    row = asdict(make_row(first["predictor"], first["preset"], results))
    return {
        "kind": "row",
        "dataset": first["dataset"],
        "protocol": first["protocol"],
        **{name: _plain(value) for name, value in row.items()},
        "reference_tau": first["reference_tau_all"],
        "reference_tau_classes": first["reference_tau_classes"],
    }


def _plain(value: Any) -> Any:
    """Rounded; None for NaN and infinities, which JSON lacks."""
    if not isinstance(value, float):
        return value
    return round(value, _DIGITS) if math.isfinite(value) else None


def _version() -> str:
    import nassurrogate

    return nassurrogate.__version__


def _packages() -> dict[str, str]:
    from nassurrogate.runtime.versions import package_versions

    return package_versions()
