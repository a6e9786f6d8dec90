"""What a process of a problem does: it runs the file, then evaluates what it is asked for, one JSON line each."""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TextIO

from nassurrogate.benchmarks.callable import CallableBenchmark, Evaluate
from nassurrogate.benchmarks.problems.problem_file import ChangedFileError, read_problem_file
from nassurrogate.errors import InputError, one_line, printable

_OOM_SCORE: Final = Path("/proc/self/oom_score_adj")
_FIRST_VICTIM: Final = 500
"""If memory runs out, Linux kills this process rather than one that uses half of the memory more."""


def main() -> None:
    """Evaluate until no more requests come. Called by `ChildProcess`, which describes the arguments."""
    start = json.loads(sys.argv[1])
    requests, answers = _private_pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    _volunteer_for_the_oom_killer()
    faulthandler.enable()
    sys.argv = [start["path"]]

    def answer(fields: dict[str, Any]) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):  # the user's code may have replaced it
                stream.flush()
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    try:
        evaluate = _opened(start["path"], start["sha256"])
    except ChangedFileError as error:
        answer({"changed": str(error)})
        return
    except InputError as error:
        traceback.print_exception(error.__cause__ or error)
        answer({"failed": str(error)})
        return
    answer({})
    for line in requests:
        answer(evaluate(json.loads(line)))


def _private_pipes() -> tuple[TextIO, TextIO]:
    """Requests and answers, on descriptors that the user's code and its processes do not get.

    Stdin becomes empty, and stdout joins stderr, which is the log.
    """
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        assert hasattr(stream, "reconfigure")
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    return requests, answers


def _volunteer_for_the_oom_killer() -> None:
    with contextlib.suppress(OSError, ValueError):  # not on every system
        if int(_OOM_SCORE.read_text()) < _FIRST_VICTIM:
            _OOM_SCORE.write_text(str(_FIRST_VICTIM))


def _opened(path: str, sha256: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The function that answers requests. Raises `InputError` if the file does not load."""
    stem = Path(path).stem
    # By its own name, processes that the user's code starts can import it, too.
    file = read_problem_file(path, module=None if stem in sys.modules else stem, sha256=sha256)
    assert file.evaluate is not None
    out_of_memory: list[BaseException] = []
    truth = CallableBenchmark(file.truth.space, _traced(file.evaluate, out_of_memory), file.truth.returned)

    def evaluate(asked: dict[str, Any]) -> dict[str, Any]:
        try:
            arch = truth.space.parse(asked["arch"])
            found = truth.train(arch, asked["wanted"], asked["seed"], asked["fidelity"])
        except InputError as error:
            return {"status": "failed", "reason": printable(one_line(error)), "cost_s": 0.0}
        fields = {"status": found.status, "reason": found.reason, "cost_s": found.cost_s}
        fields |= {"values": dict(found.values), "n_seeds": dict(found.n_seeds)}
        return {**fields, "is_spent": bool(out_of_memory)}

    return evaluate


def _traced(evaluate: Evaluate, out_of_memory: list[BaseException]) -> Evaluate:
    """The function; if it raises, the traceback is printed, and a lack of memory, which may last, is kept."""

    @functools.wraps(evaluate)
    def traced(*args: Any, **options: Any) -> Any:
        try:
            return evaluate(*args, **options)
        except BaseException as error:
            traceback.print_exc()
            if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
                out_of_memory.append(error)
            raise

    return traced
