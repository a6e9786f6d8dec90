"""Results as JSON lines: whole lines survive everything, half a line does no harm."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nassurrogate.benchmarks.experiments import append_lines, numbered_lines, read_lines

OBJECTS = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=8), max_size=3)


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lines.jsonl"
    assert read_lines(path) == []
    append_lines(path, {"a": 1}, {"b": "ü\n"})
    append_lines(path)
    append_lines(path, {"c": None})
    assert read_lines(path) == [{"a": 1}, {"b": "ü\n"}, {"c": None}]
    assert path.read_bytes().count(b"\n") == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(OBJECTS, min_size=1, max_size=4), after=OBJECTS, cut=st.integers(1, 40))
def test_a_killed_process_costs_the_lines_it_cut(tmp_path: Path, before: list, after: dict, cut: int) -> None:
    path = tmp_path / "lines.jsonl"
    path.unlink(missing_ok=True)
    append_lines(path, *before)
    path.write_bytes(path.read_bytes()[:-cut])
    whole = [line for _, line in numbered_lines(path) if line is not None]
    append_lines(path, after)
    assert whole == before[: len(whole)]
    assert read_lines(path) == [*whole, after]


def test_damaged_lines_are_skipped_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"a": 1}\n{"b": \n[2]\n\xff\n{"c": 3}\n')
    assert read_lines(path) == [{"a": 1}, {"c": 3}]
    assert [message.split(": ")[1] for message in caplog.messages] == [
        f"line {number} is damaged and is skipped" for number in (2, 3, 4)
    ]


def test_nothing_is_written_of_what_json_lacks(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    with pytest.raises(ValueError, match="not JSON compliant"):
        append_lines(path, {"a": 1}, {"b": float("nan")})
    assert not path.exists()
