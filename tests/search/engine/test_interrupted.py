"""Runs that are cut off keep every evaluation."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from nassurrogate.errors import InputError
from nassurrogate.search import SearchInterrupted, read_ledger, run
from nassurrogate.search.record.ledger import LedgerError, LedgerWriter
from tests.spaces.declared import PLAIN

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


@pytest.mark.parametrize("predictor", ["none", "gradient-boosting", "oracle"])
def test_ctrl_c_leaves_ledger_summary_and_plots_and_frees_the_lock(bench, tmp_path, predictor):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt) as caught:
        run(**options(folder, listener=stop_at(4, KeyboardInterrupt), predictor=predictor, plots=True), benchmark=bench)
    stop = caught.value
    assert isinstance(stop, SearchInterrupted)
    assert str(stop) == f"the 4 queries so far are in {folder / 'ledger.jsonl'}"
    ledger = read_ledger(folder)
    assert len(ledger.queries) == 4
    assert not ledger.torn
    assert json.loads((folder / "summary.json").read_text()) == stop.result
    assert (stop.result["stop_reason"], stop.result["queries"], stop.result["budget"]) == ("interrupted", 4, 10)
    assert stop.result["best"]["value"] == max(query.label for query in ledger.queries)
    assert (folder / "plots" / "best_so_far.png").is_file()
    with pytest.raises(InputError, match="holds another run"):
        run(**options(folder), benchmark=bench)


def test_ctrl_c_while_noisy_labels_are_weighed_keeps_the_result(bench, monkeypatch):
    def fits_for_ever(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("nassurrogate.search.strategy.sequential.expected_by_others", fits_for_ever)
    with pytest.raises(SearchInterrupted) as caught:
        run(budget=6, predictor="gradient-boosting", labels="single", seed=0, write=False, benchmark=bench)
    assert (caught.value.result["stop_reason"], caught.value.result["selected_by"]) == ("interrupted", "measured")
    assert "not on disk" in str(caught.value)


def test_ctrl_c_before_the_first_label_is_nothing_special(tmp_path):
    def stop(arch):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        run(**options(tmp_path / "run"), space=PLAIN, evaluate=stop)
    assert not isinstance(caught.value, SearchInterrupted)
    assert [path.name for path in (tmp_path / "run").iterdir() if path.suffix == ".json"] == []


def test_a_second_ctrl_c_ends_at_once(bench, tmp_path, monkeypatch):
    def again(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("nassurrogate.search.record.plots.draw_plots", again)
    with pytest.raises(KeyboardInterrupt) as caught:
        run(**options(tmp_path / "run", listener=stop_at(4, KeyboardInterrupt), plots=True), benchmark=bench)
    assert not isinstance(caught.value, SearchInterrupted)
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["stop_reason"] == "interrupted"


# --- a disk that is full ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [InputError("cannot write best_so_far.png: No space left on device"), ValueError("no font"), MemoryError()]
)
def test_plots_that_fail_leave_the_result(bench, tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("nassurrogate.search.record.plots.draw_plots", fail)
    events = []
    result = run(**options(tmp_path / "run", plots=True, listener=events.append), benchmark=bench)
    kinds = [event.kind for event in events]
    assert kinds[-2:] == ["result", "note"]
    # A plot that cannot be written says so itself, and others may have been drawn.
    assert result["notes"][-1].startswith("no plots: ") != isinstance(error, InputError)
    assert events[-2].result["best"] == result["best"]
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["best"] == result["best"]


def test_a_summary_that_cannot_be_written_leaves_the_result(bench, tmp_path):
    def listen(event):
        if event.kind == "start":
            (tmp_path / "run" / "summary.json").mkdir()

    result = run(**options(tmp_path / "run", listener=listen), benchmark=bench)
    assert result["queries"] == 10
    assert "summary.json" in result["notes"][-1]
    assert "the ledger beside it is complete" in result["notes"][-1]


def test_a_reader_that_goes_away_loses_nothing_on_disk(bench, tmp_path):
    def listen(event):
        if event.kind == "result":
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run(**options(tmp_path / "run", plots=True, listener=listen), benchmark=bench)
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["queries"] == 10
    assert (tmp_path / "run" / "plots" / "best_so_far.png").exists()


def test_a_ledger_that_cannot_grow_ends_the_run_with_what_it_holds(bench, tmp_path, monkeypatch):
    whole = LedgerWriter.append

    def append(self, query):
        if query.number == 5:
            raise LedgerError("cannot write the ledger: No space left on device; the 4 queries written before are safe")
        whole(self, query)

    monkeypatch.setattr(LedgerWriter, "append", append)
    events = []
    with pytest.raises(InputError, match="No space left on device; the 4 queries"):
        run(**options(tmp_path / "run", listener=events.append), benchmark=bench)
    result = events[-1].result
    assert (events[-1].kind, result["queries"], result["stop_reason"]) == ("result", 4, "interrupted")
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["best"] == result["best"]


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
