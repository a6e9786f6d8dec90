"""What an evaluation may take, and where its output is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks.contained.output_log import OutputLog, log_name
from nassurrogate.errors import InputError, brief
from nassurrogate.files.given_path import as_path


@dataclass(frozen=True)
class Limits:
    """Limits of every evaluation of a benchmark.

    Args:
        time_limit_s: seconds that it may take; None: any time.
        retries: how often it is repeated if its process dies.
        log_dir: the folder that keeps what it prints; None: nowhere.

    Raises `InputError` for an invalid argument.
    """

    time_limit_s: float | None = None
    retries: int = 2
    log_dir: Path | None = None

    def __post_init__(self) -> None:
        limit, retries = self.time_limit_s, self.retries
        if limit is not None and not (_is_number(limit) and 0 < limit < math.inf):
            raise InputError(f"time_limit_s must be a number of seconds above 0, or None, got {brief(limit)}")
        if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
            raise InputError(f"retries must be a whole number from 0, got {brief(retries)}")
        if self.log_dir is not None:
            # Absolute, as a process elsewhere may have another current folder.
            object.__setattr__(self, "log_dir", as_path(self.log_dir, "log_dir").absolute())

    def log(self, arch: Architecture, seed: int | None, fidelity: int | None) -> OutputLog:
        """The log of one query."""
        return OutputLog(None if self.log_dir is None else self.log_dir / log_name(arch, seed, fidelity))

    @property
    def too_slow(self) -> str:
        """The reason of an evaluation that took longer."""
        return f"timed out after {self.time_limit_s:g} s"


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
