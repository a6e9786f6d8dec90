"""Runs that are cut off: what was paid for stands."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from nassurrogate.errors import InputError
from nassurrogate.search import read_ledger, run

SLOW_RUN = """
import sys, time
from nassurrogate.search import run

def listen(event):
    if event.kind == "query":
        print(event.done, flush=True)
        time.sleep(0.02)

run(budget=5000, predictor="none", seed=0, run_dir=sys.argv[1], listener=listen)
"""


def options(folder, **more):
    return {"budget": 10, "predictor": "none", "seed": 0, "run_dir": folder, "plots": False, **more}


def stop_at(number, error):
    def listen(event):
        if event.kind == "query" and event.done == number:
            raise error

    return listen


def test_ctrl_c_leaves_the_ledger_and_frees_the_lock(bench, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(**options(tmp_path / "run", listener=stop_at(4, KeyboardInterrupt)), benchmark=bench)
    ledger = read_ledger(tmp_path / "run")
    assert len(ledger.queries) == 4
    assert not ledger.torn
    assert not (tmp_path / "run" / "summary.json").exists()
    with pytest.raises(InputError, match="holds another run"):
        run(**options(tmp_path / "run"), benchmark=bench)


def test_a_second_run_into_a_folder_in_use_is_refused(bench, tmp_path):
    def listen(event):
        if event.kind == "query" and event.done == 2:
            with pytest.raises(InputError, match="another process is writing"):
                run(**options(tmp_path / "run"), benchmark=bench)

    run(**options(tmp_path / "run", listener=listen), benchmark=bench)
    assert len(read_ledger(tmp_path / "run").queries) == 10


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_run_leaves_a_readable_ledger(tmp_path):
    with subprocess.Popen([sys.executable, "-c", SLOW_RUN, str(tmp_path / "run")], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(5):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    queries = read_ledger(tmp_path / "run").queries
    assert len(queries) >= 5
    assert [query.number for query in queries] == list(range(1, len(queries) + 1))
