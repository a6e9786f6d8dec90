"""The command line as a process: exit codes, Ctrl-C, pipes that close, full disks, terminals, imports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nassurrogate.cli.commands.spaces as some_command
from nassurrogate.search import read_ledger

HEAVY = {"numpy", "torch", "pandas", "rich", "optuna", "lightgbm", "scipy", "matplotlib", "networkx", "platformdirs"}
FULL = Path("/dev/full")


def test_search_end_to_end(process: Any) -> None:
    done = process.run("search", "--budget", 11, "--seed", 0, "--predictor", "gradient-boosting", "--json")
    assert done.json["queries"] == 11
    assert "queries: 11/11" in done.err
    assert "\x1b" not in done.err, "no terminal, no colours"


def test_bad_input_end_to_end(process: Any) -> None:
    done = process.run("search", "--budget", "none", "--json")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("command", [["--help"], ["search", "--help"], ["data", "import", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    script = (
        "import sys\nfrom nassurrogate.cli import main\n"
        f"assert main({command!r}) == 0\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(done.stderr.split()) & HEAVY == set()


def test_ctrl_c_leaves_a_readable_ledger(process: Any, folder: Path) -> None:
    running = process.start("search", "--budget", 5000, "--predictor", "none", "--searcher", "random",
                            "--run-dir", "run")  # fmt: skip
    for line in running.stderr:
        if line.startswith("queries: "):
            break
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    n_queries = len(read_ledger(folder / "run").queries)
    assert f"{n_queries} of 5000" in out, "the best so far"
    last = err.splitlines()[-1]
    assert n_queries > 0
    assert last.startswith("error: interrupted: the ")
    assert last.endswith(f" queries so far are in {Path('run') / 'ledger.jsonl'}")
    # The signal may come between a line on the disk and its being shown.
    assert n_queries - int(last.split()[3]) in (0, 1)
    assert json.loads((folder / "run" / "summary.json").read_text())["queries"] == n_queries


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
@pytest.mark.parametrize("argument", ["searchers", "--help"])
def test_a_reader_that_goes_away_is_no_error(process: Any, argument: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = process.run(argument, stdout=writing)
    finally:
        os.close(writing)
    assert (done.code, done.err) == (141, "")


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_run_outlives_whoever_watched_it(process: Any, folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = process.run("search", "--budget", 3, "--predictor", "none", "--run-dir", "run", "--json", "--no-plots",
                           stderr=writing)  # fmt: skip
    finally:
        os.close(writing)
    assert done.json["queries"] == 3
    assert len(read_ledger("run").queries) == 3


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
def test_a_full_disk_is_reported_in_one_line(process: Any) -> None:
    with FULL.open("w") as full:
        done = process.run("spaces", stdout=full)
    assert (done.code, done.err) == (1, "error: cannot write the result to stdout (No space left on device)\n")


@pytest.mark.skipif(os.name != "posix", reason="file descriptors of POSIX")
@pytest.mark.parametrize("arguments", [["search", "--budget", "1", "--json"], ["spaces"], ["--help"]])
def test_a_closed_stdout_is_reported_before_any_query(folder: Path, arguments: list[str]) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "nassurrogate", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (1, "error: cannot write the result to stdout (it is closed)\n")
    assert list(folder.iterdir()) == []


def _in_terminal(columns: int, *args: object, term: str = "xterm") -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of the command line with stderr on a terminal and stdout in a pipe."""
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {**os.environ, "TERM": term, "COLUMNS": str(columns)}
    running = subprocess.Popen(
        [sys.executable, "-m", "nassurrogate", *map(str, args)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not part:
            break
        shown += part
    out, _ = running.communicate(timeout=60)
    os.close(ours)
    return running.returncode, out.decode(), shown.decode()


@pytest.mark.skipif(sys.platform != "linux", reason="pseudo-terminals of Linux")
def test_a_terminal_gets_bars() -> None:
    code, out, err = _in_terminal(80, "search", "--budget", 3, "--predictor", "none", "--no-plots", "--seed", 0)
    assert code == 0
    assert "\x1b" in err
    assert "best 3 of 3 queries" in out
    assert "\x1b" not in out
    assert "run folder" in out


@pytest.mark.skipif(sys.platform != "linux", reason="pseudo-terminals of Linux")
def test_a_terminal_that_cannot_draw_gets_plain_lines() -> None:
    options = ("--budget", 3, "--predictor", "none", "--no-plots", "--seed", 0)
    code, _, err = _in_terminal(80, "search", *options, term="dumb")
    assert code == 0
    lines = err.split("\r\n")
    assert all(line.isprintable() for line in lines)
    assert any(line.startswith("queries: 3/3 ") for line in lines)


def test_an_unexpected_error_is_one_line_and_a_traceback_only_on_demand(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr(some_command, "run", fail)
    done = cli("spaces", "--json")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "unexpected RuntimeError" in done.err
    assert "Traceback" in cli("spaces", "--verbose").err
