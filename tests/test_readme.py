"""The README quotes what was measured: its tables are those that the script makes of the stored results."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", ["search", "ranking", "speed"])
def test_tables_are_those_of_the_stored_results(name):
    script = runpy.run_path(str(ROOT / "examples" / "reproduce_figures.py"), run_name="script")
    lines = (ROOT / "examples" / "results" / f"{name}.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if "packages" not in row]
    assert script[f"{name}_table"](rows) in README


def test_every_measurement_is_there_once():
    script = runpy.run_path(str(ROOT / "examples" / "reproduce_figures.py"), run_name="script")
    for name, tasks in (("search", script["search_tasks"](30)), ("ranking", script["ranking_tasks"](10))):
        lines = (ROOT / "examples" / "results" / f"{name}.jsonl").read_text().splitlines()
        rows = [row for row in map(json.loads, lines) if "packages" not in row]
        for task in tasks:
            assert sum(task.items() <= row.items() for row in rows) == 1, task
        assert len(rows) == len(list(script[f"{name}_tasks"](30 if name == "search" else 10)))
