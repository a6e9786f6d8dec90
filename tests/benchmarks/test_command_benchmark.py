"""Ground truth from a program: what it reads and prints, and what happens if it fails."""

from __future__ import annotations

import json
import logging
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nassurrogate.benchmarks import CommandBenchmark, Evaluation, EvaluationStoppedError, load_problem
from nassurrogate.errors import InputError
from nassurrogate.spaces import CategoricalSpace, get_space

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups of POSIX")

SPACE = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32], "norm": [True, None]})
ARCH = SPACE.from_choices({"kernel": 3, "width": 32, "norm": None})
Run = Callable[..., Evaluation]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run(source, **options)`: the evaluation by a Python program of that source."""

    def evaluated(source: str, seed: int | None = None, fidelity: int | None = None, **options: Any) -> Evaluation:
        (tmp_path / "train.py").write_text(source)
        truth = CommandBenchmark(
            SPACE, [sys.executable, "-IS", "train.py"], **{"folder": tmp_path, "log_dir": tmp_path / "logs", **options}
        )
        (found,) = truth.evaluate([ARCH], seed=seed, fidelity=fidelity)
        return found

    return evaluated


def test_what_it_reads(run: Run, tmp_path: Path) -> None:
    source = (
        "import sys\nopen('asked', 'w').write(sys.stdin.read())\nprint('{\"val_accuracy_pct\": 93.5, \"val_loss\": 1}')"
    )
    found = run(source, seed=4, fidelity=2)
    assert json.loads((tmp_path / "asked").read_text()) == {
        "arch": "kernel=3 width=32 norm=None",
        "choices": {"kernel": 3, "width": 32, "norm": None},
        "seed": 4,
        "fidelity": 2,
    }
    assert (found.values, found.seed, found.fidelity) == ({"val_accuracy_pct": 93.5, "val_loss": 1.0}, 4, 2)
    assert found.cost_s > 0


def test_a_space_without_choices_has_none() -> None:
    cell = get_space("nb201").parse(0)
    truth = CommandBenchmark(
        cell.space, ["sh", "-c", "grep -q '\"choices\": null' && echo '{\"val_accuracy_pct\": 1}'"]
    )
    assert truth.evaluate([cell])[0].status == "ok"


def test_the_last_object_counts_whatever_else_is_printed(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = (
        "import sys\nprint('loading {', '\\xff')\nprint('{\"val_accuracy_pct\": 1}')\n"
        "print('{\"val_accuracy_pct\": 92}')\nprint('{not JSON}')\nprint('[1]')\nprint('warned', file=sys.stderr)"
    )
    with caplog.at_level(logging.WARNING, "nassurrogate"):
        assert run(source).values == {"val_accuracy_pct": 92.0}
    (message,) = caplog.messages
    assert "train.py prints more than its metrics to stdout" in message
    log = (tmp_path / "logs" / "kernel=3-width=32-norm=None.log").read_text()
    assert "warned\n" in log
    assert "loading {" in log


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ValueError('no data')", "train.py exited with code 1: ValueError: no data"),
        ("import sys; print('epoch 1'); sys.exit(3)", "exited with code 3: epoch 1"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by signal 9 (out of memory?) in 3 attempts"),
        ("", 'printed no metrics to stdout, such as {"val_accuracy_pct": 93.5} in one line; the last line is nothing'),
        ("print(93.5)", "the last line is '93.5'"),
        ("print('{}')", "evaluate returned no val_accuracy_pct, only an empty dict"),
        ("print('{\"val_accuracy_pct\": NaN}')", "evaluate returned nan as val_accuracy_pct, expected a finite number"),
        ('print(\'{"val_accuracy_pct": "high"}\')', "evaluate returned 'high' as val_accuracy_pct"),
        ("import time; time.sleep(100)", "timed out after 0.5 s"),
        ("import os, time; os.fork() and time.sleep(100); time.sleep(100)", "timed out after 0.5 s"),
    ],
)
def test_failures(run: Run, source: str, reason: str) -> None:
    found = run(source, time_limit_s=0.5 if "sleep" in source else 60)
    assert (found.status, dict(found.values)) == ("failed", {})
    assert reason in found.reason
    assert found.reason.isprintable()
    assert ("output in logs/" in found.reason) == ("print" in source or "raise" in source)


def test_a_program_need_not_read_its_input(run: Run) -> None:
    wide = CategoricalSpace("wide", {f"slot{place}": [1, 2] for place in range(20_000)})
    truth = CommandBenchmark(wide, ["echo", '{"val_accuracy_pct": 1}'])
    assert truth.evaluate(wide.sample(1, np.random.default_rng(0)))[0].status == "ok"


def test_a_program_that_vanishes_is_a_failure(tmp_path: Path) -> None:
    program = tmp_path / "train.sh"
    program.write_text("#!/bin/sh\necho '{\"val_accuracy_pct\": 1}'\n")
    program.chmod(0o755)
    truth = CommandBenchmark(SPACE, ["./train.sh"], folder=tmp_path)
    assert truth.evaluate([ARCH])[0].status == "ok"
    program.unlink()
    assert truth.evaluate([ARCH])[0].reason.startswith("cannot start './train.sh': FileNotFoundError:")


def test_close_kills_what_runs(tmp_path: Path) -> None:
    truth = CommandBenchmark(SPACE, ["sh", "-c", "touch began; sleep 100"], folder=tmp_path)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(truth.evaluate, [ARCH])
        while not (tmp_path / "began").exists():
            time.sleep(0.01)
        assert pickle.loads(pickle.dumps(truth)).command == truth.command, "while a program runs"
        threading.Timer(0, truth.close).start()
        with pytest.raises(EvaluationStoppedError):
            running.result(timeout=30)


@pytest.mark.parametrize("command", ["python train.py", [], [3], ["", "x"], None, {"python": 1}, ["a\0b"]])
def test_what_is_no_command_is_refused(command: Any) -> None:
    with pytest.raises(InputError, match="command must be a program and its arguments"):
        CommandBenchmark(SPACE, command)


def test_the_command_of_a_problem_runs_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "problem.py").write_text(
        "from nassurrogate.spaces import CategoricalSpace\nspace = CategoricalSpace('mine', {'n': [1, 2]})\n"
        "objective = 'val_loss'\ncommand = ['cat', 'answer.json']\n"
    )
    (tmp_path / "answer.json").write_text('{"val_loss": 0.25}')
    problem = load_problem(tmp_path / "problem.py").with_options(time_limit_s=60, log_dir=tmp_path / "logs")
    assert problem.sources == ("problem.py: command",)
    assert problem.evaluate([problem.space.parse("n=1")])[0].values == {"val_loss": 0.25}
    assert [log.name for log in (tmp_path / "logs").iterdir()] == ["n=1.log"]
    problem.close()
