"""The processes of a problem end with the process that evaluates, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest

from nassurrogate.benchmarks import Evaluation, Problem
from tests.benchmarks.problems.processes import alive, all_end

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups of POSIX")

BUSY = """
import os, subprocess
def evaluate(arch):
    with open({pids!r}, "a") as pids:
        print(os.getpid(), file=pids)
        if arch.choices["do"] == "harm":
            print(subprocess.Popen(["sleep", "100"]).pid, file=pids)
    while arch.choices["do"] == "harm":
        pass
    return 90
"""
PARENT = """
import sys, threading
from nassurrogate.benchmarks import load_problem
problem = load_problem(sys.argv[1])
archs = [problem.space.parse(f"do={do} n=0") for do in ("well", "harm")]
threading.Thread(target=problem.evaluate, args=(archs[1:],), daemon=True).start()
problem.evaluate(archs[:1])
print("evaluated", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def parent(write: Callable[..., Path], tmp_path: Path) -> Callable[..., tuple[subprocess.Popen[str], list[int]]]:
    """Starts a process with one evaluation that never ends and one idle process: that process, and theirs."""

    def started() -> tuple[subprocess.Popen[str], list[int]]:
        pids = tmp_path / "pids"
        path = write(BUSY.format(pids=str(pids)))
        command = [sys.executable, "-c", PARENT, str(path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0)
        assert process.stdout is not None
        assert process.stdout.readline() == "evaluated\n"
        while not pids.exists() or len(pids.read_text().split()) < 3:
            time.sleep(0.01)
        found = [int(pid) for pid in pids.read_text().split()]
        return process, found

    return started


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_parent_takes_everything_along(parent: Callable[..., tuple], number: signal.Signals) -> None:
    process, pids = parent()
    assert all(map(alive, pids))
    process.send_signal(number)
    process.communicate(timeout=30)
    assert all_end(pids)


def test_ctrl_c_reaches_the_parent_alone(parent: Callable[..., tuple]) -> None:
    process, pids = parent()
    for pid in pids[:1]:
        os.kill(pid, signal.SIGINT)
    time.sleep(0.1)
    assert all(map(alive, pids))
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert all_end(pids)


def test_an_end_leaves_nothing_behind(parent: Callable[..., tuple]) -> None:
    process, pids = parent()
    process.communicate("\n", timeout=30)
    assert process.returncode == 0
    assert all_end(pids)


def test_what_a_training_does_at_exit_is_done(
    problem: Callable[..., Problem], evaluate: Callable[..., Evaluation], tmp_path: Path
) -> None:
    mine = problem(
        "import atexit, pathlib\ndef evaluate(arch): return 90\n"
        f"atexit.register(lambda: pathlib.Path({str(tmp_path / 'saved')!r}).touch())\n"
    )
    evaluate(mine)
    assert not (tmp_path / "saved").exists()
    mine.close()
    assert (tmp_path / "saved").exists()


def test_a_fork_has_processes_of_its_own(problem: Callable[..., Problem], evaluate: Callable[..., Evaluation]) -> None:
    mine = problem("import os\ndef evaluate(arch): return {'val_accuracy_pct': 90, 'pid': os.getpid()}\n")
    ours = evaluate(mine).values["pid"]
    context = get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    forked = context.Process(target=lambda: sending.send(evaluate(mine).values["pid"]))
    forked.start()
    theirs = receiving.recv()
    forked.join(30)
    assert theirs != ours
    assert all_end([int(theirs)])
    assert evaluate(mine).values["pid"] == ours
