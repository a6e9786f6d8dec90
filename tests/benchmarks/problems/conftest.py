"""Problem files for tests. None imports torch: every one of their processes starts in a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks import Evaluation, Problem, load_problem
from tests.benchmarks.problems.small_space import SPACE


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """`write(source)`: a problem file with a small space and this source."""

    def written(source: str, name: str = "my_problem.py", *, space: str = SPACE) -> Path:
        path = tmp_path / name
        path.write_text(space + source)
        return path

    return written


@pytest.fixture
def problem(write: Callable[..., Path], tmp_path: Path) -> Iterator[Callable[..., Problem]]:
    """`problem(source, **options)`: the problem of such a file, which logs to `tmp_path/logs`."""
    made: list[Problem] = []

    def loaded(source: str, *, space: str = SPACE, **options: Any) -> Problem:
        found = load_problem(write(source, space=space)).with_options(**{"log_dir": tmp_path / "logs", **options})
        made.append(found)
        return found

    yield loaded
    for each in made:
        each.close()


@pytest.fixture
def evaluate() -> Callable[..., Evaluation]:
    """`evaluate(problem, do, n)`: the evaluation of one architecture."""

    def one(problem: Problem, do: str = "well", n: int = 0, seed: int | None = None, **asked: Any) -> Evaluation:
        (found,) = problem.evaluate([problem.space.parse(f"do={do} n={n}")], seed=seed, **asked)
        return found

    return one
