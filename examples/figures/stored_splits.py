"""Splits of evaluations, measured in one pool of processes and stored line by line: what two of the scripts share.

A file of results holds JSON lines of three kinds: `packages` (who made the lines below it), `split` (one fit, judged by
one protocol) and `row` (the mean over all splits, as `nassurrogate evaluate --json` has it). Lines are appended as soon
as they are known, so a run may be killed at any time and goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, fields
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, TextIO

Line = dict[str, Any]
Key = tuple[str, str, str, int]
"""Data set, protocol, predictor, labels: what a row is of."""

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
_NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}
_DIGITS = 6


@dataclass(frozen=True)
class Task:
    """One fit, and the protocols that judge it.

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
    """What every script that measures splits can be told."""
    parser.add_argument(
        "--labels", type=lambda text: [int(part) for part in text.split(",")], default=list(labels),
        metavar="N[,...]", help=f"default: {','.join(map(str, labels))}",
    )  # fmt: skip
    parser.add_argument("--splits", type=int, default=10, metavar="S", help="default: 10")
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="processes, of one thread each (default: 1)")
    parser.add_argument("--run-dir", type=Path, metavar="DIR", help="keep the predictions there")
    parser.add_argument(
        "--results", type=Path, default=results, metavar="FILE", help=f"default: results/{results.name}"
    )
    parser.add_argument("--machine", metavar="TEXT", help="a note on the machine, for the rows")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")


@contextmanager
def only_tables(*files: Path, space: str = "nb201") -> Iterator[None]:
    """The embedded table and these files: what the user has imported neither counts nor changes."""
    from nassurrogate.benchmarks.importers import import_file
    from nassurrogate.files.cache_folder import CACHE_VARIABLE

    with tempfile.TemporaryDirectory() as cache, _environment({CACHE_VARIABLE: cache}):
        for file in files:
            import_file(space, file)
        yield


def measure(task: Task, run_dir: str | None) -> list[Line]:
    """One line a protocol. The fit is made once: the other protocols find it in the run folder."""
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
                device="cpu",
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
    """Measure, in this order, what the file of results lacks; no GPU is used.

    Args:
        chosen: the values of `add_options`.

    Returns how many fits failed; each is told on stderr.
    """
    path, splits, run_dir = chosen.results, chosen.splits, chosen.run_dir
    stored, tasks = read_lines(path), list(tasks)
    missing = list(without_stored(tasks, stored))
    results = by_row(stored)
    written = {(row_key(line), line["splits"]) for line in stored if line["kind"] == "row"}
    failed = 0
    began = time.perf_counter()
    machine = chosen.machine or f"{os.cpu_count()} CPUs, {platform.machine()}"
    about = {"jobs": chosen.jobs, "machine": machine, "version": _version()}
    with _appending(path) as file, one_thread_each(chosen.jobs) as pool:
        _append(file, [{"kind": "packages", **_packages()}] if missing else [])

        def write_rows(keys: Iterable[Key]) -> None:
            for key in keys:
                here = results.get(key, {})
                if all(split in here for split in range(splits)) and (key, splits) not in written:
                    written.add((key, splits))
                    _append(file, [row_line([here[split] for split in range(splits)]) | about])

        write_rows(key for task in tasks for key in task.rows())  # of splits after which a run was killed
        waiting = {pool.submit(_measured, task, str(run_dir) if run_dir else None): task for task in missing}
        for number, future in enumerate(as_completed(waiting), start=1):
            task, answer = waiting[future], future.result()
            told = f"{number}/{len(missing)} {time.perf_counter() - began:.0f} s: {task.dataset} {task.name} "
            told += f"n{task.labels} split {task.split}"
            if isinstance(answer, str):
                failed += 1
                print(f"{told} FAILED: {answer}", file=sys.stderr, flush=True)
                continue
            _append(file, answer)
            for line in answer:
                results.setdefault(row_key(line), {})[line["split"]] = line
            write_rows(task.rows())
            print(f"{told}, fit {answer[0]['fit_s']:.1f} s", flush=True)
    return failed


def without_stored(tasks: Iterable[Task], stored: Sequence[Line]) -> Iterator[Task]:
    """The tasks that are not stored, each with the protocols that are not."""
    done = {(*row_key(line), line["split"]) for line in stored if line["kind"] == "split"}
    for task in tasks:
        left = tuple(key[1] for key in task.rows() if (*key, task.split) not in done)
        if left:
            yield Task(task.dataset, task.name, task.labels, task.split, left, task.predictor, task.config)


def read_lines(path: Path) -> list[Line]:
    """All lines of a file of results; what a killed run left half-written is passed over."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            print(f"{path}: passed over a line that is not whole", file=sys.stderr)
    return lines


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


def _measured(task: Task, run_dir: str | None) -> list[Line] | str:
    """The lines, or what went wrong: one predictor that fails must not end the others' measurement."""
    try:
        return measure(task, run_dir)
    except Exception as error:  # whatever a predictor raises
        return " ".join(f"{type(error).__name__}: {error}".split())[:300]


@contextmanager
def one_thread_each(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that live as long as the work; libraries read these variables when they are first imported."""
    with (
        _environment(_ONE_THREAD | _NO_GPU),
        ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool,
    ):
        yield pool


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Variables for this process and those it starts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _end_with_parent() -> None:
    """A killed script cannot tell its processes to end."""
    parent = parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextmanager
def _appending(path: Path) -> Iterator[TextIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    torn = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" if torn else "")
        yield file


def _append(file: TextIO, lines: Iterable[Line]) -> None:
    file.writelines(json.dumps(line, allow_nan=False) + "\n" for line in lines)
    file.flush()


def _plain(value: Any) -> Any:
    """Short, and None for what JSON has no word for."""
    if not isinstance(value, float):
        return value
    return round(value, _DIGITS) if math.isfinite(value) else None


def _version() -> str:
    import nassurrogate

    return nassurrogate.__version__


def _packages() -> dict[str, str]:
    from nassurrogate.runtime.versions import package_versions

    return package_versions()
