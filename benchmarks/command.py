"""Ground truth from a program: it reads the architecture as JSON and prints its metrics as JSON."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks.base import LABEL, Evaluation
from nassurrogate.benchmarks.contained.limits import Limits
from nassurrogate.benchmarks.contained.output_log import OutputLog
from nassurrogate.benchmarks.contained.process import ContainedProcess, TimeLimitError, how_it_ended
from nassurrogate.benchmarks.training import EvaluationFailedError, EvaluationStoppedError, TrainingBenchmark
from nassurrogate.errors import InputError, brief, one_line, printable
from nassurrogate.files.given_path import as_path
from nassurrogate.metric import MetricLike
from nassurrogate.spaces import SpaceLike

_KEPT: Final = 1 << 20
"""Bytes at the end of stdout in which the metrics are looked for, and of stderr for its last line."""
_LONGEST_LINE: Final = 200
_LONGEST_NAME: Final = 60

_log = logging.getLogger(__name__)


class CommandBenchmark(TrainingBenchmark):
    """Evaluates by running a program.

    The program reads one JSON object from stdin: `arch`, the architecture's text; `choices`, its choice in every slot,
    null for a space that is not declared by choices; `seed` and `fidelity`, null where none is asked for. It prints its
    metrics to stdout as a JSON object in one line, the objective among them. Other lines may precede it: the last line
    that is an object counts.

    The evaluation has failed if the program exits with another code than 0, prints no metrics or takes too long; it is
    then killed together with all processes that it started. `evaluate` may be called from several threads at once.

    Args:
        space: the space, or its name.
        command: the program and its arguments.
        metrics: what it prints; the first is the objective.
        dataset: name of the training data; exact costs may depend on it. None: those of the space's own data set.
        folder: the folder that it runs in; None: the current one.
        time_limit_s: seconds that it may take; None: any time.
        retries: how often it is run again after a signal killed it, as the system's does if memory runs out.
        log_dir: a folder that keeps stdout and stderr of every evaluation that printed anything; None: nowhere.

    Raises `InputError` for an invalid argument, or a program that is not there.

    >>> from nassurrogate.spaces import CategoricalSpace
    >>> space = CategoricalSpace("mine", {"kernel": [3, 5]})
    >>> truth = CommandBenchmark(space, ["echo", '{"val_accuracy_pct": 93.5}'])
    >>> truth.evaluate([space.parse("kernel=3")])[0].values
    {'val_accuracy_pct': 93.5}
    """

    def __init__(
        self,
        space: SpaceLike,
        command: Sequence[str],
        metrics: MetricLike | Sequence[MetricLike] = LABEL,
        *,
        dataset: str | None = None,
        folder: str | Path | None = None,
        time_limit_s: float | None = None,
        retries: int = 2,
        log_dir: str | Path | None = None,
    ) -> None:
        super().__init__(space, metrics, dataset)
        self.folder = None if folder is None else as_path(folder, "folder")
        self.command = _checked_command(command, self.folder)
        self.limits = Limits(time_limit_s, retries, None if log_dir is None else as_path(log_dir, "log_dir"))
        self.sources = (printable(f"program {' '.join(self.command)}"),)
        self._running: set[ContainedProcess] = set()
        self._has_noted_junk = False

    def with_limits(self, limits: Limits) -> CommandBenchmark:
        """The same program under other limits."""
        return CommandBenchmark(
            self.space, self.command, self.returned, dataset=self.costs_of, folder=self.folder,
            time_limit_s=limits.time_limit_s, retries=limits.retries, log_dir=limits.log_dir,
        )  # fmt: skip

    def close(self) -> None:
        """Kill the programs that run; their evaluations raise `EvaluationStoppedError`."""
        for program in list(self._running):
            program.kill()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_running": set()}

    def train(
        self, arch: Architecture, wanted: Sequence[str], seed: int | None = None, fidelity: int | None = None
    ) -> Evaluation:
        asked = json.dumps({"arch": arch.string, "choices": _choices(arch), "seed": seed, "fidelity": fidelity})
        with self.limits.log(arch, seed, fidelity) as log:
            found = self._evaluation(lambda: self._printed(asked.encode(), log), arch, wanted, seed, fidelity)
        return log.named_in(found)

    def _printed(self, asked: bytes, log: OutputLog) -> Mapping[str, Any]:
        """The metrics that the program prints. Raises `EvaluationFailedError` if there are none."""
        name = " ".join([Path(self.command[0]).name, *self.command[1:]])[:_LONGEST_NAME]
        for attempt in range(1, self.limits.retries + 2):
            if attempt > 1:
                log.separate(f"attempt {attempt}")
            code, out, err = self._run(asked, log)
            if code >= 0:  # an error would come again
                break
        if code:
            last = _last_line(err) or _last_line(out)
            attempts = f" in {attempt} attempts" if attempt > 1 else ""
            raise EvaluationFailedError(f"{name} {how_it_ended(code)}{attempts}{': ' if last else ''}{last}")
        metrics, is_alone = _metrics_in(out)
        if metrics is None:
            printed = brief(_last_line(out)) if out.strip() else "nothing"
            raise EvaluationFailedError(
                f"{name} printed no metrics to stdout, such as {json.dumps({self.objective.name: 93.5})} in one line; "
                f"the last line is {printed}"
            )
        if not is_alone and not self._has_noted_junk:
            self._has_noted_junk = True
            _log.warning(
                "%s prints more than its metrics to stdout: of several lines, the last JSON object counts; this is "
                "said once",
                name,
            )
        return metrics

    def _run(self, asked: bytes, log: OutputLog) -> tuple[int, bytes, bytes]:
        """Exit code, and the ends of stdout and stderr. Raises `EvaluationFailedError`, `EvaluationStoppedError`."""
        limit = self.limits.time_limit_s
        deadline = None if limit is None else time.monotonic() + limit
        ends = {"out": b"", "err": b""}
        try:
            program = ContainedProcess(self.command, cwd=self.folder, stdin=asked)
        except OSError as error:
            raise EvaluationFailedError(f"cannot start {brief(self.command[0])}: {one_line(error)}") from error
        self._running.add(program)
        try:
            for stream, data in program.output(deadline):
                log.write(data)
                ends[stream] = (ends[stream] + data)[-_KEPT:]
        except TimeLimitError:
            raise EvaluationFailedError(self.limits.too_slow) from None
        finally:
            self._running.discard(program)
            program.end()
        if program.is_killed:
            raise EvaluationStoppedError(f"the benchmark was closed while {self.command[0]} ran")
        code = program.exit_code
        assert code is not None
        return code, ends["out"], ends["err"]


def _checked_command(command: object, folder: Path | None) -> list[str]:
    """The program and its arguments. Raises `InputError` for anything else, and for a program that is not there."""
    given = list(command) if isinstance(command, Sequence) and not isinstance(command, str | bytes) else []
    if not given or not all(isinstance(part, str) and part and "\0" not in part for part in given):
        raise InputError(
            f"command must be a program and its arguments, such as ['python', 'train.py'], got {brief(command)}"
        )
    program = given[0]
    if os.sep in program:
        path = (folder or Path()) / program
        if not path.is_file() or not os.access(path, os.X_OK):
            raise InputError(f"command names the program {brief(program)}, but {path} is no executable file")
    elif shutil.which(program) is None:
        raise InputError(f"command names the program {brief(program)}, which is not on this machine's PATH")
    return given


def _choices(arch: Architecture) -> dict[str, Any] | None:
    try:
        return arch.choices
    except InputError:  # the space is not declared by choices
        return None


def _metrics_in(out: bytes) -> tuple[dict[str, Any] | None, bool]:
    """The last line that is a JSON object, and whether it is alone; None if there is none."""
    lines = out.decode(errors="replace").splitlines()
    for line in reversed(lines):
        if line.lstrip().startswith("{"):
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                continue
            return found, sum(bool(each.strip()) for each in lines) == 1
    return None, False


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return printable(" ".join(last.split()))[:_LONGEST_LINE]
