"""Several evaluations at once: runs can be repeated and resumed, however long trainings take."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.search import read_ledger, run
from tests.search.conftest import FAST
from tests.search.execution.searches import delayed, searched
from tests.search.ledgers import comparable, cut_off, header_bytes
from tests.search.trainings import SPACE, accuracy

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
