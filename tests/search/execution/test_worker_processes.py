"""Functions in processes of this machine: one that is lost costs nothing but time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nassurrogate.benchmarks import CallableBenchmark
from nassurrogate.errors import InputError
from nassurrogate.search import read_ledger, run
from nassurrogate.spaces import CategoricalSpace
from tests.search import trainings
from tests.search.execution.searches import searched
from tests.search.trainings import DEADLY, SPACE, accuracy


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    assert multiprocessing.active_children() == []


def test_functions_run_in_processes_that_keep_what_they_have_loaded(tmp_path):
    folder = searched(tmp_path / "run", evaluate=trainings.Counts(), workers=2)
    values = [query.values or {} for query in read_ledger(folder).queries]
    by_process: dict[float, list[float]] = {}
    for each in values:
        by_process.setdefault(each["process"], []).append(each["n_calls"])
    assert 1 <= len(by_process) <= 2
    for calls in by_process.values():
        assert sorted(calls) == list(range(1, len(calls) + 1))


def test_an_architecture_that_kills_its_process_costs_only_itself(tmp_path):
    folder = searched(tmp_path / "run", evaluate=trainings.kills_its_process, workers=2, budget=24)
    failed = [query for query in read_ledger(folder).queries if query.status != "ok"]
    assert [query.arch for query in failed] == [DEADLY]
    assert failed[0].reason == (
        "its worker was lost every time, the last time by WorkerDiedError: ended with exit code -9"
    )


def test_an_evaluation_whose_process_was_lost_is_handed_out_again(tmp_path, monkeypatch):
    monkeypatch.setenv(trainings.FOLDER, str(tmp_path))
    folder = searched(tmp_path / "run", evaluate=trainings.kills_its_process_once, workers=2, budget=24)
    assert (tmp_path / "killed").exists()
    queries = read_ledger(folder).queries
    assert {query.status for query in queries} == {"ok"}
    assert len({query.arch for query in queries}) == 24
    assert [query.label for query in queries] == [accuracy(SPACE.parse(query.arch)) for query in queries]


@pytest.mark.parametrize("kind", ["lambda", "closure", "object"])
def test_what_cannot_go_to_other_processes_is_refused_before_the_first_query(tmp_path, kind):
    lock = threading.Lock()

    class Locked:
        held = lock

        def __init__(self):
            self.lock = lock

        def __call__(self, arch):
            return 90.0

    evaluate = {"lambda": lambda arch: 90.0, "closure": lambda arch: accuracy(arch) + len(kind), "object": Locked()}[
        kind
    ]
    with pytest.raises(InputError, match="cannot be sent to other processes") as caught:
        searched(tmp_path / "run", evaluate=evaluate, workers=2)
    assert "define it by `def` at the top of a module, or pass executor=ThreadPoolExecutor(N)" in str(caught.value)
    assert not (tmp_path / "run").exists()
    # One worker needs no other process, and threads share everything.
    run(space=SPACE, evaluate=evaluate, budget=2, seed=0, predictor="none", write=False)
    with ThreadPoolExecutor(2) as threads:
        run(
            space=SPACE, evaluate=evaluate, budget=4, seed=0, predictor="none", write=False, workers=2, executor=threads
        )


def test_a_space_that_cannot_go_to_other_processes_says_why():
    space = CategoricalSpace("costly", {"width": [1, 2, 3, 4]}, costs=lambda arch: {"params_m": arch.choices["width"]})
    with pytest.raises(InputError, match="space 'costly' cannot be sent to another process: its costs is a lambda"):
        run(space=space, evaluate=accuracy, budget=2, seed=0, write=False, workers=2)


def test_an_error_in_the_loop_stops_the_processes_in_the_midst_of_their_work(tmp_path, monkeypatch):
    monkeypatch.setenv(trainings.FOLDER, str(tmp_path))
    (tmp_path / "slow").write_text("none")

    def listen(event):
        if event.query is not None and event.done == 2:
            while not (tmp_path / "begun").exists():
                time.sleep(0.01)
            raise RuntimeError("listener")

    options = {"evaluate": trainings.takes_hours_for_one, "predictor": "none", "workers": 2}
    order = [query.arch for query in read_ledger(searched(tmp_path / "run", **options)).queries]
    (tmp_path / "slow").write_text(order[3])
    with pytest.raises(RuntimeError, match="listener"):
        searched(tmp_path / "stopped", **options, listener=listen)


def test_the_benchmark_may_be_an_object():
    benchmark = CallableBenchmark(SPACE, trainings.uneven)
    assert run(benchmark=benchmark, budget=6, seed=0, workers=2, write=False)["queries"] == 6


# --- scripts --------------------------------------------------------------------------------------------------------

SCRIPT = """
import sys, time
from nassurrogate.search import run
from nassurrogate.spaces import CategoricalSpace

space = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64], "depth": [1, 2, 3, 4]})

def evaluate(arch):
    if arch.choices["depth"] > 2:
        print("endless", flush=True)
        time.sleep(3600)
    return 90.0 + arch.choices["width"] / 64

"""
CALL = "run(space=space, evaluate=evaluate, budget=24, seed=0, workers=2, unordered=True, run_dir=sys.argv[1])\n"
GUARDED = f'if __name__ == "__main__":\n    {CALL}'


def script(folder: Path, text: str, *arguments: str) -> subprocess.Popen[str]:
    (folder / "script.py").write_text(SCRIPT + text)
    return subprocess.Popen(
        [sys.executable, folder / "script.py", folder / "run", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def in_the_midst(folder: Path) -> subprocess.Popen[str]:
    """A script whose two workers are busy for hours."""
    process = script(folder, GUARDED)
    assert process.stdout is not None
    for _ in range(2):
        assert process.stdout.readline() == "endless\n"
    return process


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_ends_all_processes_and_shows_no_traceback_of_a_worker(tmp_path):
    process = in_the_midst(tmp_path)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    # The workers have the same stdout, which ends with the last process that could write to it.
    out, err = process.communicate(timeout=60)
    assert out == ""
    assert err.count("Traceback") <= 2, "that of the script, and of the interruption behind it"
    assert "worker_processes.py" not in err
    assert err.splitlines()[-1].partition(":")[0].endswith(("SearchInterrupted", "KeyboardInterrupt"))


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_no_worker_outlives_a_script_that_is_killed(tmp_path):
    process = in_the_midst(tmp_path)
    process.kill()
    assert process.communicate(timeout=60) == ("", "")


def test_a_script_without_a_guard_is_told_about_it(tmp_path):
    process = script(tmp_path, CALL)
    out, err = process.communicate(timeout=60)
    assert (out, process.returncode) == ("", 1)
    assert err.splitlines()[-1].endswith(
        'a script that uses several workers needs `if __name__ == "__main__":` around what it runs'
    )
    assert not (tmp_path / "run").exists()
