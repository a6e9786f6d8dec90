"""Which cores a measurement is pinned to."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.devices.cores import chosen_cores, pinned, usable_cores


def _machine(folder: Path, cores: dict[int, tuple[str, int]]) -> Path:
    """Linux's folder about a machine: core → the list of those that share its physical core, and its capacity."""
    for core, (siblings, capacity) in cores.items():
        (folder / f"cpu{core}" / "topology").mkdir(parents=True)
        (folder / f"cpu{core}" / "topology" / "thread_siblings_list").write_text(f"{siblings}\n")
        (folder / f"cpu{core}" / "cpu_capacity").write_text(f"{capacity}\n")
    return folder


def test_fast_cores_come_first(tmp_path: Path) -> None:
    about = _machine(tmp_path, {0: ("0", 400), 1: ("1", 400), 2: ("2", 1024), 3: ("3", 1024)})
    assert chosen_cores({0, 1, 2, 3}, 2, about) == [3, 2]
    assert chosen_cores({0, 1, 2, 3}, 3, about) == [3, 2, 1]
    assert chosen_cores({0, 1}, 1, about) == [1], "only those that may be used"


def test_two_threads_get_a_physical_core_each(tmp_path: Path) -> None:
    about = _machine(tmp_path, {core: (f"{core // 2 * 2}-{core // 2 * 2 + 1}", 1) for core in range(4)})
    assert chosen_cores({0, 1, 2, 3}, 2, about) == [3, 1]
    assert sorted(chosen_cores({0, 1, 2, 3}, 4, about)) == [0, 1, 2, 3]


@given(st.sets(st.integers(0, 200), min_size=1), st.data())
def test_as_many_different_usable_cores_as_threads(usable: set[int], data: Any) -> None:
    threads = data.draw(st.integers(1, len(usable)))
    chosen = chosen_cores(usable, threads, Path("/nothing/is/known"))
    assert len(set(chosen)) == threads
    assert set(chosen) <= usable


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux pins threads")
def test_cores_are_given_back_after_an_error() -> None:
    def fail() -> None:
        assert len(usable_cores()) == 1
        raise KeyboardInterrupt

    before = usable_cores()
    with pytest.raises(KeyboardInterrupt), pinned(1):
        fail()
    assert usable_cores() == before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux pins threads")
def test_a_system_that_forbids_pinning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", forbidden)
    with caplog.at_level(logging.WARNING), pinned(1):
        pass
    assert "cannot pin threads to cores (Operation not permitted)" in caplog.text
