"""Fixtures that all tests share."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from nassurrogate import spaces
from nassurrogate.cli import main
from tests.command_line import CommandLine, Done
from tests.distribution import write_distribution

# Tests run in as many processes as there are cores, and start more: a second thread in one of them waits for a core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The first example of a test builds whole spaces: how long it takes says nothing.
settings.register_profile("nassurrogate", deadline=None)
settings.load_profile("nassurrogate")

# A job in the background of a script ignores Ctrl-C, and so would all processes that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

DATA_VARIABLE = "NASSURROGATE_TEST_DATA"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real benchmark data that the project does not redistribute; tests that need it skip elsewhere."""
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        pytest.skip(f"needs real benchmark data: set {DATA_VARIABLE} to its folder")
    path = Path(folder)
    if not path.is_dir():
        pytest.skip(f"needs real benchmark data: {DATA_VARIABLE}={folder} is not a folder")
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, with an empty cache next to it."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("NASSURROGATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    return here


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """`install(name, entry_points, module=source, …)`: makes a distribution with entry points importable."""
    site = tmp_path / "site"
    imported: list[str] = []

    def write(name: str, entry_points: str, **modules: str) -> None:
        write_distribution(site, name, entry_points, modules)
        monkeypatch.syspath_prepend(str(site))
        spaces._shared_instance.cache_clear()
        imported.extend(modules)

    yield write
    spaces._shared_instance.cache_clear()
    for module in imported:
        sys.modules.pop(module, None)


@pytest.fixture
def cli(folder: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Runs `nassurrogate ARGUMENTS` in this process."""

    def run(*args: object) -> Done:
        capsys.readouterr()
        code = main([str(arg) for arg in args])
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


@pytest.fixture
def refused(cli: CommandLine, folder: Path) -> Callable[..., str]:
    """Runs a command that must refuse its input: returns its one line on stderr, after checking that it did nothing."""

    def run(*args: object) -> str:
        before = sorted(folder.rglob("*"))
        done = cli(*args)
        assert (done.code, done.out) == (2, ""), done
        lines = done.err.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("error: ")
        assert sorted(folder.rglob("*")) == before, "something was written"
        return lines[0].removeprefix("error: ")

    return run
