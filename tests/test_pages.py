"""What README, docs, CONTRIBUTING and docstrings print exists: links, paths, commands, imports, names."""

from __future__ import annotations

import ast
import builtins
import importlib
import re
import shlex
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
}
"""Every page by its path."""
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for folder in ("nassurrogate", "search", "benchmarks", "examples")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
"""Every module of the product and every script by its path."""
PATH = re.compile(r"`((?:nassurrogate|search|benchmarks|tests|examples|docs)/[\w./*-]*)`")


def without_code(page: str) -> str:
    return re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[Any]:
    """Code blocks of one language as parameters, named by page and number."""
    return [
        pytest.param(code, id=f"{name}-{number}")
        for name, page in PAGES.items()
        for number, code in enumerate(re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL), 1)
    ]


@cache
def anchors(path: Path) -> set[str]:
    """What the headings of a page are called in links, as GitHub makes it of their text."""
    headings = re.findall(r"^#+ (.+)$", without_code(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_links(name: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", without_code(PAGES[name]))
    for link in links:
        if link.startswith(("https://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        path = (ROOT / name).parent / target if target else ROOT / name
        assert path.exists(), link
        assert path.resolve().is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(path), link


@pytest.mark.parametrize("name", PAGES)
def test_paths_in_code_marks(name: str) -> None:
    """`nassurrogate/…`, `examples/….py` and the like, wherever a page names them."""
    assert missing_paths(without_code(PAGES[name])) == []


def missing_paths(text: str) -> list[str]:
    return [path for path in PATH.findall(text) if not any(ROOT.glob(path.rstrip("/")))]


def test_paths_in_docstrings_and_comments() -> None:
    assert sum(len(PATH.findall(code)) for code in SOURCES.values()) > 10
    assert {name: found for name, code in SOURCES.items() if (found := missing_paths(code))} == {}


def test_errors_in_docstrings() -> None:
    """What a docstring says is raised is an exception of this package or of Python."""
    known = {name for code in SOURCES.values() for name in re.findall(r"^class (\w+)", code, re.MULTILINE)}
    named = {(path, name) for path, code in SOURCES.items() for name in re.findall(r"`(\w+Error)`", code)}
    assert len(named) > 100
    assert sorted((path, name) for path, name in named if name not in known and not hasattr(builtins, name)) == []


@pytest.mark.parametrize("name", PAGES)
def test_names_in_files(name: str) -> None:
    """`NAME` in `path.py`: the file has the name."""
    for names, path in re.findall(r"((?:`\w+`(?:, | and )?)+) in `([\w./]+\.py)`", PAGES[name]):
        words = re.findall(r"`(\w+)`", names)
        assert [word for word in words if not re.search(rf"\b{word}\b", (ROOT / path).read_text())] == [], path


@pytest.mark.parametrize("code", blocks("bash"))
def test_commands(code: str) -> None:
    """Commands parse, options included, and scripts exist."""
    from nassurrogate.cli.app import build_parser

    for line in code.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["nassurrogate"]:
            build_parser().parse_args(words[1:])
        for word in words:
            if word.startswith(("examples/", "tests/")):
                assert (ROOT / word.partition("::")[0]).exists(), line


@pytest.mark.parametrize("code", blocks("python"))
def test_python(code: str) -> None:
    """Code compiles, and every name of this package that it imports is there, by its present name."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "nassurrogate":
            with warnings.catch_warnings():
                warnings.filterwarnings("error", ".* is now ", DeprecationWarning)
                module = importlib.import_module(node.module or "")
                for alias in node.names:
                    getattr(module, alias.name)


def test_public_names() -> None:
    rows = re.findall(r"^\| `(nassurrogate[\w.]*)` \| (`.+) \|$", PAGES["docs/python.md"], re.MULTILINE)
    assert len(rows) == 8
    for package, names in rows:
        public = importlib.import_module(package).__all__
        assert [name for name in re.findall(r"`(\w+)`", names) if name not in public] == []


def test_number_of_predictors() -> None:
    from nassurrogate.predictors import predictor_names

    built_in = [name for name in predictor_names() if not name.startswith("my-")]
    assert f"{len(built_in)} built in" in PAGES["README.md"]


def test_the_map_has_every_folder_of_code() -> None:
    found = {
        path.parent.relative_to(ROOT).as_posix() + "/"
        for top in ("nassurrogate", "search", "benchmarks")
        for path in (ROOT / top).rglob("*.py")
    }
    rows = re.findall(r"^([\w/]+/) {2,}\S", PAGES["CONTRIBUTING.md"], re.MULTILINE)
    assert sorted(found - set(rows)) == []
    assert [row for row in rows if not (ROOT / row).is_dir()] == []
