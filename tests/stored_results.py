"""The pages of the documentation, the stored results, and the scripts that make tables of them."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks.experiments import read_lines

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
RESULTS = EXAMPLES / "results"
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
}
"""Every page by its path."""

Script = Callable[[str], dict[str, Any]]


def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """`script(name)`: what a script of the examples defines; for a fixture."""
    for folder in ("figures", "networks", "own_problem", "speed"):
        monkeypatch.syspath_prepend(str(EXAMPLES / folder))
    yield lambda name: runpy.run_path(str(next(EXAMPLES.glob(f"*/{name}.py"))), run_name="script")
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(EXAMPLES)):
            del sys.modules[name]


def stored(name: str) -> list[dict[str, Any]]:
    return [line for line in read_lines(RESULTS / f"{name}.jsonl") if "packages" not in line]


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def tables_of(page: str) -> set[str]:
    """The tables of a page that hold means and deviations."""
    blocks = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    return {block.rstrip("\n") for block in blocks if "±" in block}
