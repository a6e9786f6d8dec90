"""The console: tables that fit, progress in a log, and texts that cannot take a terminal over."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.cli.console import LOGGER, Console
from nassurrogate.cli.text_table import aligned, fitted, wrapped
from nassurrogate.files.model_file import read_model, write_model
from nassurrogate.spaces import get_space

CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
OPERATIONS = ["|nor_conv_3x3~0|+", "|nor_conv_3x3~0", "|avg_pool_3x3~1|+", "|skip_connect~0", "|nor_conv_3x3~1",
              "|skip_connect~2|"]  # fmt: skip
FORGED = "latency\x1b]0;owned\x07\x1b[31m_ms\r\x9b2J\u202e"
SHOWN = "latency\\x1b]0;owned\\x07\\x1b[31m_ms\\r\\x9b2J\\u202e"


# --- tables --------------------------------------------------------------------------------------------------------


def _row(width: int | None) -> str:
    header = ["index", "predicted", "std", "arch"]
    return aligned(header, [["14174", "91.2034", "0.2113", CELL]], numeric=header[:3], width=width)


@pytest.mark.parametrize("width", [40, 50, 60, 80, 100])
def test_an_architecture_is_wrapped_between_its_operations(width: int) -> None:
    lines = _row(width).splitlines()
    assert max(map(len, lines)) <= width
    parts = [line[line.index("|") :] for line in lines if "|" in line]
    assert "".join(parts) == CELL
    borders = {sum(map(len, OPERATIONS[:n])) for n in range(1, 7)}
    assert {sum(map(len, parts[:n])) for n in range(1, len(parts) + 1)} <= borders


def test_without_a_terminal_nothing_is_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    assert _row(None).splitlines()[1].endswith(CELL)
    Console().result(CELL + " " + CELL, {})
    assert capsys.readouterr().out == f"{CELL} {CELL}\n"


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("kernel=3,width=16,op=conv", 18, ["kernel=3,width=16,", "op=conv"]),
        ('{"ops":["input","conv3x3","output"]}', 20, ['{"ops":["input",', '"conv3x3","output"]}']),
        ("15,625 cells of nb201", 12, ["15,625 cells", "of nb201"]),
        ("a 1e+05", 3, ["a", "1e+05"]),
        ("00000012", 4, ["00000012"]),
        ("", 4, [""]),
    ],
)
def test_what_belongs_together_stays_together(text: str, width: int, lines: list[str]) -> None:
    assert wrapped(text, width) == lines


@given(st.integers(0, 15_624), st.integers(1, 120))
def test_wrapping_loses_nothing(index: int, width: int) -> None:
    string = get_space("nb201").parse(index).string
    lines = wrapped(string, width)
    assert "".join(lines) == string
    assert all(line.count("~") == 1 or len(line) <= width for line in lines)
    assert all(line.startswith("|") for line in lines)


def test_a_table_that_is_too_wide_goes_on_below() -> None:
    header = ["predictor", "labels", *[f"measure {n}" for n in range(8)]]
    rows = [["ridge", "78", *["0.701 ± 0.010"] * 8], ["gcn", "156", *["0.8"] * 8]]
    shown = aligned(header, rows, numeric=header[1:], keys=2, width=80)
    blocks = [block.splitlines() for block in shown.split("\n\n")]
    assert len(blocks) > 1
    assert all(len(line) <= 80 for block in blocks for line in block)
    assert all([line.split()[0] for line in block] == ["predictor", "ridge", "gcn"] for block in blocks)
    assert [name for block in blocks for name in block[0].split()[2:] if name != "measure"] == list("01234567")
    assert len(aligned(header, rows, numeric=header[1:], keys=2).splitlines()) == 3


def test_long_lines_of_a_result_fit_the_terminal() -> None:
    text = f"best cell            {CELL} (index 14174)\n  note: {'word ' * 30}"
    lines = fitted(text, 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith(" " * 21 + "|")
    assert lines[-1].startswith("    word")


# --- progress ------------------------------------------------------------------------------------------------------


class Clock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[str]]]:
    """What has been shown on stderr since the last time."""
    return lambda: capsys.readouterr().err.splitlines()


def test_a_log_gets_a_line_for_every_tenth(clock: Clock, lines: Callable[[], list[str]]) -> None:
    with Console(clock=clock).progress() as progress:
        for done in range(101):
            progress.update("queries", done, 100)
    assert lines() == [f"queries: {done}/100" for done in range(10, 101, 10)]


def test_a_log_gets_a_line_after_half_a_minute(clock: Clock, lines: Callable[[], list[str]]) -> None:
    with Console(clock=clock).progress() as progress:
        for done in range(1, 100):
            clock.now += 12
            progress.update("queries", done, 1000)
    shown = lines()
    assert [line.partition(",")[0] for line in shown] == [f"queries: {done}/1000" for done in range(3, 100, 3)]
    assert shown[0].endswith(", about 3.3 h left")


def test_a_long_part_of_a_task_is_heard_of_too(clock: Clock, lines: Callable[[], list[str]]) -> None:
    with Console(clock=clock).progress() as progress:
        for done in range(1, 9):
            clock.now += 10
            progress.update("fit", done, 60, minor=True)
            progress.update("queries", 0, 5)
    assert lines() == ["fit: 3/60, about 10 min left", "fit: 6/60, about 9 min left"]


def test_the_pace_is_that_of_the_last_steps(clock: Clock, lines: Callable[[], list[str]]) -> None:
    with Console(clock=clock).progress() as progress:
        for done in range(201):
            clock.now += 0.1 if done < 100 else 2
            progress.update("queries", done, 400, f"{done}/400 search")
    shown = lines()
    assert shown[0] == "queries: 40/400 search, about 35 s left"
    assert shown[-1] == "queries: 200/400 search, about 7 min left"


def test_who_knows_better_says_so(clock: Clock, lines: Callable[[], list[str]]) -> None:
    with Console(clock=clock).progress() as progress:
        for done in (1, 2, 3):
            clock.now += 100
            progress.update("fits", done, 9, f"{done}/9 ridge; about 2 h left", timed=False)
    assert lines() == [f"fits: {done}/9 ridge; about 2 h left" for done in (1, 2, 3)]


def test_quiet_is_quiet(clock: Clock, lines: Callable[[], list[str]]) -> None:
    console = Console(clock=clock)
    console.configure(quiet=True, verbose=False, as_json=False)
    with console.progress() as progress:
        clock.now += 100
        progress.update("queries", 5, 10)
    assert lines() == []


# --- texts of strangers --------------------------------------------------------------------------------------------


def test_escape_codes_are_shown_by_their_codes(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.configure(quiet=False, verbose=True, as_json=False)
    console.result(f"first\n{FORGED}", {})
    console.note(FORGED)
    with console.progress() as progress:
        progress.update(FORGED, 5, 10, FORGED)
    with console.logging():
        logging.getLogger(LOGGER).warning("read %s", FORGED)
        warnings.warn(FORGED, stacklevel=1)
    try:
        raise RuntimeError(FORGED)
    except RuntimeError:
        console.error(FORGED, traceback=True)
    captured = capsys.readouterr()
    assert captured.out == f"first\n{SHOWN}\n"
    shown = captured.err.splitlines()
    assert shown[:3] == [SHOWN, f"{SHOWN}: {SHOWN}", f"warning: read {SHOWN}"]
    assert shown[3].startswith(f"warning: UserWarning: {SHOWN} (")
    assert shown[-1] == f"error: {SHOWN}"
    assert all(line.isprintable() for line in shown)


def test_json_holds_the_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.configure(quiet=False, verbose=False, as_json=True)
    console.result("", {"metric": FORGED})
    out = capsys.readouterr().out
    assert out.rstrip("\n").isprintable()
    assert json.loads(out) == {"metric": FORGED}


def test_a_forged_model_file_cannot_write_to_the_terminal(cli: Callable[..., Any], model: Path, folder: Path) -> None:
    tensors, header = read_model(model)
    about = {**header["metric_info"], "name": f"accuracy{FORGED}", "direction": "maximize"}
    write_model(folder / "forged", tensors, {**header, "metric": about["name"], "metric_info": about})
    done = cli("score", "forged", "1")
    assert (done.code, done.out) == (2, "")
    assert f"accuracy{SHOWN}" in done.err
    assert done.err.removesuffix("\n").isprintable()
