"""Searches on the command line that are killed at any instant, and resumed until they are finished."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.search.ledgers import comparable, files

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

TABLE = ("--budget", "12", "--predictor", "gradient-boosting", "--config", "members=2", "--config", "rounds=20")
PROBLEM = """
import time
from nassurrogate.spaces import CategoricalSpace

space = CategoricalSpace("quick", {"kernel": [3, 5, 7], "width": [16, 32, 64], "depth": [1, 2, 3, 4]})

def evaluate(arch, seed=0):
    time.sleep(arch.choices["depth"] * arch.choices["kernel"] / 500)
    return 90.0 + arch.choices["width"] / 64 - (arch.choices["depth"] - 2.5) ** 2
"""
SLOW_PROBLEM = PROBLEM.replace("time.sleep(", "time.sleep(600 if arch.choices['depth'] > 2 else ")


def started(*arguments: str | Path) -> subprocess.Popen[str]:
    """`nassurrogate search` in a process group of its own."""
    program = [sys.executable, "-m", "nassurrogate", "search", "--no-plots", *map(str, arguments)]
    return subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def killed_and_resumed(folder: Path, asked: Sequence[str | Path], n_kills: int, length_s: float, seed: int) -> None:
    """Kill a run at random instants, resume it each time, and let it finish in the end.

    Args:
        folder: of the run.
        asked: arguments of the first run.
        n_kills: how often.
        length_s: seconds that an uninterrupted run takes.
        seed: of the instants.
    """
    instants = random.Random(seed)
    for number in range(n_kills + 1):
        has_begun = (folder / "ledger.jsonl").exists()
        process = started(*(("--resume", folder) if has_begun else (*asked, "--run-dir", folder)))
        try:
            _, errors = process.communicate(timeout=instants.random() * length_s if number < n_kills else 300)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        else:
            assert process.returncode == 0, errors


def finished(folder: Path, asked: Sequence[str | Path]) -> float:
    """Run without interruption. Returns how many seconds that took."""
    began = time.monotonic()
    process = started(*asked, "--run-dir", folder)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return time.monotonic() - began


def asked_for(kind: str, folder: Path) -> tuple[str | Path, ...]:
    if kind == "table":
        return (*TABLE, "--seed", "5")
    problem = folder / "problem.py"
    problem.write_text(PROBLEM)
    return "--problem", problem, "--budget", "16", "--workers", "2", "--seed", "5"


@pytest.mark.parametrize("kind", ["table", "problem"])
def test_killed_three_times_and_resumed(tmp_path, kind):
    asked = asked_for(kind, tmp_path)
    length_s = finished(tmp_path / "whole", asked)
    killed_and_resumed(tmp_path / "killed", asked, 3, length_s, seed=0)
    assert comparable(tmp_path / "killed") == comparable(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["table", "problem"])
def test_killed_fifty_times_and_resumed(tmp_path, kind):
    """Ten runs, each killed five times."""
    asked = asked_for(kind, tmp_path)
    length_s = finished(tmp_path / "whole", asked)
    for number in range(10):
        killed_and_resumed(tmp_path / str(number), asked, 5, length_s, seed=number)
        assert comparable(tmp_path / str(number)) == comparable(tmp_path / "whole")


# --- the processes that train ---------------------------------------------------------------------------------------


def waits_for_a_training(folder: Path, workers: int) -> subprocess.Popen[str]:
    """A search that has results, and whose trainings now take for ever. Their output is that of the search."""
    (folder / "problem.py").write_text(SLOW_PROBLEM)
    program = started(
        "--problem", folder / "problem.py", "--budget", "30", "--seed", "0", "--workers", str(workers),
        "--predictor", "none", "--run-dir", folder / "run",
    )  # fmt: skip
    deadline = time.monotonic() + 60
    ledger = folder / "run" / "ledger.jsonl"
    n_lines = -1
    while time.monotonic() < deadline:
        time.sleep(0.7)
        found = len(ledger.read_bytes().splitlines()) if ledger.exists() else 0
        if found == n_lines > 1:
            return program
        n_lines = found
    raise AssertionError("no result")


def processes_of(problem: Path) -> list[str]:
    """Command lines of processes that mention a file."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().decode(errors="replace") if entry.name.isdigit() else ""
        except OSError:  # it has just ended
            continue
        if str(problem) in line:
            found.append(line)
    return found


def none_is_left(problem: Path) -> bool:
    deadline = time.monotonic() + 30
    while processes_of(problem) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not processes_of(problem)


needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads /proc")


@needs_proc
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_prints_the_result_and_leaves_no_process(tmp_path, workers):
    process = waits_for_a_training(tmp_path, workers)
    assert len(processes_of(tmp_path / "problem.py")) > 1
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "best architecture" in out
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("error: interrupted: the ")
    assert none_is_left(tmp_path / "problem.py")
    assert {"ledger.jsonl", "summary.json"} <= set(files(tmp_path / "run"))


@needs_proc
def test_no_training_outlives_a_search_that_is_killed(tmp_path):
    process = waits_for_a_training(tmp_path, 2)
    assert len(processes_of(tmp_path / "problem.py")) > 1
    process.kill()
    process.communicate(timeout=30)
    assert none_is_left(tmp_path / "problem.py")
