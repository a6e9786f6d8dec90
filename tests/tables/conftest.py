"""Runs the command line in an empty folder with an empty cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from nassurrogate.cli import main
from nassurrogate.spaces import get_space


@dataclass(frozen=True)
class Done:
    """What a command line came to."""

    code: int
    out: str
    err: str


CommandLine = Callable[..., Done]


@pytest.fixture(scope="session")
def nb101_at_hand() -> None:
    """NAS-Bench-101, which takes half a minute to enumerate, from the cache that all tests share."""
    get_space("nb101").take([0])  # type: ignore[attr-defined]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nb101_at_hand: None) -> Path:
    """An empty current folder; the cache of imported tables lies beside it."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("NASSURROGATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    return here


@pytest.fixture
def cli(folder: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Runs `nassurrogate ARGUMENTS` in this process."""

    def run(*args: object) -> Done:
        capsys.readouterr()
        code = main([str(arg) for arg in args])
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run
