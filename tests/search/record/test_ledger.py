"""The ledger and its folder: what is on disk, whatever happens."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.errors import InputError
from nassurrogate.search.record.ledger import LedgerWriter, Query, finite_or_none, labelled, read_ledger
from nassurrogate.search.record.run_folder import default_folders, open_run, write_summary

HEADER = {"config": {"space": "nb201"}}


def query(number):
    return Query(number, "init", "random", "|a|", 3, "key", 91.5, "mean", None, 12.5, None, None, True, 0.25)


def written(path, n_queries=3):
    writer = LedgerWriter(path, HEADER)
    for number in range(1, n_queries + 1):
        writer.append(query(number))
    writer.close()
    return path


def test_what_is_written_is_read(tmp_path):
    ledger = read_ledger(written(tmp_path / "ledger.jsonl"))
    assert ledger.queries == tuple(query(n) for n in (1, 2, 3))
    assert ledger.header["config"] == HEADER["config"]
    assert not ledger.torn
    assert read_ledger(tmp_path) == ledger


@given(st.integers(1, 10_000))
def test_a_ledger_cut_anywhere_is_read_up_to_its_last_whole_line(tmp_path_factory, cut):
    path = written(tmp_path_factory.mktemp("run") / "ledger.jsonl")
    content = path.read_bytes()
    kept = content[: len(content) - 1 - cut % (len(content) - content.index(b"\n") - 1)]
    path.write_bytes(kept)
    ledger = read_ledger(path)
    assert len(ledger.queries) == kept.count(b"\n") - 1
    assert ledger.torn == (not kept.endswith(b"\n"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a ledger"),
        (b"{}\n", "not a ledger"),
        (b"[1]\n", "line 1 .* is damaged"),
        (b"\xff\xfe\n", "line 1 .* is damaged"),
        (b"[" * 100_000 + b"\n", "line 1 .* is damaged"),
        (b'{"format": "nassurrogate-ledger", "format_version": 2}\n', "format version 2; this release reads 1"),
        (b'{"format": "nassurrogate-ledger", "format_version": 1}\nhalf\n{"number": 1}\n', "line 2 .* is damaged"),
        (
            b'{"format": "nassurrogate-ledger", "format_version": 1}\n{"number": 1}\n',
            "line 2 .* is damaged: it lacks phase",
        ),
    ],
)
def test_a_file_that_is_no_ledger_is_refused(tmp_path, content, message):
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_ledger(path)
    assert "\n" not in str(caught.value)


def test_what_an_evaluation_gave_is_kept(tmp_path):
    path = tmp_path / "ledger.jsonl"
    writer = LedgerWriter(path, HEADER)
    kept = [
        replace(query(1), values={"val_accuracy_pct": 91.5, "val_loss": 0.25}, n_seeds=3, fidelity=12),
        replace(query(2), label=None, index=None, values={}, n_seeds=0, status="failed", reason="MemoryError: full"),
    ]
    for each in kept:
        writer.append(each)
    writer.close()
    assert list(read_ledger(path).queries) == kept
    assert labelled(kept) == kept[:1]
    assert kept[0].value == 91.5
    with pytest.raises(AssertionError, match="query 2 has no label"):
        _ = kept[1].value


def test_a_ledger_of_an_earlier_release_is_read(tmp_path):
    """Its lines lack what was added since."""
    path = written(tmp_path / "ledger.jsonl")
    new = {"values", "n_seeds", "status", "reason", "fidelity"}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    old = [{name: value for name, value in line.items() if name not in new} for line in lines]
    assert len(old[1]) == len(lines[1]) - len(new)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in old))
    queries = read_ledger(path).queries
    assert queries == tuple(query(n) for n in (1, 2, 3))
    assert (queries[0].values, queries[0].n_seeds, queries[0].status, queries[0].reason) == (None, None, "ok", "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *(({field: value}, f"{field} is") for field, value in [
            ("label", "91"), ("label", float("nan")), ("label", 10**400), ("label", None), ("arch", None),
            ("index", "7"), ("index", 1.5), ("phase", []), ("cost_train_time_s", {}), ("predicted_mean", "90"),
            ("values", "7"), ("values", {"a": "b"}), ("n_seeds", []), ("status", "failed"), ("feasible", 1),
            ("asked", []), ("asked", 1.5), ("record", "heard"), ("record", "header"), ("record", ["query"]),
        ]),
        ({"number": 1}, "it is query 1, expected 2"),
        ({"more": 1}, "a record of kind query has no field 'more'"),
        ({"record": "asked"}, "a record of kind asked has no field 'number'"),
    ],
)  # fmt: skip
def test_a_damaged_record_is_refused_with_its_line(tmp_path, change, message):
    path = written(tmp_path / "ledger.jsonl")
    lines = path.read_text().splitlines()
    lines[2] = json.dumps(json.loads(lines[2]) | change)
    path.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(InputError, match=f"^line 3 of .* is damaged: .*{message}") as caught:
        read_ledger(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"record": "asked", "asked": 1, "arch": None}, "arch is None"),
        ({"record": "asked", "asked": "1", "arch": "|a|"}, "asked is '1'"),
        ({"record": "asked", "arch": "|a|"}, "it lacks asked"),
        ({"record": "changed", "header": []}, r"header is \[\]"),
        ({"record": "waited", "s": 1}, "has no field 's'"),
    ],
)
def test_a_damaged_record_of_another_kind_is_refused(tmp_path, record, message):
    path = written(tmp_path / "ledger.jsonl")
    path.write_text(path.read_text() + json.dumps(record) + "\n")
    with pytest.raises(InputError, match=f"^line 5 of .* is damaged: .*{message}"):
        read_ledger(path)


def test_a_missing_ledger_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read the ledger"):
        read_ledger(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_full_disk_leaves_the_lines_before(tmp_path):
    import resource

    path = tmp_path / "ledger.jsonl"
    writer = LedgerWriter(path, HEADER)
    writer.append(query(1))
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
        with pytest.raises(InputError, match="the 1 queries written before are safe"):
            writer.append(query(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
        writer.close()
    assert path.read_bytes() == before


def test_a_folder_that_holds_a_run_is_refused_and_untouched(tmp_path):
    with open_run(tmp_path / "run", HEADER) as writer:
        writer.append(query(1))
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(InputError, match="holds another run"), open_run(tmp_path / "run", HEADER):
        pass
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_a_folder_with_other_files_is_taken(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with open_run(tmp_path, HEADER):
        pass
    assert read_ledger(tmp_path).queries == ()


def test_a_second_process_is_refused(tmp_path):
    code = (
        "import sys; from pathlib import Path; from nassurrogate.search.record.run_folder import open_run\n"
        "try:\n  open_run(Path(sys.argv[1]), {}).__enter__()\n"
        "except ValueError as error: print(error)"
    )
    with open_run(tmp_path / "run", HEADER):
        second = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], capture_output=True, text=True)
    assert "another process is writing the run folder" in second.stdout
    assert read_ledger(tmp_path / "run").header["config"] == HEADER["config"]


def test_an_unwritable_folder_is_refused_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(InputError, match="cannot make the run folder"), open_run(path, HEADER):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_two_runs_of_one_seed_in_one_second_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [Path("runs") / f"nb201-cifar10-7-20250101-000000{end}" for end in ("", "-2", "-3")]
    with contextlib.ExitStack() as at_once:
        found = [at_once.enter_context(open_run(iter(names), HEADER)).path.parent for _ in names]
    assert found == names
    assert all(read_ledger(path).header["config"] == HEADER["config"] for path in names)


def test_default_names_tell_the_run_and_never_end():
    first, second, third = itertools.islice(default_folders("nb201", "cifar10", 7), 3)
    assert first.parent.name == "runs"
    assert first.name.startswith("nb201-cifar10-7-")
    assert (second.name, third.name) == (f"{first.name}-2", f"{first.name}-3")


def test_processes_that_start_at_once_share_no_folder(tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom nassurrogate.search.record.run_folder import open_run\n"
        "sys.stdin.readline()\n"
        "names = (Path('runs') / str(number) for number in range(100))\n"
        "with open_run(names, {}) as writer:\n  print(writer.path.parent)\n"
    )
    command = [sys.executable, "-c", code]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": tmp_path}
    started = [subprocess.Popen(command, **pipes) for _ in range(3)]
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    taken = {process.communicate(timeout=120)[0].strip() for process in started}
    assert taken == {str(Path("runs") / str(number)) for number in range(3)}


def test_a_new_folder_that_cannot_be_used_is_taken_back(tmp_path):
    (tmp_path / "file").write_text("in the way")
    names = iter([tmp_path / "file" / "run"])
    with pytest.raises(InputError, match="cannot make the run folder"), open_run(names, HEADER):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_summary_replaces_whole_or_not_at_all(tmp_path):
    write_summary(tmp_path, {"a": 1})
    (tmp_path / "other").write_text("")
    assert (tmp_path / "summary.json").stat().st_mode == (tmp_path / "other").stat().st_mode
    (tmp_path / "other").unlink()
    with pytest.raises(ValueError, match="JSON"):
        write_summary(tmp_path, {"a": float("nan")})
    assert json.loads((tmp_path / "summary.json").read_text()) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]
    with pytest.raises(InputError, match="cannot write"):
        write_summary(tmp_path / "absent", {})


@given(st.floats() | st.none())
def test_json_numbers(value):
    assert (finite_or_none(value) is None) == (value is None or abs(value) == float("inf") or value != value)
