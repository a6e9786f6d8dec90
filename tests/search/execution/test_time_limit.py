"""A run that has a certain time."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from nassurrogate.search import read_ledger, run
from tests.search.ledgers import comparable
from tests.search.trainings import SPACE, accuracy


def test_a_time_limit_lets_what_runs_finish(tmp_path):
    began = time.monotonic()

    def slow(arch):
        time.sleep(0.05)
        return accuracy(arch)

    with ThreadPoolExecutor(2) as threads:
        options: dict[str, Any] = {"space": SPACE, "evaluate": slow, "executor": threads, "plots": False}
        result = run(**options, budget=24, seed=0, workers=2, time_limit_s=0.4, run_dir=tmp_path / "run")
        assert time.monotonic() - began < 30
        assert result["stop_reason"] == "time"
        n_done = len(read_ledger(tmp_path / "run").queries)
        assert 0 < n_done == result["queries"] < 24
        assert json.loads((tmp_path / "run" / "summary.json").read_text())["queries"] == n_done
        run(**options, resume=tmp_path / "run")
        run(**options, budget=24, seed=0, workers=2, run_dir=tmp_path / "whole")
    assert comparable(tmp_path / "run") == comparable(tmp_path / "whole")


def test_a_time_limit_after_the_last_query_is_no_stop():
    def last(event):
        if event.query is not None and event.done == 3:
            time.sleep(0.3)

    result = run(
        space=SPACE,
        evaluate=accuracy,
        budget=3,
        seed=0,
        predictor="none",
        write=False,
        listener=last,
        time_limit_s=0.25,
    )
    assert (result["stop_reason"], result["queries"]) == ("budget", 3)
