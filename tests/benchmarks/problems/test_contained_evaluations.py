"""Evaluations of a problem: whatever a training does, it costs itself only, and its reason is one line."""

from __future__ import annotations

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

import pytest

from nassurrogate.benchmarks import Evaluation, EvaluationStoppedError, Problem
from nassurrogate.errors import InputError
from nassurrogate.search import run
from tests.benchmarks.problems.processes import alive
from tests.benchmarks.problems.small_space import SPACE

Evaluate = Callable[..., Evaluation]
Make = Callable[..., Problem]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups of POSIX")

HARM = """
import ctypes, os, resource, signal, subprocess, sys, time

def evaluate(arch, seed=7, fidelity=None):
    if arch.choices["do"] == "harm":
        harm(arch.choices["n"])
    return {"val_accuracy_pct": 90.0 + arch.choices["n"], "seed": seed, "pid": os.getpid()}

def harm(n):
"""
FATAL = [
    ("os._exit(3)", "its process exited with code 3"),
    ("os.kill(os.getpid(), signal.SIGKILL)", "its process was killed by signal 9 (out of memory?)"),
    ("ctypes.string_at(0)", "its process was killed by signal 11 (SIGSEGV)"),
    ("time.sleep(100)", "timed out after 1 s"),
    ("resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)); bytearray(8 << 30)", "MemoryError"),
]
RAISED = [
    ("sys.exit(3)", "SystemExit: 3"),
    ("raise ValueError('too\\nbig \\x1b[31m')", r"ValueError: too big \x1b[31m"),
]


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of memory is not everywhere enforced")
def test_what_ends_a_process_costs_itself_only(problem: Make, evaluate: Evaluate) -> None:
    space = SPACE.replace("[0, 1, 2, 3]", str(list(range(len(FATAL)))))
    source = "".join(f"    if n == {n}: {harm}\n" for n, (harm, _) in enumerate(FATAL))
    mine = problem(HARM + source, space=space, time_limit_s=1, retries=0)
    before = evaluate(mine)
    for n, (_, reason) in enumerate(FATAL):
        harmed = evaluate(mine, "harm", n)
        assert (harmed.status, dict(harmed.values)) == ("failed", {})
        assert harmed.reason.partition(f"; output in logs/do=harm-n={n}.log")[0] == reason
        assert harmed.cost_s >= 0
        assert not alive(int(before.values["pid"]))
        after = evaluate(mine, n=n)
        assert after.values["val_accuracy_pct"] == 90.0 + n
        assert after.values["pid"] != before.values["pid"]
        before = after


def test_what_is_raised_leaves_the_process_alone(problem: Make, evaluate: Evaluate) -> None:
    source = "".join(f"    if n == {n}: {harm}\n" for n, (harm, _) in enumerate(RAISED))
    mine = problem(HARM + source)
    before = evaluate(mine)
    for n, (_, reason) in enumerate(RAISED):
        harmed = evaluate(mine, "harm", n)
        assert (harmed.status, dict(harmed.values)) == ("failed", {})
        assert harmed.reason == f"{reason}; output in logs/do=harm-n={n}.log"
    assert evaluate(mine).values == before.values


def test_a_process_that_dies_is_tried_again(
    problem: Make, evaluate: Evaluate, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mine = problem(
        HARM + "    print('attempt', flush=True)\n    if n == 0: os._exit(3)\n"
        f"    began = {str(tmp_path / 'began')!r}\n"
        "    if not os.path.exists(began): open(began, 'w').close(); os._exit(4)\n"
    )
    with caplog.at_level(logging.WARNING, "nassurrogate"):
        assert evaluate(mine, "harm", 1).status == "ok"
        assert caplog.messages == ["do=harm n=1: its process exited with code 4; trying again"]
    found = evaluate(mine, "harm", 0)
    assert found.reason == "its process exited with code 3, in 3 attempts; output in logs/do=harm-n=0.log"
    printed = (tmp_path / "logs" / "do=harm-n=0.log").read_text()
    assert printed.splitlines()[:3] == ["attempt", "", "--- its process exited with code 3; attempt 2 ---"]
    assert printed.count("attempt\n") == 3


def test_a_process_is_used_again(problem: Make, evaluate: Evaluate) -> None:
    mine = problem(HARM + "    pass\n")
    found = [evaluate(mine, n=n) for n in range(3)]
    assert len({each.values["pid"] for each in found}) == 1
    assert found[0].values["pid"] != os.getpid()
    assert all(each.n_seeds["val_accuracy_pct"] == 1 for each in found)


def test_seed_and_fidelity_are_passed_on(problem: Make, evaluate: Evaluate) -> None:
    mine = problem(HARM + "    pass\n")
    found = evaluate(mine, seed=5, fidelity=3)
    assert (found.seed, found.fidelity, found.values["seed"]) == (5, 3, 5.0)
    assert evaluate(mine).values["seed"] == 7.0, "its own default"
    with pytest.raises(InputError, match="evaluate has no such argument"):
        evaluate(problem("def evaluate(arch): return 1\n"), fidelity=3)


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ("None", "evaluate returned None as val_accuracy_pct, expected a finite number"),
        ("float('nan')", "evaluate returned nan as val_accuracy_pct, expected a finite number"),
        ("'93 %'", "evaluate returned '93 %' as val_accuracy_pct, expected a finite number"),
        ("{'val_loss': 0.1}", "evaluate returned no val_accuracy_pct, only val_loss"),
        ("{'accuracy': 90}", "evaluate returned no val_accuracy_pct, only accuracy; if that is meant, set objective="),
        ("evaluate", "evaluate returned <function evaluate at 0x"),
    ],
)
def test_unusable_values(problem: Make, evaluate: Evaluate, returned: str, reason: str) -> None:
    found = evaluate(problem(f"def evaluate(arch): return {returned}\n"))
    assert found.status == "failed"
    assert found.reason.startswith(reason)


def test_prints_do_not_get_between_the_answers(problem: Make, evaluate: Evaluate, tmp_path: Path) -> None:
    mine = problem(
        "import os, sys\nprint('on import')\ndef evaluate(arch):\n    print('{\"status\": \"ok\"}')\n"
        "    print('warned', file=sys.stderr)\n    os.write(1, b'raw\\n')\n    os.system('echo from a shell')\n"
        "    sys.stdout.write('no line end')\n    assert sys.stdin.read() == ''\n    return 90\n"
    )
    found = evaluate(mine, seed=0)
    assert (found.status, found.values) == ("ok", {"val_accuracy_pct": 90.0})
    printed = (tmp_path / "logs" / "do=well-n=0-seed0.log").read_text()
    assert printed == 'on import\n{"status": "ok"}\nwarned\nraw\nfrom a shell\nno line end'


def test_what_prints_nothing_leaves_no_log(problem: Make, evaluate: Evaluate, tmp_path: Path) -> None:
    evaluate(problem("def evaluate(arch): return 90\n"))
    assert not (tmp_path / "logs").exists()


def test_a_traceback_is_kept(problem: Make, evaluate: Evaluate, tmp_path: Path) -> None:
    found = evaluate(problem("def evaluate(arch): return {}['missing']\n"))
    assert found.reason == "KeyError: 'missing'; output in logs/do=well-n=0.log"
    assert 'my_problem.py", line 5, in evaluate' in (tmp_path / "logs" / "do=well-n=0.log").read_text()


def test_huge_output_is_cut_in_the_middle(problem: Make, evaluate: Evaluate, tmp_path: Path) -> None:
    mine = problem(
        "import sys\ndef evaluate(arch):\n    print('first')\n"
        "    for i in range(300): sys.stderr.write('x' * 100_000)\n    print('last')\n    return 90\n"
    )
    assert evaluate(mine).status == "ok"
    (log,) = (tmp_path / "logs").iterdir()
    content = log.read_bytes()
    assert len(content) < 11_000_000
    assert content.startswith(b"first\n")
    assert content.endswith(b"last\n")
    assert "bytes left out" in content.decode()


def test_what_a_slow_training_started_ends_with_it(problem: Make, evaluate: Evaluate, tmp_path: Path) -> None:
    mine = problem(
        HARM + "    worker = subprocess.Popen(['sleep', '100'])\n"
        f"    open({str(tmp_path / 'worker')!r}, 'w').write(str(worker.pid))\n    time.sleep(100)\n",
        time_limit_s=0.5,
    )
    assert evaluate(mine, "harm").reason == "timed out after 0.5 s"
    assert not alive(int((tmp_path / "worker").read_text()))


def test_a_process_that_holds_the_pipes_does_not_hide_an_exit(problem: Make, evaluate: Evaluate) -> None:
    mine = problem(HARM + "    os.fork() == 0 and time.sleep(100)\n    os._exit(4)\n", retries=0, time_limit_s=60)
    began = time.monotonic()
    assert evaluate(mine, "harm").reason == "its process exited with code 4"
    assert time.monotonic() - began < 30, "it waited for the fork"


def test_importing_may_fail_in_the_process_alone(problem: Make, evaluate: Evaluate) -> None:
    mine = problem("import sys\nif sys.argv[0].endswith('my_problem.py'):\n    1 / 0\ndef evaluate(arch): return 90\n")
    found = evaluate(mine)
    assert found.status == "failed"
    assert "line 7: importing the file raised ZeroDivisionError: division by zero; output in logs/" in found.reason
    dying = problem(
        "import os, sys\nif sys.argv[0].endswith('my_problem.py'): os._exit(5)\ndef evaluate(arch): return 1\n"
    )
    assert evaluate(dying).reason == "its process exited with code 5 while it imported my_problem.py, in 3 attempts"


def test_a_file_that_changes_during_the_run_is_refused(problem: Make, evaluate: Evaluate) -> None:
    mine = problem(HARM + "    os._exit(1)\n", retries=0)
    assert evaluate(mine).status == "ok"
    mine.path.write_text(mine.path.read_text() + "# edited\n")
    assert evaluate(mine).status == "ok", "the process has what it needs"
    assert evaluate(mine, "harm").status == "failed"
    with pytest.raises(InputError, match=r"my_problem\.py has changed"):
        evaluate(mine)


def test_two_threads_have_two_processes(problem: Make, evaluate: Evaluate, tmp_path: Path) -> None:
    meet = (
        "import os, pathlib, time\ndef evaluate(arch):\n"
        f"    here = pathlib.Path({str(tmp_path)!r}, str(arch.choices['n']))\n    here.touch()\n"
        f"    while not all(pathlib.Path({str(tmp_path)!r}, name).exists() for name in '01'): time.sleep(0.01)\n"
        "    return {'val_accuracy_pct': arch.choices['n'], 'pid': os.getpid()}\n"
    )
    mine = problem(meet, time_limit_s=60)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda n: evaluate(mine, n=n), [0, 1]))
    assert [each.values["val_accuracy_pct"] for each in found] == [0.0, 1.0]
    pids = {each.values["pid"] for each in found}
    assert len(pids) == 2
    assert evaluate(mine, n=2).values["pid"] in pids, "both wait for further work"


def test_close_stops_what_runs(problem: Make, evaluate: Evaluate, tmp_path: Path) -> None:
    mine = problem(HARM + f"    open({str(tmp_path / 'began')!r}, 'w').close(); time.sleep(100)\n")
    idle = evaluate(mine)
    other = pickle.loads(pickle.dumps(mine))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(evaluate, other, "harm")
        while not (tmp_path / "began").exists():
            time.sleep(0.01)
        threading.Timer(0, mine.close).start()
        with pytest.raises(EvaluationStoppedError):
            running.result(timeout=30)
    assert not alive(int(idle.values["pid"]))
    assert evaluate(mine).status == "ok", "it can be used again"


def test_a_metric_that_is_missing_later_is_logged_once(
    problem: Make, evaluate: Evaluate, caplog: pytest.LogCaptureFixture
) -> None:
    mine = problem(
        "def evaluate(arch):\n    n = arch.choices['n']\n"
        "    return {'val_accuracy_pct': 90, **({'val_loss': 0.1} if n < 2 else {})}\n"
    )
    with caplog.at_level(logging.WARNING, "nassurrogate"):
        assert [evaluate(mine, n=n).status for n in (0, 2, 3)] == ["ok"] * 3
    (record,) = caplog.records
    assert "evaluate returned val_loss for earlier architectures, but not for 'do=well n=2'" in record.getMessage()


def test_a_search_with_failures_and_fractions(problem: Make) -> None:
    mine = problem(
        "import os\ndef evaluate(arch):\n    if arch.choices['n'] == 3: os._exit(1)\n"
        "    return 0.5 + arch.choices['n'] / 10 + (arch.choices['do'] == 'well') / 100\n",
        retries=0,
    )
    asked: dict[str, Any] = {"predictor": "none", "searcher": "random", "seed": 0, "write": False}
    found = run(benchmark=mine, budget=8, **asked)
    assert found["best"]["arch"] == "do=well n=2"
    assert sum("exited with code 1" in note for note in found["notes"]) == 2
    assert sum("looks like a fraction" in note for note in found["notes"]) == 1
