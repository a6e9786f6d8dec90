"""How `nassurrogate search` ends early: Ctrl-C, plots that fail, evaluations that all fail."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nassurrogate.benchmarks import TabularBenchmark
from nassurrogate.errors import InputError
from nassurrogate.search import read_ledger

BOOSTING = ("--predictor", "gradient-boosting", "--config", "members=2", "--config", "rounds=20", "--no-plots")
FAILING = """
from nassurrogate.benchmarks import CallableBenchmark
from nassurrogate.spaces import CategoricalSpace

def train(arch):
    raise MemoryError("out of memory")

SPACE = CategoricalSpace("failing", {f"layer{i}": [1, 2, 4] for i in range(5)})
TRUTH = CallableBenchmark(SPACE, train, dataset="made-up")
"""
FAILING_POINTS = """
[nassurrogate.spaces]
failing = failing_plugin:SPACE
[nassurrogate.benchmarks]
failing = failing_plugin:TRUTH
"""


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes during the eighth query."""
    whole = TabularBenchmark.evaluate
    n_calls = itertools.count(1)

    def evaluate(self: TabularBenchmark, *args: Any, **options: Any) -> Any:
        if next(n_calls) == 8:
            raise KeyboardInterrupt
        return whole(self, *args, **options)

    monkeypatch.setattr(TabularBenchmark, "evaluate", evaluate)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("predictor", [("--predictor", "none"), BOOSTING[:-1]], ids=["none", "boosting"])
def test_ctrl_c_prints_the_best_so_far(cli: Callable[..., Any], as_json: bool, predictor: tuple[str, ...]) -> None:
    options = ("--json",) if as_json else ()
    done = cli("search", "--budget", 30, "--seed", 0, "--run-dir", "run", *predictor, *options)
    assert done.code == 130
    assert done.err.splitlines()[-1] == f"error: interrupted: the 7 queries so far are in {Path('run', 'ledger.jsonl')}"
    summary = json.loads(Path("run", "summary.json").read_text())
    assert (summary["stop_reason"], summary["queries"]) == ("interrupted", 7)
    if as_json:
        assert json.loads(done.out) == summary
    else:
        assert summary["best"]["arch"] in done.out
        assert "interrupted" in done.out
        assert "best 7 of 7 queries" in done.out
    assert Path("run", "plots", "best_so_far.png").is_file()


@pytest.mark.parametrize("error", [InputError("cannot write x.png: No space left on device"), RuntimeError("no font")])
def test_the_result_is_printed_before_plots_can_fail(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    printed = []

    def fail(*_: object) -> None:
        printed.append(capsys.readouterr().out)
        raise error

    monkeypatch.setattr("nassurrogate.search.record.plots.draw_plots", fail)
    done = cli("search", "--budget", 2, "--predictor", "none", "--seed", 0, "--run-dir", "run")
    assert done.code == 0
    assert ("warning: cannot write x.png" if isinstance(error, InputError) else "warning: no plots: ") in done.err
    (text,) = printed
    assert json.loads(Path("run", "summary.json").read_text())["best"]["arch"] in text


def test_five_failures_from_the_start_end_a_run_in_one_line(
    cli: Callable[..., Any], install: Callable[..., None]
) -> None:
    install("failing-plugin", FAILING_POINTS, failing_plugin=FAILING)
    done = cli("search", "--space", "failing", "--budget", 30, "--seed", 0, "--run-dir", "run")
    assert (done.code, done.out) == (2, "")
    (line,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert "the first 5 evaluations all failed, so the run stops" in line
    assert "MemoryError: out of memory" in line
    assert [query.status for query in read_ledger("run").queries] == ["failed"] * 5
