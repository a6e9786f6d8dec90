"""Help: there for every command, with examples that parse, and without heavy imports."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from nassurrogate import __version__
from nassurrogate.cli.app import build_parser
from nassurrogate.predictors import SEARCH_PREDICTOR
from nassurrogate.search import searcher_names
from nassurrogate.search.searchers.base import DEFAULT_SEARCHER

COMMANDS = [
    [], ["search"], ["train"], ["score"], ["evaluate"], ["data"], ["data", "list"], ["data", "import"],
    ["data", "check"], ["data", "remove"], ["spaces"], ["predictors"], ["searchers"], ["measure"],
    ["predict-latency"], ["train-latency"], ["new"], ["new", "problem"], ["report"], ["compare"], ["export"],
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_examples_that_parse_and_fits_a_terminal(cli: Callable[..., Any], command: list[str]) -> None:
    done = cli(*command, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.isascii(), "a terminal may have no other characters"
    # An example to be copied, which is indented, is never broken; prose after the examples fits as well.
    before, examples_and_after = done.out.split("examples:")
    prose = [*before.splitlines(), *(line for line in examples_and_after.splitlines() if not line.startswith("  "))]
    assert [line for line in prose if len(line) > 80] == []
    text = done.out.split("examples:")[1].replace("\\\n", " ")
    examples = re.findall(r"^.*?\b(nassurrogate .*)$", text, flags=re.MULTILINE)
    assert examples
    for example in examples:
        if example.startswith("nassurrogate "):
            args = build_parser().parse_args(shlex.split(example, comments=True)[1:])
            assert callable(args.run)


def test_every_command_has_help() -> None:
    assert set(build_parser().commands()) == {command[0] for command in COMMANDS if command}


@pytest.mark.parametrize(
    ("spelling", "command"),
    [
        (["help"], []),
        (["help", "search"], ["search"]),
        (["help", "data", "import"], ["data", "import"]),
        (["data", "help"], ["data"]),
        (["data", "help", "import"], ["data", "import"]),
        (["-q", "help", "spaces"], ["spaces"]),
    ],
)
def test_help_is_a_word_too(cli: Callable[..., Any], spelling: list[str], command: list[str]) -> None:
    done = cli(*spelling)
    assert (done.code, done.err) == (0, "")
    assert done.out == cli(*command, "--help").out


def test_help_is_no_command_where_anything_else_is_expected(cli: Callable[..., Any]) -> None:
    assert "no model file at help" in cli("score", "help", "1").err
    assert "unknown command 'serach'" in cli("help", "serach").err
    assert "unexpected argument 'help'" in cli("spaces", "help").err


def test_names_in_the_help_are_the_registered_ones(cli: Callable[..., Any]) -> None:
    text = " ".join(cli("search", "--help").out.split())
    assert all(name in text for name in searcher_names())
    assert "nassurrogate predictors" in text  # which lists them; the help must not wait for them
    assert f"{DEFAULT_SEARCHER} (default)" in text
    assert f"{SEARCH_PREDICTOR} (default)" in text
    args = build_parser().parse_args(["search"])
    assert args.searcher == DEFAULT_SEARCHER


def test_version(cli: Callable[..., Any]) -> None:
    assert cli("--version").out == f"nassurrogate {__version__}\n"
