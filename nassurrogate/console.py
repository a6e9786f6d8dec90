"""Where the command line writes: results to stdout, everything else to stderr, bars only where a person watches."""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import shutil
import sys
import textwrap
import traceback as traceback_module
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.progress import Progress as RichProgress

LOGGER = "nassurrogate"
NARROWEST = 24
"""Characters that a wrapped column needs at least."""


class Console:
    """stdout and stderr of one command.

    A note that cannot be shown is dropped: a run that has paid for labels must not die of a closed terminal.
    """

    def __init__(self) -> None:
        self.quiet = False
        self.verbose = False
        self.as_json = False
        self._live: RichProgress | None = None

    def configure(self, *, quiet: bool, verbose: bool, as_json: bool) -> None:
        """What the user asked for."""
        self.quiet, self.verbose, self.as_json = quiet, verbose, as_json

    # --- stdout --------------------------------------------------------------------------------------------------

    def require_stdout(self) -> None:
        """Raise `OSError` where stdout is closed: a result nobody gets is not worth paying for.

        The next file that is opened would take its place, too, and whatever a library prints would go into it.
        """
        if sys.stdout is None:
            raise OSError(errno.EBADF, "cannot write the result to stdout (it is closed)")

    def result(self, text: str, fields: Mapping[str, Any]) -> None:
        """The command's result: `text` for a person, or `fields` as one JSON object (NaN and infinities as null)."""
        if self.as_json:
            text = json.dumps(_plain(fields), allow_nan=False)
        with _naming_stdout():
            _write(sys.stdout, text + "\n")

    def flush(self) -> None:
        """Everything printed has left the process, or an `OSError` says why not."""
        with _naming_stdout():
            sys.stdout.flush()

    def drop_stdout(self) -> None:
        """After a write that failed: nothing more goes to stdout."""
        _drop_unwritten(sys.stdout)

    # --- stderr --------------------------------------------------------------------------------------------------

    def note(self, line: str) -> None:
        """A line for whoever watches; nothing with `--quiet`."""
        if not self.quiet:
            self._to_stderr(line)

    def error(self, message: str, *, traceback: bool = False) -> None:
        """The one line that says what went wrong; before it, with `--verbose`, the traceback being handled."""
        if traceback and self.verbose:
            self._to_stderr(traceback_module.format_exc().rstrip())
        self._to_stderr("error: " + " ".join(message.split("\n")))

    def _to_stderr(self, text: str) -> None:
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False)
            return
        try:
            if sys.stderr is not None:
                _write(sys.stderr, text + "\n")
                sys.stderr.flush()
        except OSError:
            _drop_unwritten(sys.stderr)

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table on stderr, only where it is a terminal: a supplement to the result."""
        if self.quiet or self.as_json or not _is_terminal(sys.stderr):
            return
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
        for name in header:
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(*row)
        _rich_console().print(table)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Shows how far something is, for as long as the context lasts."""
        if self.quiet or not _is_terminal(sys.stderr):
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
        )
        with Bars(*columns, console=_rich_console(), transient=True, expand=True, redirect_stdout=False) as bars:
            self._live = bars
            try:
                yield Progress(self, bars)
            finally:
                self._live = None

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Send the library's logs here: warnings, with `--verbose` everything from INFO on and other packages' too."""
        logger = logging.getLogger(LOGGER)
        handler = _Handler(self)
        before = logger.level, logger.propagate
        logger.addHandler(handler)
        logger.setLevel(logging.INFO if self.verbose else logging.WARNING)
        logger.propagate = False
        with warnings.catch_warnings():
            if not self.verbose:
                warnings.simplefilter("ignore")
            try:
                yield
            finally:
                logger.removeHandler(handler)
                logger.setLevel(before[0])
                logger.propagate = before[1]


class Progress:
    """Bars on a terminal; elsewhere one line for every tenth of a task."""

    def __init__(self, console: Console, bars: RichProgress | None) -> None:
        self._console = console
        self._bars = bars
        self._tasks: dict[str, Any] = {}
        self._tenths: dict[str, int] = {}

    def update(self, task: str, done: int, total: int, detail: str = "", *, minor: bool = False) -> None:
        """`done` of `total`; a minor task is shown as a bar only, and vanishes when it is done."""
        if self._bars is not None:
            if task not in self._tasks:
                self._tasks[task] = self._bars.add_task(task, total=total, detail=detail)
            hidden = minor and done >= total
            self._bars.update(self._tasks[task], completed=done, total=total, detail=detail, visible=not hidden)
            return
        tenth = 10 * done // max(total, 1)
        if not minor and tenth > self._tenths.get(task, 0):
            self._tenths[task] = tenth
            self._console.note(f"{task}: {detail or f'{done}/{total}'}")


class _Handler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.note(f"{record.levelname.lower()}: {record.getMessage()}")


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], *, numeric: Sequence[str] = ()) -> str:
    """A plain table for stdout; on a terminal the last column is wrapped to its width, on a narrow one below its row.

    >>> print(aligned(["index", "name"], [["7", "a"], ["12", "b"]], numeric=["index"]))
    index  name
        7  a
       12  b
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    start = sum(widths[:-1]) + 2 * (len(widths) - 1)
    width = shutil.get_terminal_size().columns if _is_terminal(sys.stdout) else sys.maxsize
    margin = start if width - start >= NARROWEST else 8
    lines = []
    for row in (header, *rows):
        cells = [
            cell.rjust(size) if name in numeric else cell.ljust(size)
            for cell, size, name in zip(row[:-1], widths, header, strict=False)
        ]
        line = "  ".join([*cells, row[-1]]).rstrip()
        if len(line) <= width:
            lines.append(line)
            continue
        last = textwrap.wrap(row[-1], width - margin, break_long_words=False, break_on_hyphens=False)
        lines.append("  ".join([*cells, last.pop(0)]) if margin == start else "  ".join(cells).rstrip())
        lines += [" " * margin + part for part in last]
    return "\n".join(lines)


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _drop_unwritten(stream: TextIO | None) -> None:
    """Python flushes once more at exit, which must neither fail nor print anything."""
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
    """JSON has no word for NaN, infinities, and numpy's numbers."""
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return [_plain(entry) for entry in value]


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _rich_console() -> RichConsole:
    from rich.console import Console as Rich

    return Rich(stderr=True)
