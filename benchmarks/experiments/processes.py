"""Work on many tasks in processes of their own, one thread each.

Not a `concurrent.futures.ProcessPoolExecutor`: when one of its processes dies, it says neither on which task nor with
which exit code; when the work is interrupted, it waits for the tasks that are running; and its processes outlive a
parent that is killed.
"""

from __future__ import annotations

import os
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from typing import Any, Final, TypeVar

from nassurrogate.errors import InputError, one_line
from nassurrogate.runtime.child_processes import end_with_parent, send, sigint_held

NO_GPU: Final = {"CUDA_VISIBLE_DEVICES": ""}
"""An environment in which no GPU is seen."""
_ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)

Task = TypeVar("Task")
Answer = TypeVar("Answer")


class TaskError(RuntimeError):
    """The work on a task raised an exception, or its process died.

    The exception is the `__cause__` if it is an `InputError`; otherwise the cause shows the traceback in the process.

    Attributes:
        task: the task.
    """

    def __init__(self, task: Any, message: str) -> None:
        super().__init__(message)
        self.task = task


@contextmanager
def in_processes(
    work: Callable[[Task], Answer],
    tasks: Iterable[Task],
    jobs: int,
    *,
    variables: Mapping[str, str] | None = None,
    on_error: Callable[[TaskError], None] | None = None,
) -> Iterator[Iterator[tuple[Task, Answer]]]:
    """Each task with its answer as soon as it is available, in no particular order.

    All processes end with the context, and when this process is killed. Ctrl-C, which reaches every process of a
    terminal, is left to this one.

    Args:
        work: called with a task in another process; it, the tasks and the answers are pickled.
        tasks: a deque may grow while answers come.
        jobs: how many processes at most.
        variables: environment variables of the processes.
        on_error: called with the error if `work` raises one, and the other tasks continue; None: it is raised.

    The iterator raises `TaskError` if `work` raises, or a process dies.

    >>> with in_processes(abs, [-1, 2], jobs=1) as answers:
    ...     print(*answers)
    (-1, 1) (2, 2)
    """
    waiting = tasks if isinstance(tasks, deque) else deque(tasks)
    with _processes(min(jobs, len(waiting)), work, variables or {}) as processes:
        yield _answers(waiting, processes, on_error)


def _answers(
    waiting: deque[Any], processes: Mapping[Connection, Any], on_error: Callable[[TaskError], None] | None
) -> Iterator[tuple[Any, Any]]:
    idle = list(processes)
    busy: dict[Connection, Any] = {}
    while waiting or busy:
        while waiting and idle:
            pipe = idle.pop()
            task = busy[pipe] = waiting.popleft()
            try:
                send(pipe, task)
            except OSError as error:
                raise _death(processes[pipe], task) from error
        for ready in connection.wait(list(busy)):
            assert isinstance(ready, Connection)
            task = busy.pop(ready)
            try:
                answer, failure = ready.recv()
            except (EOFError, OSError) as error:
                raise _death(processes[ready], task) from error
            idle.append(ready)
            if failure is None:
                yield task, answer
                continue
            message, cause = failure
            failed = TaskError(task, message)
            failed.__cause__ = cause
            if on_error is None:
                raise failed
            on_error(failed)


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables of this process and of those that it starts inside."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _death(process: Any, task: object) -> TaskError:
    process.join(timeout=5)
    return TaskError(
        task,
        f"its process ended with exit code {process.exitcode} (out of memory? in a script, several processes need "
        '`if __name__ == "__main__":`)',
    )


@contextmanager
def _processes(
    number: int, work: Callable[[Any], Any], variables: Mapping[str, str]
) -> Iterator[dict[Connection, Any]]:
    """Processes that wait for tasks, by their pipes."""
    context = get_context("spawn")  # a forked process would inherit locks without the threads that hold them
    processes: dict[Connection, Any] = {}
    try:
        # Libraries read these variables when they are first imported.
        with environment({**_ONE_THREAD, **variables}), sigint_held():
            for _ in range(number):
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs, work), daemon=True)
                process.start()
                theirs.close()  # so that the pipe ends with the process
                processes[ours] = process
        yield processes
    finally:
        for pipe, process in processes.items():
            pipe.close()
            process.terminate()
        for process in processes.values():
            process.join()


def _serve(pipe: Connection, work: Callable[[Any], Any]) -> None:
    """What a process does: work on the tasks it is sent, until no more come."""
    end_with_parent()
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        reply: tuple[Any, Any]
        try:
            reply = work(task), None
        except Exception as error:  # any exception is raised in the parent
            is_input = isinstance(error, InputError)
            cause = InputError(str(error)) if is_input else RuntimeError(traceback.format_exc())
            reply = None, (one_line(error, 300), cause)
        try:
            send(pipe, reply)
        except OSError:
            return
