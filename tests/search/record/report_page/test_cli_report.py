"""`nassurrogate report`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def test_the_command_writes_the_page_and_names_it(cli, folder, own_run):
    shutil.copytree(own_run, folder / "run")
    done = cli("report", "run")
    assert (done.code, done.out, done.err) == (0, f"{Path('run') / 'report.html'}\n", "")
    assert (folder / "run" / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>\n<html")
    assert cli("report", "run", "--out", "page.html", "--json").json == {"report": "page.html"}
    assert (folder / "page.html").is_file()


def test_what_is_no_run_is_refused(refused, folder, own_run):
    assert refused("report", "nowhere") == "there is no run folder nowhere"
    (folder / "empty").mkdir()
    assert refused("report", "empty") == "empty holds no run: it has no ledger.jsonl"
    shutil.copytree(own_run, folder / "run")
    assert "run/ledger.jsonl is not a folder; expected the folder that holds it" in refused(
        "report", "run/ledger.jsonl"
    )
    assert "must be a path" in refused("report", "")
    (folder / "empty" / "ledger.jsonl").write_text("{}\n", encoding="utf-8")
    assert "is not a ledger" in refused("report", "empty")
    (folder / "empty" / "ledger.jsonl").write_bytes(b"\x00\xff")
    assert "is not a ledger" in refused("report", "empty")


def test_what_cannot_be_written_is_refused(refused, folder, own_run):
    shutil.copytree(own_run, folder / "run")
    assert "cannot write the report run" in refused("report", "run", "--out", "run")
    assert "No such file or directory" in refused("report", "run", "--out", "nowhere/page.html")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(refused, folder, own_run):
    shutil.copytree(own_run, folder / "run")
    (folder / "run").chmod(0o500)
    assert "Permission denied" in refused("report", "run")
