"""Executors without futures, such as submitit's."""

from __future__ import annotations

from typing import Any

import pytest

from nassurrogate.search import read_ledger, run
from nassurrogate.search.execution import polled_jobs
from tests.search.execution.searches import searched
from tests.search.ledgers import comparable
from tests.search.trainings import DEADLY, SPACE, accuracy, kills_its_process


@pytest.fixture(autouse=True)
def asked_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polled_jobs, "_POLL_S", 0.005)


class Later:
    """A queue whose jobs run when they are asked for the second time."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.jobs = error, []

    def submit(self, function: Any, /, *args: Any) -> Any:
        job = LaterJob(function, args, self.error)
        self.jobs.append(job)
        return job


class LaterJob:
    def __init__(self, function: Any, args: Any, error: Exception | None) -> None:
        self.function, self.args, self.error = function, args, error
        self.n_asked, self.is_cancelled = 0, False

    def done(self) -> bool:
        self.n_asked += 1
        return self.n_asked > 1

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.function(*self.args)

    def cancel(self) -> None:
        self.is_cancelled = True


def test_a_queue_is_an_executor(tmp_path):
    whole = searched(tmp_path / "queue", evaluate=accuracy, workers=3, executor=Later())
    expected = searched(tmp_path / "expected", evaluate=accuracy, workers=3)
    assert comparable(whole)[1:] == comparable(expected)[1:]


def test_jobs_that_are_lost_are_submitted_again():
    queue = Later(RuntimeError("preempted"))
    with pytest.raises(ValueError, match="evaluations all failed"):
        run(space=SPACE, evaluate=accuracy, budget=6, seed=0, workers=2, executor=queue, write=False)
    assert len(queue.jobs) >= 15


def test_what_runs_is_cancelled_with_the_run():
    queue = Later()

    def listen(event):
        if event.query is not None and event.done == 2:
            for job in queue.jobs:
                job.n_asked = -1_000_000
            raise RuntimeError("listener")

    with pytest.raises(RuntimeError, match="listener"):
        run(space=SPACE, evaluate=accuracy, budget=12, seed=0, workers=2, executor=queue, write=False, listener=listen)
    assert [job.is_cancelled for job in queue.jobs].count(True) >= 1


# --- submitit -------------------------------------------------------------------------------------------------------


def test_submitit_runs_evaluations(tmp_path):
    submitit = pytest.importorskip("submitit")
    executor = submitit.AutoExecutor(tmp_path / "jobs", cluster="debug")
    folder = searched(tmp_path / "run", evaluate=accuracy, workers=2, executor=executor, budget=5)
    assert [query.status for query in read_ledger(folder).queries] == ["ok"] * 5


@pytest.mark.slow
def test_submitit_in_processes_of_their_own(tmp_path):
    submitit = pytest.importorskip("submitit")
    executor = submitit.AutoExecutor(tmp_path / "jobs", cluster="local")
    executor.update_parameters(timeout_min=5)
    folder = searched(
        tmp_path / "run", evaluate=kills_its_process, workers=4, executor=executor, budget=24, predictor="none"
    )
    failed = [query for query in read_ledger(folder).queries if query.status != "ok"]
    assert [query.arch for query in failed] == [DEADLY]
    assert "UncompletedJobError" in failed[0].reason
