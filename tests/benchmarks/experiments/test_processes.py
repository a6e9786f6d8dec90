"""Work in processes: one thread each, no failure hides a task, and no process outlives its work."""

from __future__ import annotations

import _thread
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import deque
from multiprocessing.context import SpawnProcess

import pytest

from nassurrogate.benchmarks.experiments import NO_GPU, TaskError, in_processes
from nassurrogate.errors import InputError
from nassurrogate.spaces import get_space


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    assert multiprocessing.active_children() == []


def test_processes_have_one_thread_and_the_variables_given():
    before = dict(os.environ)
    with in_processes(os.getenv, ["OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"], 2, variables=NO_GPU) as answers:
        assert dict(os.environ) == before
        assert dict(answers) == {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def test_ctrl_c_is_left_to_the_parent():
    with in_processes(signal.getsignal, [signal.SIGINT], 1) as answers:
        assert list(answers) == [(signal.SIGINT, signal.SIG_IGN)]


BLOCKED = """
from signal import SIG_BLOCK, SIGINT, pthread_sigmask
from functools import partial
from nassurrogate.benchmarks.experiments import in_processes
with in_processes(partial(pthread_sigmask, SIG_BLOCK), [(), ()], 2) as answers:
    print(*(SIGINT in blocked for _, blocked in answers))
print(SIGINT in pthread_sigmask(SIG_BLOCK, ()))
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals of POSIX")
def test_ctrl_c_interrupts_no_imports_of_the_first_processes():
    done = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True, check=True)
    assert done.stdout == "True True\nFalse\n"


def test_ctrl_c_waits_until_the_processes_have_started(monkeypatch: pytest.MonkeyPatch):
    start = SpawnProcess.start
    started = []

    def interrupted_start(process: SpawnProcess) -> None:
        _thread.interrupt_main()  # as if another thread had got the signal, which this one blocks
        start(process)
        started.append(process)

    monkeypatch.setattr(SpawnProcess, "start", interrupted_start)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), in_processes(abs, [-1, -2], 2):
        pass
    assert len(started) == 2
    assert signal.getsignal(signal.SIGINT) is before


INTERRUPTED = """
import gc
from multiprocessing.connection import Connection
from nassurrogate.benchmarks.experiments import in_processes

def interrupted(*_):
    raise KeyboardInterrupt

try:
    with in_processes(abs, [-1], 1) as answers:
        Connection._send = interrupted
        list(answers)
except KeyboardInterrupt as stop:
    stop.itself = stop  # only a garbage collection ends it
gc.collect()
"""


def test_ctrl_c_while_a_task_is_sent_leaves_nothing_to_complain_about():
    # Before Python 3.13, only the development mode shows what goes wrong when a file is collected.
    command = [sys.executable, "-X", "dev", "-W", "ignore", "-c", INTERRUPTED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "BufferError" not in done.stderr


def test_tasks_may_be_added_while_answers_come():
    waiting, seen = deque([-1]), []
    with in_processes(abs, waiting, 1) as answers:
        for task, answer in answers:
            seen.append((task, answer))
            if task > -3:
                waiting.append(task - 1)
    assert seen == [(-1, 1), (-2, 2), (-3, 3)]


def test_no_tasks_need_no_process():
    with in_processes(abs, [], 4) as answers:
        assert multiprocessing.active_children() == []
        assert list(answers) == []


def test_an_error_names_its_task_and_others_go_on():
    with (
        in_processes(int, ["1", "x", "2"], 1) as answers,
        pytest.raises(TaskError, match=r"^ValueError: .*'x'") as caught,
    ):
        list(answers)
    assert caught.value.task == "x"
    assert "Traceback" in str(caught.value.__cause__)
    failed: list[TaskError] = []
    with in_processes(int, ["1", "x", "2"], 1, on_error=failed.append) as answers:
        assert list(answers) == [("1", 1), ("2", 2)]
    assert [error.task for error in failed] == ["x"]


def test_an_input_error_stays_one():
    with in_processes(get_space, ["nowhere"], 1) as answers, pytest.raises(TaskError) as caught:
        list(answers)
    assert isinstance(caught.value.__cause__, InputError)
    assert str(caught.value.__cause__).startswith("unknown space 'nowhere'")


def test_a_process_that_dies_is_reported_with_its_task_and_exit_code():
    with (
        in_processes(os._exit, [3], 1) as answers,
        pytest.raises(TaskError, match="its process ended with exit code 3") as caught,
    ):
        list(answers)
    assert caught.value.task == 3


def test_running_tasks_end_with_the_work():
    with in_processes(time.sleep, [0.0, 10_000.0], 2) as answers:
        assert next(answers) == (0.0, None)
        assert len(multiprocessing.active_children()) == 2


KILLED = """
import time
from nassurrogate.benchmarks.experiments import in_processes
with in_processes(time.sleep, [10_000], 1) as answers:
    print("started", flush=True)
    list(answers)
"""


def test_processes_end_with_a_parent_that_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "started\n"
    parent.kill()
    # Its process has the same stdout, which ends with the last process that could write to it.
    assert parent.communicate(timeout=120)[0] == ""
