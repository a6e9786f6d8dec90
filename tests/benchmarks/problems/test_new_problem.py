"""`nassurrogate new problem DIR`: one file, never over another."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks.problems import template


def test_it_writes_exactly_one_file(cli: Callable[..., Any], folder: Path) -> None:
    done = cli("new", "problem", "mine/first")
    path = Path("mine", "first", "problem.py")
    assert (done.code, done.err) == (0, "")
    assert [found for found in folder.rglob("*") if found.is_file()] == [folder / path]
    assert path.read_bytes() == Path(template.__file__).read_bytes()
    assert done.out.splitlines()[-1] == f"next: nassurrogate search --problem {path} --budget 30"


def test_json_and_odd_names(cli: Callable[..., Any], folder: Path) -> None:
    found = cli("new", "problem", "my own", "--json").json
    path = str(Path("my own", "problem.py"))
    assert found["written"] == path
    assert shlex.split(found["next"])[:4] == ["nassurrogate", "search", "--problem", path]
    assert cli("new", "problem", ".").code == 0
    assert (folder / "problem.py").exists()


def test_nothing_is_overwritten(cli: Callable[..., Any], refused: Callable[..., str], folder: Path) -> None:
    assert cli("new", "problem", "mine").code == 0
    (folder / "mine" / "problem.py").write_text("edited")
    message = refused("new", "problem", "mine")
    assert message == f"{Path('mine', 'problem.py')} exists already, and is not overwritten; name another folder"
    assert (folder / "mine" / "problem.py").read_text() == "edited"


@pytest.mark.parametrize("place", ["taken", "taken/below", "", "a\0b"])
def test_where_nothing_can_be_written(refused: Callable[..., str], folder: Path, place: str) -> None:
    (folder / "taken").touch()
    assert refused("new", "problem", place)


def test_what_is_expected(refused: Callable[..., str]) -> None:
    assert "WHAT" in refused("new")
    assert "did you mean 'problem'?" in refused("new", "problme", "mine")
    assert "DIR" in refused("new", "problem")
