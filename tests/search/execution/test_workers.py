"""Several evaluations at once: runs can be repeated and resumed, and a lost worker costs nothing but time."""

from __future__ import annotations

import json
import multiprocessing
import random
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks import CallableBenchmark
from nassurrogate.errors import InputError
from nassurrogate.search import read_ledger, run
from nassurrogate.spaces import CategoricalSpace
from tests.search import trainings
from tests.search.conftest import FAST
from tests.search.ledgers import comparable, cut_off, header_bytes
from tests.search.trainings import DEADLY, SPACE, accuracy

PROBLEM = """
import random, time
from nassurrogate.spaces import CategoricalSpace

space = CategoricalSpace("quick", {"kernel": [3, 5], "width": [16, 32, 64], "depth": [1, 2, 3, 4]})

def evaluate(arch, seed=0):
    time.sleep(random.random() / 100)
    print("training", arch)
    if arch.choices["depth"] == 4 and arch.choices["width"] == 16:
        raise MemoryError("too large")
    return 90.0 + arch.choices["width"] / 64 - (arch.choices["depth"] - 2.5) ** 2
"""


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    assert multiprocessing.active_children() == []


def delayed(arch) -> float:
    """Trainings of random length end in another order than they begin."""
    time.sleep(random.random() / 50)
    return accuracy(arch)


def searched(folder: Path, **options: Any) -> Path:
    run(**{"space": SPACE, "budget": 12, "seed": 0, "run_dir": folder, "plots": False, **options})
    return folder


def cut_after(folder: Path, n_lines: int, into: Path) -> Path:
    lines = (folder / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    return cut_off(folder, len(b"".join(lines[:n_lines])), into)


# --- answers in the order of the queries ----------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("options", [{}, {"predictor": "none", "searcher": "evolution"}, {"labels": "single"}])
def test_a_run_can_be_repeated_however_long_trainings_take(tmp_path, workers, options):
    with ThreadPoolExecutor(8) as threads:
        executor = threads if workers > 1 else None
        found = [
            searched(tmp_path / str(n), evaluate=delayed, workers=workers, executor=executor, **options)
            for n in range(2)
        ]
    first, second = map(comparable, found)
    assert first == second
    assert len({line["arch"] for line in first[1:]}) == 12 or "labels" in options
    assert [line["asked"] for line in first[1:]] == [None] * 12


def test_no_more_than_the_workers_run_at_once():
    lock, running, most = threading.Lock(), [0], [0]

    def counted(arch):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.01)
        with lock:
            running[0] -= 1
        return accuracy(arch)

    with ThreadPoolExecutor(8) as threads:
        run(space=SPACE, evaluate=counted, budget=12, seed=0, write=False, workers=3, executor=threads)
    assert most == [3]


@pytest.mark.parametrize("n_lines", [1, 2, 5, 9, 12])
def test_a_run_with_workers_goes_on_to_the_same_ledger(tmp_path, n_lines):
    with ThreadPoolExecutor(3) as threads:
        whole = searched(tmp_path / "whole", evaluate=delayed, workers=3, executor=threads)
        cut = cut_after(whole, n_lines, tmp_path / "cut")
        run(resume=cut, space=SPACE, evaluate=delayed, executor=threads, plots=False)
    assert comparable(cut) == comparable(whole)


def test_a_table_is_read_by_threads(tmp_path):
    options = {"budget": 8, "seed": 0, "predictor": "gradient-boosting", "predictor_config": FAST, "plots": False}
    run(run_dir=tmp_path / "whole", workers=2, **options)
    cut = cut_after(tmp_path / "whole", 5, tmp_path / "cut")
    run(resume=cut, plots=False)
    assert comparable(cut) == comparable(tmp_path / "whole")


def test_a_problem_has_a_process_for_each_worker(tmp_path):
    problem = tmp_path / "problem.py"
    problem.write_text(PROBLEM)
    options = {"problem": problem, "budget": 14, "seed": 0, "workers": 2, "plots": False}
    run(**options, run_dir=tmp_path / "whole")
    run(**options, run_dir=tmp_path / "again")
    assert comparable(tmp_path / "again") == comparable(tmp_path / "whole")
    cut = cut_after(tmp_path / "whole", 6, tmp_path / "cut")
    run(resume=cut, plots=False)
    assert comparable(cut) == comparable(tmp_path / "whole")
    queries = read_ledger(tmp_path / "whole").queries
    logs = sorted(path.read_text() for path in (tmp_path / "whole" / "evaluations").iterdir())
    assert len(logs) == 14
    assert all(log.startswith("training kernel=") for log in logs)
    assert {query.reason.split(":")[0] for query in queries} <= {"", "MemoryError"}


# --- answers as they come -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"predictor": "none"}, {"predictor": "none", "searcher": "evolution"}])
def test_unordered_runs_record_their_order_and_replay_it(tmp_path, options):
    with ThreadPoolExecutor(4) as threads:
        whole = searched(
            tmp_path / "whole", evaluate=delayed, workers=4, executor=threads, unordered=True, budget=20, **options
        )
        ledger = read_ledger(whole)
        assert sorted(query.asked or 0 for query in ledger.queries) == list(range(1, 21))
        start, n_bytes = header_bytes(whole), (whole / "ledger.jsonl").stat().st_size
        for number, at in enumerate(random.Random(0).sample(range(start, n_bytes), 3)):
            cut = cut_off(whole, at, tmp_path / str(number))
            n_known = len(read_ledger(cut).queries)
            run(resume=cut, space=SPACE, evaluate=delayed, executor=threads, plots=False)
            found = read_ledger(cut).queries
            assert [query.arch for query in found[:n_known]] == [query.arch for query in ledger.queries[:n_known]]
            assert len({query.arch for query in found}) == 20


def test_a_long_training_holds_up_only_an_ordered_run():
    """The first training ends when the fifth has begun: with two in four pending ones, only if order is free."""
    begun: list[str] = []
    fifth = threading.Event()

    def waits(arch):
        begun.append(arch.string)
        if len(begun) >= 5:
            fifth.set()
        if begun[0] == arch.string:
            assert fifth.wait(60)
        return accuracy(arch)

    options: dict[str, Any] = {
        "space": SPACE,
        "budget": 8,
        "seed": 0,
        "predictor": "none",
        "write": False,
        "workers": 2,
    }
    with ThreadPoolExecutor(2) as threads:
        run(**options, evaluate=waits, executor=threads, unordered=True)
    assert len(begun) == 8


# --- processes of this machine --------------------------------------------------------------------------------------


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


# --- executors of the user's ----------------------------------------------------------------------------------------


def test_a_given_executor_is_used_and_left_open(tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        found = searched(tmp_path / "run", evaluate=trainings.uneven, workers=2, executor=processes)
        assert processes.submit(abs, -1).result() == 1
    expected = searched(tmp_path / "expected", evaluate=accuracy, workers=2)
    assert [{**line, "values": None} for line in comparable(found)[1:]] == [
        {**line, "values": None} for line in comparable(expected)[1:]
    ]


def test_a_broken_executor_ends_the_run_in_one_line(tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        with pytest.raises(InputError, match="the given ProcessPoolExecutor cannot run evaluations any more") as caught:
            searched(tmp_path / "run", evaluate=trainings.kills_its_process, workers=2, executor=processes, budget=24)
    assert "\n" not in str(caught.value)
    n_done = len(read_ledger(tmp_path / "run").queries)
    assert n_done < 24
    result = run(resume=tmp_path / "run", space=SPACE, evaluate=trainings.kills_its_process, plots=False)
    assert result["queries"] == 24


def test_without_pickling_a_process_pool_says_so_at_once(tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        with pytest.raises(InputError, match="the given ProcessPoolExecutor cannot run evaluations"):
            searched(tmp_path / "run", evaluate=lambda arch: 90.0, workers=2, executor=processes)
    assert read_ledger(tmp_path / "run").queries == ()


def test_what_is_no_executor_is_refused():
    for executor in (4, "threads", ThreadPoolExecutor):
        with pytest.raises(InputError, match=r"executor must be a concurrent\.futures\.Executor"):
            run(space=SPACE, evaluate=accuracy, workers=2, executor=executor, write=False)  # type: ignore[arg-type]
    with ThreadPoolExecutor(1) as threads, pytest.raises(InputError, match="executor needs workers=N"):
        run(space=SPACE, evaluate=accuracy, executor=threads, write=False)
    for workers in (0, -1, True, 1.5, "2"):
        with pytest.raises(InputError, match="workers must be a whole number from 1"):
            run(space=SPACE, evaluate=accuracy, workers=workers, write=False)  # type: ignore[arg-type]


# --- the end --------------------------------------------------------------------------------------------------------


def test_a_time_limit_lets_what_runs_finish(tmp_path):
    began = time.monotonic()

    def slow(arch):
        time.sleep(0.05)
        return accuracy(arch)

    with ThreadPoolExecutor(2) as threads:
        options: dict[str, Any] = {"space": SPACE, "evaluate": slow, "executor": threads, "plots": False}
        result = run(**options, budget=24, seed=0, workers=2, time_limit_s=0.4, run_dir=tmp_path / "run")
        assert time.monotonic() - began < 30
        assert result["stop_reason"] == "time"
        n_done = len(read_ledger(tmp_path / "run").queries)
        assert 0 < n_done == result["queries"] < 24
        assert json.loads((tmp_path / "run" / "summary.json").read_text())["queries"] == n_done
        run(**options, resume=tmp_path / "run")
        run(**options, budget=24, seed=0, workers=2, run_dir=tmp_path / "whole")
    assert comparable(tmp_path / "run") == comparable(tmp_path / "whole")


def test_a_time_limit_after_the_last_query_is_no_stop():
    def last(event):
        if event.query is not None and event.done == 3:
            time.sleep(0.3)

    result = run(
        space=SPACE,
        evaluate=accuracy,
        budget=3,
        seed=0,
        predictor="none",
        write=False,
        listener=last,
        time_limit_s=0.25,
    )
    assert (result["stop_reason"], result["queries"]) == ("budget", 3)


def test_an_error_in_the_loop_stops_the_processes_in_the_midst_of_their_work(tmp_path, monkeypatch):
    monkeypatch.setenv(trainings.FOLDER, str(tmp_path))

    def listen(event):
        if event.query is not None and event.done == 2:
            while not (tmp_path / "endless").exists():
                time.sleep(0.01)
            raise RuntimeError("listener")

    options: dict[str, Any] = {"space": SPACE, "evaluate": trainings.hours_from_the_fifth_on, "predictor": "none"}
    with pytest.raises(RuntimeError, match="listener"):
        run(**options, budget=24, seed=0, workers=2, listener=listen, write=False)


def test_the_benchmark_may_be_an_object():
    benchmark = CallableBenchmark(SPACE, trainings.uneven)
    assert run(benchmark=benchmark, budget=6, seed=0, workers=2, write=False)["queries"] == 6
