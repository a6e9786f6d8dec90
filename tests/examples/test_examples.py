"""The notebooks: their code runs from top to bottom, and what is committed is a clean run of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PLOTS = {
    "search_nb201": 4,
    "figures/compare_predictors": 1,
    "figures/compare_predictors_nb101": 1,
    "own_problem/own_problem": 2,
}
"""Notebook → how many plots it shows at least."""
TRAINS = "own_problem/own_problem"
"""A notebook that trains networks for a minute."""
MAX_BYTES = 400_000


@pytest.fixture(scope="module", params=PLOTS)
def path(request: pytest.FixtureRequest) -> Path:
    return EXAMPLES / f"{request.param}.ipynb"


@pytest.fixture(scope="module")
def committed(path: Path) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def _code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _output_types(notebook: dict[str, Any]) -> list[set[str]]:
    """For every code cell what kinds of output it shows, errors and text on stderr included."""
    return [
        {kind for output in cell["outputs"] for kind in output.get("data", {output.get("name", "error"): None})}
        for cell in _code_cells(notebook)
    ]


@pytest.mark.parametrize(
    "path", [pytest.param(name, marks=[pytest.mark.slow] * (name == TRAINS)) for name in PLOTS], indirect=True
)
def test_notebook_runs_from_top_to_bottom(tmp_path: Path, path: Path, committed: dict[str, Any]) -> None:
    out, work = tmp_path / "executed.ipynb", tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "execute.py"), str(path), "--out", str(out)],
        cwd=work,
        # A cache of its own: what was imported on this machine would change the tables shown.
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    executed = json.loads(out.read_text(encoding="utf-8"))
    assert [cell["source"] for cell in executed["cells"]] == [cell["source"] for cell in committed["cells"]]
    # The same plots, tables and texts as those committed, and no warning among them.
    assert _output_types(executed) == _output_types(committed)
    assert list(work.iterdir()) == []  # the runs it wrote went with the folder it ran in


def test_committed_outputs_are_one_clean_run(path: Path, committed: dict[str, Any]) -> None:
    cells = _code_cells(committed)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    shown = _output_types(committed)
    assert not any({"error", "stderr"} & kinds for kinds in shown)
    assert sum("image/png" in kinds for kinds in shown) >= PLOTS[path.relative_to(EXAMPLES).with_suffix("").as_posix()]


def test_committed_notebook_is_small_and_tells_nothing_of_where_it_ran(path: Path, committed: dict[str, Any]) -> None:
    assert path.stat().st_size < MAX_BYTES
    assert committed["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(cell["metadata"] == {} for cell in committed["cells"])
    for cell in _code_cells(committed):
        texts = [
            text
            for output in cell["outputs"]
            for kind, text in {"text": output.get("text", ""), **output.get("data", {})}.items()
            if not kind.startswith("image/")
        ]
        text = "".join("".join(text) for text in texts)
        assert not re.search(r"(?:/home/|/root/|/tmp/|/Users/|[A-Z]:\\)", text)


def test_no_result_is_typed_into_the_text(committed: dict[str, Any]) -> None:
    names = re.compile(r"```.*?```|`[^`]*`|NAS-Bench-[12]01|V2|^## \d\.|section \d", re.DOTALL | re.MULTILINE)
    for cell in committed["cells"]:
        if cell["cell_type"] == "markdown":
            assert not re.search(r"\d", names.sub("", "".join(cell["source"])))
