"""What one evaluation printed, in a file of bounded size."""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks.base import Evaluation
from nassurrogate.files.given_path import file_stem

MOST_BYTES: Final = 10_000_000
_LONGEST_NAME: Final = 100
"""Bytes of an architecture's text in the name of a file."""

_log = logging.getLogger(__name__)


class OutputLog:
    """A file that holds the first and the last half of what is written, and does not exist if nothing is.

    A log that cannot be written is left out, with a warning: it must not cost the evaluation.

    Args:
        path: replaced if it exists; its folder is made. None: nothing is kept.
        most_bytes: of both halves together.

    >>> with OutputLog(None) as log:
    ...     log.write(b"lost")
    >>> log.place
    ''
    """

    def __init__(self, path: Path | None, most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._half = most_bytes // 2
        self._file: BinaryIO | None = None
        self._n_head = 0
        self._tail: deque[bytes] = deque()
        self._n_tail = 0
        self._n_left_out = 0

    @property
    def place(self) -> str:
        """Folder and name of the file, without the folders above, which differ between runs; empty without one."""
        return "" if self._file is None or self._path is None else f"{self._path.parent.name}/{self._path.name}"

    def named_in(self, found: Evaluation) -> Evaluation:
        """The evaluation; if it failed, its reason says where the log is."""
        if found.status == "ok" or not self.place:
            return found
        return replace(found, reason=f"{found.reason}; output in {self.place}")

    def write(self, data: bytes) -> None:
        """Add what was printed."""
        if self._path is None or not data:
            return
        head = data[: self._half - self._n_head]
        if head:
            self._n_head += len(head)
            self._to_file(head)
        self._tail.append(data[len(head) :])
        self._n_tail += len(data) - len(head)
        while self._n_tail > self._half:
            excess = self._n_tail - self._half
            first = self._tail.popleft()
            if len(first) > excess:
                self._tail.appendleft(first[excess:])
            left_out = min(len(first), excess)
            self._n_tail -= left_out
            self._n_left_out += left_out

    def separate(self, line: str) -> None:
        """Add a line between two attempts, unless nothing was printed yet."""
        if self._n_head:
            self.write(f"\n--- {line} ---\n".encode())

    def _to_file(self, data: bytes) -> None:
        assert self._path is not None
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("wb", buffering=0)
            self._file.write(data)
        except OSError as error:
            _log.warning("cannot keep what an evaluation printed in %s: %s", self._path, error.strerror)
            self._path = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._n_left_out:
            self._to_file(f"\n… {self._n_left_out:,} bytes left out …\n".encode())
        for data in self._tail:
            if self._path is not None:
                self._to_file(data)
        if self._file is not None:
            self._file.close()


def log_name(arch: Architecture, seed: int | None, fidelity: int | None) -> str:
    """The name of the log of one query: the same in every run.

    >>> from nassurrogate.spaces import CategoricalSpace
    >>> space = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
    >>> log_name(space.from_choices({"kernel": 3, "width": 32}), 0, None)
    'kernel=3-width=32-seed0.log'
    """
    text = arch.string
    name = "".join("=" if sign == "=" else file_stem(sign) for sign in text)
    if len(name.encode()) > _LONGEST_NAME or name != text.replace(" ", "-"):  # it does not say everything
        kept = name.encode()[:_LONGEST_NAME].decode(errors="ignore")
        name = f"{kept}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    parts = [f"-{what}{number}" for what, number in (("seed", seed), ("fidelity", fidelity)) if number is not None]
    return f"{name}{''.join(parts)}.log"
