"""Runs a problem file, and checks what it declares."""

from __future__ import annotations

import contextlib
import hashlib
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from nassurrogate.benchmarks.base import LABEL
from nassurrogate.benchmarks.callable import CallableBenchmark, Evaluate
from nassurrogate.benchmarks.command import CommandBenchmark
from nassurrogate.benchmarks.training import TrainingBenchmark
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError, brief, nearest, one_line
from nassurrogate.files.given_path import as_path
from nassurrogate.metric import Metric, as_metric
from nassurrogate.spaces import Space, get_space

NAMES: Final = ("space", "evaluate", "command", "objective", "metrics", "dataset", "constraints")
"""What a problem file may define; `space`, and `evaluate` or `command`, it must."""


class ChangedFileError(InputError):
    """A problem file is not the one that the run began with."""


@dataclass(frozen=True)
class ProblemFile:
    """What a problem file declares.

    Args:
        path: absolute.
        sha256: of the file's bytes.
        truth: the space, and how it is evaluated.
        evaluate: the function; None: a command.
        constraints: of every search; those that it is given hold as well.
    """

    path: Path
    sha256: str
    truth: TrainingBenchmark
    evaluate: Evaluate | None
    constraints: list[str]


_read: dict[tuple[Path, str, str], ProblemFile] = {}
_lock: Final = threading.RLock()


def read_problem_file(path: str | Path, *, module: str | None = None, sha256: str | None = None) -> ProblemFile:
    """Run a problem file, which is the user's own code, in this process; each content once.

    Its folder comes first in `sys.path`, so that it can import its neighbours. What it prints goes to stderr.

    Args:
        path: of the file.
        module: name of the module that it becomes; None: one that no other file has.
        sha256: of its bytes; None: whatever it holds.

    Raises `InputError` for anything that is wrong with it, with the line; `ChangedFileError` for another checksum.
    """
    given = as_path(path, "the path of a problem file")
    source = _content(given)
    found = hashlib.sha256(source).hexdigest()
    if sha256 is not None and found != sha256:
        raise ChangedFileError(
            f"{given} has changed: its SHA-256 is {found[:12]}…, that of the problem was {sha256[:12]}…; restore the "
            "file, or start a new run"
        )
    absolute = given.resolve()
    name = module or _module_name(absolute, found)
    with _lock:
        if (absolute, found, name) not in _read:
            declared = vars(_executed(source, given, absolute, name))
            try:
                _read[absolute, found, name] = _checked(declared, given, absolute, found)
            except InputError:
                del sys.modules[name]
                raise
        return _read[absolute, found, name]


def _module_name(path: Path, sha256: str) -> str:
    """Functions of the space are pickled by it, so it is the same in every process."""
    digest = hashlib.sha256(f"{path} {sha256}".encode(errors="surrogateescape")).hexdigest()
    return f"nassurrogate_problem_{digest[:16]}"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"no problem file at {path}; `nassurrogate new problem DIR` writes one") from None
    except IsADirectoryError:
        inside = path / "problem.py"
        hint = f"; did you mean {inside}?" if inside.is_file() else "; expected a Python file"
        raise InputError(f"{path} is a folder{hint}") from None
    except OSError as error:
        raise InputError(f"cannot read the problem file {path}: {error.strerror}") from error


def _executed(source: bytes, given: Path, absolute: Path, name: str) -> ModuleType:
    """The module that the source becomes."""
    try:
        code = compile(source, str(absolute), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:  # ValueError: a null byte
        raise InputError(f"{given}{_line_of_syntax(error)}: {_syntax(error)}") from error
    folder = str(absolute.parent)
    sys.path[:] = [folder, *(entry for entry in sys.path if entry != folder)]
    module = ModuleType(name)
    module.__file__ = str(absolute)
    sys.modules[name] = module
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout may have to hold one JSON object
            exec(code, module.__dict__)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception | SystemExit):
            raise
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(absolute)]
        place = f"{given}, line {lines[-1]}" if lines else str(given)
        if isinstance(error, InputError):
            raise InputError(f"{place}: {error}") from error
        raise InputError(f"{place}: importing the file raised {one_line(error)}") from error
    return module


def _line_of_syntax(error: Exception) -> str:
    line = getattr(error, "lineno", None)
    return f", line {line}" if line else ""


def _syntax(error: Exception) -> str:
    return f"syntax error: {getattr(error, 'msg', None) or error}"


def _checked(declared: Mapping[str, Any], given: Path, absolute: Path, sha256: str) -> ProblemFile:
    """What the names in the file declare. Raises `InputError`."""
    try:
        space = _space(declared)
        metrics = _metrics(declared)
        dataset = declared.get("dataset")
        if dataset is not None and not isinstance(dataset, str):
            raise InputError(
                f"`dataset` must be the name of the data set as text, got {brief(dataset)}; call anything else "
                "differently"
            )
        constraints = _constraints(declared.get("constraints"))
        evaluate, command = declared.get("evaluate"), declared.get("command")
        if evaluate is not None and command is not None:
            raise InputError("it defines both `evaluate` and `command`; keep one of them")
        if command is not None:
            truth: TrainingBenchmark = CommandBenchmark(
                space, command, metrics, dataset=dataset, folder=absolute.parent
            )
        elif evaluate is not None:
            truth = CallableBenchmark(space, evaluate, metrics, dataset=dataset)
        else:
            raise InputError(
                "it defines neither `evaluate(arch, seed, fidelity)`, which trains an architecture, nor "
                f"`command = [...]`{_instead('evaluate', declared)}"
            )
    except InputError as error:
        raise InputError(f"{given}: {error}") from error
    truth.sources = (f"{absolute.name}: {'evaluate' if command is None else 'command'}",)
    return ProblemFile(absolute, sha256, truth, evaluate, constraints)


def _space(declared: Mapping[str, Any]) -> Space:
    found = declared.get("space")
    if found is None:
        raise InputError(
            "it defines no `space`, such as space = CategoricalSpace(name, slots, build=build, input_shape=(3, 32, 32))"
            f"{_instead('space', declared)}"
        )
    if not isinstance(found, str | Space):
        raise InputError(f"`space` must be a Space, such as CategoricalSpace(name, slots), got {brief(found)}")
    space = get_space(found)
    if not space.can_sample:
        raise InputError(f"space {space.name!r} cannot be searched: it only scores architectures that you give it")
    return space


def _metrics(declared: Mapping[str, Any]) -> list[Metric]:
    """The objective, and what else is declared to be returned."""
    objective = as_metric(declared.get("objective", LABEL))
    others = declared.get("metrics", ())
    if isinstance(others, str | Metric):
        others = [others]
    if not isinstance(others, Sequence):
        raise InputError(
            "`metrics` must list what evaluate returns besides the objective, such as ['val_loss'], got "
            f"{brief(others)}"
        )
    found = {objective.name: objective}
    for metric in map(as_metric, others):
        found.setdefault(metric.name, metric)
    return list(found.values())


def _constraints(given: object) -> list[str]:
    if given is None:
        return []
    each = [given] if isinstance(given, str | Constraint) else given
    if not isinstance(each, Sequence) or not all(isinstance(one, str | Constraint) for one in each):
        raise InputError(f"`constraints` must be a list such as ['params_m<=0.5'], got {brief(given)}")
    return [
        str(bound) for one in each for bound in ([one] if isinstance(one, Constraint) else Constraint.parse_all(one))
    ]


def _instead(name: str, declared: Mapping[str, Any]) -> str:
    """A hint at a name in the file that was probably meant."""
    own = [other for other in declared if not other.startswith("_") and other not in NAMES]
    close = nearest(name, own)
    return f"; did you mean {close!r}?" if close else ""
