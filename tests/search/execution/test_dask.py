"""Evaluations on the workers of a Dask scheduler."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nassurrogate.errors import InputError
from nassurrogate.search import read_ledger, run
from tests.search import trainings
from tests.search.execution.searches import delayed, searched
from tests.search.ledgers import comparable, cut_off, header_bytes
from tests.search.trainings import SPACE, accuracy

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a scheduler with two workers, threads of this process."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


# --- a scheduler that is there --------------------------------------------------------------------------------------


def test_a_run_on_dask_is_the_run_on_threads(tmp_path, scheduler):
    whole = searched(tmp_path / "dask", evaluate=delayed, workers=2, dask=scheduler)
    here = searched(tmp_path / "here", evaluate=delayed, workers=2)
    assert comparable(whole)[1:] == comparable(here)[1:]
    cut = cut_off(whole, (header_bytes(whole) + (whole / "ledger.jsonl").stat().st_size) // 2, tmp_path / "cut")
    run(resume=cut, space=SPACE, evaluate=delayed, dask=scheduler, plots=False)
    assert comparable(cut) == comparable(whole)


def test_an_executor_of_a_client_is_used_and_left_open(tmp_path, scheduler):
    with distributed.Client(scheduler, set_as_default=False) as client:
        executor = client.get_executor()
        folder = searched(tmp_path / "run", evaluate=accuracy, workers=2, executor=executor, unordered=True)
        assert executor.submit(abs, -1).result() == 1
    assert len(read_ledger(folder).queries) == 12


def test_without_workers_it_waits_and_says_so(tmp_path, caplog):
    with distributed.LocalCluster(n_workers=0, processes=False, protocol="tcp://", dashboard_address=":0") as cluster:

        def listen(event):
            if event.kind == "start":
                cluster.scale(1)

        searched(tmp_path / "run", evaluate=accuracy, workers=2, dask=cluster.scheduler_address, listener=listen)
    assert "has no workers yet; evaluations wait for them" in caplog.text
    assert len(read_ledger(tmp_path / "run").queries) == 12


# --- one that is not ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "nowhere", "", "http://127.0.0.1:8787", "127.0.0.1:99999", "nowhere.invalid:8786"]
)
def test_a_scheduler_that_is_not_there(tmp_path, monkeypatch, address, capfd):
    monkeypatch.setattr("nassurrogate.search.execution.dask_scheduler._TIMEOUT_S", 0.3)
    with pytest.raises(InputError, match=f"no Dask scheduler answers at '{address}'") as caught:
        searched(tmp_path / "run", evaluate=accuracy, workers=2, dask=address)
    assert "expected an address such as tcp://10.0.0.1:8786" in str(caught.value)
    assert not (tmp_path / "run").exists()
    assert capfd.readouterr().err == ""


def test_dask_that_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r'run: pip install "nassurrogate\[dask\]"'):
        searched(tmp_path / "run", evaluate=accuracy, workers=2, dask="tcp://127.0.0.1:8786")
    assert not (tmp_path / "run").exists()


def test_how_many_run_at_once_is_asked_for(refused):
    assert "dask needs workers=N (--workers N)" in refused("search", "--dask", "tcp://127.0.0.1:1")


# --- one that is lost -----------------------------------------------------------------------------------------------


@pytest.fixture
def other_scheduler() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address and the process of a scheduler, with a worker of two threads."""
    python, quiet = [sys.executable, "-m"], ["--no-dashboard", "--host", "127.0.0.1"]
    scheduler = subprocess.Popen(
        [*python, "distributed.cli.dask_scheduler", "--port", "0", *quiet],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert scheduler.stderr is not None
    address = next(line.split()[-1] for line in scheduler.stderr if "Scheduler at:" in line)
    worker = subprocess.Popen(
        [*python, "distributed.cli.dask_worker", address, "--nthreads", "2", "--no-nanny", *quiet],
        stderr=subprocess.DEVNULL,
    )
    yield address, scheduler
    for process in (scheduler, worker):
        process.kill()
        process.wait()
    scheduler.stderr.close()


@pytest.mark.parametrize("is_given", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_scheduler_that_is_lost_ends_the_run_in_one_line(tmp_path, monkeypatch, other_scheduler, is_given):
    monkeypatch.setattr("nassurrogate.search.execution.dask_scheduler._TIMEOUT_S", 1.0)
    address, process = other_scheduler

    def listen(event):
        if event.query is not None and event.done == 5:
            process.kill()

    options: dict[str, Any] = {"evaluate": delayed, "workers": 2, "listener": listen}
    if is_given:
        client = distributed.Client(address, timeout=1.0, set_as_default=False)
        place, where = "the given ClientExecutor", {"executor": client.get_executor()}
    else:
        place, where = f"the Dask scheduler at {address}", {"dask": address}
    with pytest.raises(InputError, match=rf"{place} cannot run evaluations any more \(ConnectionError: ") as caught:
        searched(tmp_path / "run", **options, **where)
    assert "\n" not in str(caught.value)
    assert 5 <= len(read_ledger(tmp_path / "run").queries) < 12
    run(resume=tmp_path / "run", space=SPACE, evaluate=delayed, plots=False)
    expected = searched(tmp_path / "expected", evaluate=delayed, workers=2)
    assert comparable(tmp_path / "run")[1:] == comparable(expected)[1:]


@pytest.mark.slow
def test_workers_that_are_killed_lose_and_double_nothing(tmp_path):
    options = {"evaluate": trainings.uneven, "workers": 4, "budget": 24}
    with distributed.LocalCluster(4, threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR) as four:
        kill = iter([worker.pid for worker in four.workers.values()])

        def listen(event):
            if event.query is not None and event.done in (4, 9):
                os.kill(next(kill), signal.SIGKILL)

        folder = searched(tmp_path / "run", **options, dask=four.scheduler_address, listener=listen)
    queries = read_ledger(folder).queries
    assert len({query.arch for query in queries}) == len(queries) == 24
    assert {query.status for query in queries} == {"ok"}
    expected = searched(tmp_path / "expected", **options)
    assert comparable(folder)[1:] == comparable(expected)[1:]


PROBLEM = """
import time
from nassurrogate.spaces import CategoricalSpace

space = CategoricalSpace("quick", {"kernel": [3, 5, 7], "width": [16, 32, 64], "depth": [1, 2, 3, 4]})

def evaluate(arch, seed=0):
    time.sleep(arch.choices["depth"] * arch.choices["kernel"] / 100)
    return 90.0 + arch.choices["width"] / 64 - (arch.choices["depth"] - 2.5) ** 2
"""


@pytest.mark.slow
def test_a_search_on_dask_that_is_killed_is_resumed(tmp_path, scheduler):
    problem = tmp_path / "problem.py"
    problem.write_text(PROBLEM)
    ledger = tmp_path / "killed" / "ledger.jsonl"
    program = [sys.executable, "-m", "nassurrogate", "search", "--no-plots", "--dask", scheduler]
    asked = ["--problem", problem, "--budget", "24", "--workers", "2", "--seed", "3"]
    with subprocess.Popen([*program, *asked, "--run-dir", ledger.parent], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (ledger.exists() and len(ledger.read_bytes().splitlines()) > 8):
            time.sleep(0.01)
        process.kill()
    assert 8 <= len(read_ledger(ledger).queries) < 24
    subprocess.run([*program, "--resume", ledger.parent], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*program[:-2], *asked, "--run-dir", tmp_path / "whole"], check=True, stdout=subprocess.DEVNULL)
    assert comparable(ledger.parent) == comparable(tmp_path / "whole")
