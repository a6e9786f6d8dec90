"""Output of the command line: results to stdout, everything else to stderr, progress bars only on a terminal."""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import sys
import time
import traceback as traceback_module
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from nassurrogate.cli.text_table import aligned, columns_of, fitted, is_terminal
from nassurrogate.display.duration import Pace, left
from nassurrogate.errors import printable

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.progress import Progress as RichProgress

__all__ = ["LOGGER", "Console", "Progress", "aligned"]

LOGGER = "nassurrogate"
LONGEST_SILENCE_S = 30.0
"""Without a terminal, a line of progress is printed at least this often."""
_DUMB = ("dumb", "unknown")
"""Values of TERM for terminals that cannot move the cursor."""


class Console:
    """stdout and stderr of one command.

    A note that cannot be shown is dropped: a closed terminal must not end a run that has evaluated architectures.
    Escape codes in a text, which may come from a file, a table or a model, are printed as text.

    Args:
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.quiet = False
        self.verbose = False
        self.as_json = False
        self._live: RichProgress | None = None

    def configure(self, *, quiet: bool, verbose: bool, as_json: bool) -> None:
        """Set the common options."""
        self.quiet, self.verbose, self.as_json = quiet, verbose, as_json

    # --- stdout --------------------------------------------------------------------------------------------------

    def require_stdout(self) -> None:
        """Raise `OSError` if stdout is closed, before work whose result nobody would get.

        The next file that is opened would also take its place and receive everything that libraries print.
        """
        if sys.stdout is None:
            raise OSError(errno.EBADF, "cannot write the result to stdout (it is closed)")

    def result(self, text: str, fields: Mapping[str, Any]) -> None:
        """The command's result: `text` for a person, or `fields` as one JSON object (NaN and infinities as null).

        On a terminal, long lines are wrapped between words and between the operations of an architecture.
        """
        if self.as_json:
            text = json.dumps(_plain(fields), allow_nan=False)
        else:
            text = fitted(printable(text, keep="\n"), columns_of(sys.stdout))
        with _naming_stdout():
            _write(sys.stdout, text + "\n")

    def flush(self) -> None:
        """Flush stdout. Raises `OSError` if that fails."""
        with _naming_stdout():
            sys.stdout.flush()

    def drop_stdout(self) -> None:
        """Stop writing to stdout, after a failed write."""
        _drop_unwritten(sys.stdout)

    # --- stderr --------------------------------------------------------------------------------------------------

    def note(self, line: str) -> None:
        """Print a line on stderr, unless `--quiet`."""
        if not self.quiet:
            self._to_stderr(fitted(printable(line, keep="\n"), columns_of(sys.stderr)))

    def error(self, message: str, *, traceback: bool = False) -> None:
        """Print one line that says what went wrong; with `--verbose`, the traceback before it."""
        if traceback and self.verbose:
            self._to_stderr(traceback_module.format_exc().rstrip())
        self._to_stderr("error: " + " ".join(message.split("\n")))

    def _to_stderr(self, text: str) -> None:
        text = printable(text, keep="\n")
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False, emoji=False)
            return
        try:
            if sys.stderr is not None:
                _write(sys.stderr, text + "\n")
                sys.stderr.flush()
        except OSError:
            _drop_unwritten(sys.stderr)

    def _show_warning(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """Replaces `warnings.showwarning`, which would garble the bars."""
        self.note(f"warning: {category.__name__}: {message} ({filename}:{lineno})")

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Show progress inside the context: as bars, or as a line now and then."""
        if self.quiet or not _moves_cursor(sys.stderr):
            yield Progress(self, None)
            return
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
        )
        with Bars(*columns, console=_rich_console(), transient=True, expand=True, redirect_stdout=False) as bars:
            self._live = bars
            try:
                yield Progress(self, bars)
            finally:
                self._live = None

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Print the library's logged warnings; with `--verbose`, also INFO and the warnings of other packages."""
        logger = logging.getLogger(LOGGER)
        handler = _Handler(self)
        before = logger.level, logger.propagate
        logger.addHandler(handler)
        logger.setLevel(logging.INFO if self.verbose else logging.WARNING)
        logger.propagate = False
        with warnings.catch_warnings():
            if self.verbose:
                warnings.showwarning = self._show_warning
            else:
                warnings.simplefilter("ignore")
            try:
                yield
            finally:
                logger.removeHandler(handler)
                logger.setLevel(before[0])
                logger.propagate = before[1]


class Progress:
    """Bars on a terminal; otherwise a line per tenth of a task, and at least one every half minute.

    Both show the time left if it is more than a few seconds, estimated from the pace of the last steps.
    """

    def __init__(self, console: Console, bars: RichProgress | None) -> None:
        self._console = console
        self._bars = bars
        self._tasks: dict[str, Any] = {}
        self._tenths: dict[str, int] = {}
        self._paces: dict[str, Pace] = {}
        self._last_line = console.clock()

    def update(
        self, task: str, done: int, total: int, detail: str = "", *, minor: bool = False, timed: bool = True
    ) -> None:
        """Show that `done` of `total` steps of a task are finished.

        Args:
            detail: shown instead of the two numbers.
            minor: the bar vanishes when the task is done; without bars, shown only if nothing else was for a while.
            timed: whether to estimate the time left from the pace so far; a better estimate can go into `detail`.
        """
        now = self._console.clock()
        rest = self._rest(task, done, total, now) if timed else ""
        if self._bars is not None:
            if task not in self._tasks:
                self._tasks[task] = self._bars.add_task(printable(task), total=total, detail="", left="")
            self._bars.update(
                self._tasks[task],
                completed=done,
                total=total,
                visible=not (minor and done >= total),
                detail=printable(detail),
                left=rest,
            )
            return
        tenth = 10 * done // max(total, 1)
        due = not minor and tenth > self._tenths.get(task, 0)
        if due or now - self._last_line >= LONGEST_SILENCE_S:
            self._tenths[task] = tenth
            self._last_line = now
            self._console.note(f"{task}: {detail or f'{done}/{total}'}{', ' if rest else ''}{rest}")

    def _rest(self, task: str, done: int, total: int, now: float) -> str:
        pace = self._paces.setdefault(task, Pace())
        pace.add(done, now=now)
        return left(pace.seconds_for(total - done)) if done < total else ""


class _Handler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.note(f"{record.levelname.lower()}: {record.getMessage()}")


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _drop_unwritten(stream: TextIO | None) -> None:
    """Discard buffered output, so that Python's flush at exit neither fails nor prints anything."""
    try:
        if stream is not None:
            stream.flush()
    except OSError:
        assert stream is not None
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def _naming_stdout() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, f"cannot write the result to stdout ({error.strerror})") from error


def _plain(value: Any) -> Any:
    """The value in types that JSON has: NaN and infinities as None, NumPy's numbers as Python's."""
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return [_plain(entry) for entry in value]


def _moves_cursor(stream: TextIO | None) -> bool:
    """Whether bars can be drawn: on a terminal that understands escape codes."""
    return is_terminal(stream) and os.environ.get("TERM", "").casefold() not in _DUMB


def _rich_console() -> RichConsole:
    from rich.console import Console as Rich

    return Rich(stderr=True)
