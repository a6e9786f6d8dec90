"""Executors that the user made."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from nassurrogate.errors import InputError
from nassurrogate.search import read_ledger, run
from tests.search import trainings
from tests.search.execution.searches import searched
from tests.search.ledgers import comparable
from tests.search.trainings import SPACE, accuracy


def test_a_given_executor_is_used_and_left_open(tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        found = searched(tmp_path / "run", evaluate=trainings.uneven, workers=2, executor=processes)
        assert processes.submit(abs, -1).result() == 1
    expected = searched(tmp_path / "expected", evaluate=accuracy, workers=2)
    assert [{**line, "values": None} for line in comparable(found)[1:]] == [
        {**line, "values": None} for line in comparable(expected)[1:]
    ]


def test_a_broken_executor_ends_the_run_in_one_line(tmp_path):
    options = {"evaluate": trainings.kills_its_process, "budget": 24, "workers": 2}
    with (
        ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes,
        pytest.raises(InputError, match="the given ProcessPoolExecutor cannot run evaluations any more") as caught,
    ):
        searched(tmp_path / "run", **options, executor=processes)
    assert "\n" not in str(caught.value)
    n_done = len(read_ledger(tmp_path / "run").queries)
    assert n_done < 24
    result = run(resume=tmp_path / "run", space=SPACE, evaluate=trainings.kills_its_process, plots=False)
    assert result["queries"] == 24


def test_without_pickling_a_process_pool_says_so_at_once(tmp_path):
    with (
        ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes,
        pytest.raises(InputError, match="the given ProcessPoolExecutor cannot run evaluations"),
    ):
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
