"""Tasks whose results are lines of a file: what is stored is not measured again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nassurrogate.benchmarks.experiments.json_lines import append_lines, read_lines
from nassurrogate.benchmarks.experiments.processes import NO_GPU, TaskError, in_processes

Task = Mapping[str, Any]
"""Arguments of a measurement by name. Its line in the file has the same items, followed by the results."""


def measure_missing(
    path: Path,
    tasks: Iterable[Task],
    measure: Callable[[Any], Mapping[str, Any]],
    jobs: int,
    *,
    variables: Mapping[str, str] | None = NO_GPU,
) -> None:
    """Measure the tasks that a file lacks, in order; each line is appended as soon as its task is finished.

    A run that is interrupted loses only the tasks that are running. Progress goes to stderr.

    Args:
        path: a file of JSON lines; it need not exist.
        measure: called with a task in another process; it is pickled, and returns the results by name.
        jobs: how many processes at most, of one thread each.
        variables: environment variables of the processes; by default they see no GPU.

    Raises `TaskError`, which names the task, as soon as `measure` raises or a process dies.
    """
    missing = list(missing_tasks(tasks, read_lines(path)))
    try:
        with in_processes(measure, missing, jobs, variables=variables) as measured:
            for number, (task, results) in enumerate(measured, start=1):
                append_lines(path, {**task, **results})
                sys.stderr.write(f"{number} of {len(missing)}: {_describe(task)}\n")
    except TaskError as error:
        raise TaskError(error.task, f"{_describe(error.task)}: {error}") from error


def missing_tasks(tasks: Iterable[Task], lines: Iterable[Mapping[str, Any]]) -> Iterator[Task]:
    """The tasks without a line that has all their items.

    >>> lines = [{"predictor": "ridge", "seed": 0, "tau": 0.7}]
    >>> list(missing_tasks([{"predictor": "ridge", "seed": seed} for seed in (0, 1)], lines))
    [{'predictor': 'ridge', 'seed': 1}]
    """
    lines = list(lines)
    stored: dict[frozenset[str], set[str]] = {}
    for task in tasks:
        names = frozenset(task)
        if names not in stored:
            stored[names] = {_items(line, names) for line in lines if names <= line.keys()}
        if _items(task, names) not in stored[names]:
            yield task


def _items(of: Mapping[str, Any], names: Iterable[str]) -> str:
    """Equal for equal items, and hashable whatever the values are."""
    return json.dumps({name: of[name] for name in names}, sort_keys=True)


def _describe(task: Task) -> str:
    return ", ".join(f"{name} {value}" for name, value in task.items())
