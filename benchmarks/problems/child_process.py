"""A process that evaluates the architectures of a problem, one after another."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nassurrogate.benchmarks.contained.output_log import OutputLog
from nassurrogate.benchmarks.contained.process import ContainedProcess, TimeLimitError, how_it_ended
from nassurrogate.benchmarks.problems.problem_file import ChangedFileError
from nassurrogate.benchmarks.training import EvaluationFailedError, EvaluationStoppedError

# Not `-m`: processes that the user's code starts by multiprocessing would import that module again.
_PROGRAM: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1])['sys_path']; "
    "from nassurrogate.benchmarks.problems.child import main; main()"
)
_LEAST_START_S: Final = 120.0
"""Time for the imports of a new process, if evaluations have less: it is spent once for many evaluations."""
_GRACE_S: Final = 2.0
"""Time of an idle process for what it does at its exit."""


class ChildDiedError(Exception):
    """The process ended during an evaluation. The message says how."""


class ChildProcess:
    """A new interpreter that runs a problem file and evaluates what it is asked for.

    Nothing that the user's code prints gets between its answers: they have a pipe of their own.

    Args:
        path: of the problem file.
        sha256: of its bytes.
    """

    def __init__(self, path: Path, sha256: str) -> None:
        start = {"path": str(path), "sha256": sha256, "sys_path": [entry for entry in sys.path if type(entry) is str]}
        # -P: nothing in the current folder may replace a module before sys.path is set.
        self.process = ContainedProcess([sys.executable, "-P", "-c", _PROGRAM, json.dumps(start)])
        self._name = path.name
        self._is_ready = False
        self._unread = b""

    @property
    def is_alive(self) -> bool:
        return self.process.exit_code is None

    def evaluate(self, asked: Mapping[str, Any], time_limit_s: float | None, log: OutputLog) -> dict[str, Any]:
        """The fields of the evaluation.

        Args:
            asked: fields of the request.
            time_limit_s: of the evaluation; None: none.
            log: gets what is printed.

        Raises `ChildDiedError`, `TimeLimitError`, `EvaluationStoppedError`; `EvaluationFailedError` if the file cannot
        be imported there, `ChangedFileError` if it has changed.
        """
        if not self._is_ready:
            limit = None if time_limit_s is None else max(time_limit_s, _LEAST_START_S)
            try:
                started = self._answer(limit, log)
            except TimeLimitError:
                raise EvaluationFailedError(f"importing {self._name} took longer than {limit:g} s") from None
            except ChildDiedError as died:
                raise ChildDiedError(f"{died} while it imported {self._name}") from None
            if "changed" in started:
                raise ChangedFileError(started["changed"])
            if "failed" in started:
                raise EvaluationFailedError(started["failed"])
            self._is_ready = True
        self.process.send(json.dumps(asked).encode() + b"\n")
        return self._answer(time_limit_s, log)

    def _answer(self, time_limit_s: float | None, log: OutputLog) -> dict[str, Any]:
        deadline = None if time_limit_s is None else time.monotonic() + time_limit_s
        with contextlib.closing(self.process.output(deadline)) as output:
            for stream, data in output:
                if stream == "err":
                    log.write(data)
                    continue
                self._unread += data
                line, end, rest = self._unread.partition(b"\n")
                if not end:
                    continue
                self._unread = rest
                for printed in self.process.waiting("err"):
                    log.write(printed)
                answer: dict[str, Any] = json.loads(line)
                return answer
        if self.process.is_killed:
            raise EvaluationStoppedError("the problem was closed during an evaluation")
        code = self.process.exit_code
        assert code is not None
        raise ChildDiedError(f"its process {how_it_ended(code)}")

    def end(self, *, with_grace: bool = False) -> None:
        """End it, at once or with time for what it does at its exit."""
        self.process.end(_GRACE_S if with_grace else 0.0)
