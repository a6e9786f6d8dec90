"""Runs the command line in an empty folder with an empty cache."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks.embedded import embedded_columns
from nassurrogate.cli import main
from nassurrogate.surrogate import Surrogate


@dataclass(frozen=True)
class Done:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout, which must be all that is there, and hold no NaN."""
        assert self.code == 0, self.err

        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} in the JSON")

        found = json.loads(self.out, parse_constant=refuse)
        assert isinstance(found, dict)
        return found


CommandLine = Callable[..., Done]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder; the cache of imported tables lies beside it."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("NASSURROGATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return here


@pytest.fixture(scope="session")
def read_once() -> Callable[[str], Any]:
    """The embedded tables, each read at most once; its columns are read-only."""
    return functools.cache(embedded_columns)


@pytest.fixture(autouse=True)
def embedded(read_once: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast a table loads is tested elsewhere: here it would be most of the time."""
    monkeypatch.setattr("nassurrogate.benchmarks.nb201.embedded_columns", read_once)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Runs `nassurrogate ARGUMENTS` in this process."""

    def run(*args: object) -> Done:
        capsys.readouterr()
        code = main([str(arg) for arg in args])
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


@pytest.fixture
def refused(cli: CommandLine, folder: Path) -> Callable[..., str]:
    """Runs bad input; returns the one line on stderr, after checking that nothing else came of it."""

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


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved surrogate."""
    surrogate = Surrogate("nb201", predictor="gradient-boosting", seed=0, config={"members": 2, "rounds": 20})
    surrogate.fit([0, 1, 2, 3, 4], [85.5, 90.8, 72.1, 88.0, 89.0])
    return surrogate.save(tmp_path_factory.mktemp("model") / "model.safetensors")


class Process:
    """`python -m nassurrogate ARGUMENTS` as a process of its own."""

    def start(self, *args: object, **options: Any) -> subprocess.Popen[str]:
        """The running process, its streams being pipes unless `options` say otherwise."""
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # A shell that runs things in the background has them ignore Ctrl-C; a terminal has not.
        return subprocess.Popen(
            [sys.executable, "-m", "nassurrogate", *map(str, args)],
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # type: ignore[arg-type,return-value]
            **{**pipes, **options},
        )

    def run(self, *args: object, **options: Any) -> Done:
        """What the process came to."""
        process = self.start(*args, **options)
        out, err = process.communicate(timeout=120)
        return Done(process.returncode, out or "", err or "")


@pytest.fixture
def process() -> Process:
    """Starts processes."""
    return Process()
