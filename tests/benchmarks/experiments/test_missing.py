"""Measuring what a file lacks: stored tasks are not repeated, and whatever stops a run costs no finished task."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks.experiments import (
    TaskError,
    append_lines,
    measure_missing,
    missing_tasks,
    read_lines,
)

TASKS = [{"number": number} for number in range(4)]


def square(task: dict[str, Any]) -> dict[str, Any]:
    return {"square": task["number"] ** 2}


def fail_at(number: int, task: dict[str, Any]) -> dict[str, Any]:
    """One task kills its process, the one before it raises."""
    if task["number"] == number:
        os._exit(3)
    return {"inverse": 1 / (number - 1 - task["number"])}


def never(task: dict[str, Any]) -> dict[str, Any]:
    raise AssertionError(f"{task} is stored")


def test_each_task_is_a_line_with_its_results_in_order(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "lines.jsonl"
    measure_missing(path, iter(TASKS), square, jobs=1)
    assert read_lines(path) == [{"number": number, "square": number**2} for number in range(4)]
    assert capfd.readouterr().err.splitlines()[-1] == "4 of 4: number 3"


def test_only_what_is_missing_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    append_lines(path, {"packages": {}}, {"number": 0, "square": 0}, {"square": 4, "number": 2})
    measure_missing(path, TASKS, square, jobs=2)
    assert sorted(line["number"] for line in read_lines(path)[3:]) == [1, 3]
    whole = path.read_bytes()
    measure_missing(path, TASKS, never, jobs=2)
    assert path.read_bytes() == whole


def test_half_a_line_of_a_killed_run_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    measure_missing(path, TASKS[:2], square, jobs=1)
    path.write_bytes(path.read_bytes()[:-4])
    measure_missing(path, TASKS[:2], square, jobs=1)
    assert read_lines(path) == [{"number": 0, "square": 0}, {"number": 1, "square": 1}]


@pytest.mark.parametrize(("last", "message"), [(4, "number 3: ZeroDivisionError"), (2, "number 1: ZeroDivisionError")])
def test_a_task_that_raises_is_named_and_finished_tasks_are_kept(tmp_path: Path, last: int, message: str) -> None:
    path = tmp_path / "lines.jsonl"
    with pytest.raises(TaskError, match=f"^{message}") as caught:
        measure_missing(path, TASKS, partial(fail_at, last), jobs=1)
    assert caught.value.task == {"number": last - 1}
    assert [line["number"] for line in read_lines(path)] == list(range(last - 1))


def test_a_task_whose_process_dies_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"^number 0: its process ended with exit code 3"):
        measure_missing(tmp_path / "lines.jsonl", TASKS, partial(fail_at, 0), jobs=1)


KILLED = """
import os, sys
from pathlib import Path
from nassurrogate.benchmarks.experiments import measure_missing

class Kill(str):
    def write(self, text):
        os.kill(os.getpid(), 9)

sys.stderr = Kill()
measure_missing(Path(sys.argv[1]), [{"number": 1}, {"number": 2}], dict, 1)
"""


def test_a_killed_run_keeps_what_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode == -9
    assert read_lines(path) == [{"number": 1}]


def test_tasks_with_different_names_lists_and_nested_values() -> None:
    lines = [{"config": {"b": 1, "a": (2,)}, "tau": 0.5}, {"seed": 1, "kind": "x"}]
    tasks = [{"config": {"a": [2], "b": 1}}, {"config": {"a": [3], "b": 1}}, {"kind": "x", "seed": 1}, {"kind": "x"}]
    assert list(missing_tasks(tasks, lines)) == [tasks[1]]
    assert list(missing_tasks(tasks, [])) == tasks
