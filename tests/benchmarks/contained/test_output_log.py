"""Logs of evaluations: bounded, named by what was evaluated, never worth an evaluation."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks.contained.output_log import OutputLog, log_name
from nassurrogate.spaces import CategoricalSpace, get_space

MOST = 20


@given(chunks=st.lists(st.binary(max_size=30), max_size=8))
def test_both_ends_are_kept(tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("logs") / "one.log"
    with OutputLog(path, MOST) as log:
        for chunk in chunks:
            log.write(chunk)
    whole = b"".join(chunks)
    if not whole:
        assert not path.exists()
        assert log.place == ""
        return
    found = path.read_bytes()
    assert log.place == f"{path.parent.name}/one.log"
    if len(whole) <= MOST:
        assert found == whole
        return
    left_out = f"\n… {len(whole) - MOST:,} bytes left out …\n".encode()
    assert found == whole[: MOST // 2] + left_out + whole[-MOST // 2 :]


def test_the_beginning_is_there_at_once(tmp_path: Path) -> None:
    with OutputLog(tmp_path / "made" / "one.log", MOST) as log:
        log.write(b"0123")
        assert (tmp_path / "made" / "one.log").read_bytes() == b"0123"
        log.separate("again")
    with OutputLog(tmp_path / "made" / "one.log", MOST) as log:
        log.separate("nothing yet")
        log.write(b"new")
    assert (tmp_path / "made" / "one.log").read_bytes() == b"new", "an earlier log is replaced"


def test_a_log_that_cannot_be_written_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING, "nassurrogate"), OutputLog(tmp_path / "file" / "one.log") as log:
        for _ in range(3):
            log.write(b"text")
    assert len(caplog.messages) == 1
    assert "cannot keep what an evaluation printed" in caplog.messages[0]
    assert log.place == ""


def test_names_are_different_and_fit_every_file_system() -> None:
    space = CategoricalSpace("mine", {"op/../x": ["a_b", "a-b", "a/b", "a:b", "ä" * 200, "ä" * 201, "𝔸" * 99]})
    archs = list(space.members())
    archs += [get_space("nb201").parse(index) for index in (0, 1, 15624)]
    names = [log_name(arch, seed, None) for arch in archs for seed in (None, 1)]
    assert len(set(names)) == len(names)
    for name in names:
        assert len(name.encode()) <= 130
        assert os.path.basename(name) == name
        assert name.isprintable()


def test_names_say_what_was_asked() -> None:
    space = CategoricalSpace("mine", {"kernel": [3], "lr": [0.001]})
    arch = Architecture(space, "kernel=3 lr=0.001")
    assert log_name(arch, None, None) == "kernel=3-lr=0.001.log"
    assert log_name(arch, 2, 50) == "kernel=3-lr=0.001-seed2-fidelity50.log"
