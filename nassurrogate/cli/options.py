"""Shared by all commands' parsers: one-line errors with the nearest choice, common options, typed values."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any, TypeAlias

from nassurrogate.errors import InputError, brief, nearest, unknown_choice

Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"


_ALSO_CALLED = {
    "--jobs": ("--workers", "--num-workers", "--n-workers", "--n-jobs", "--num-jobs", "--processes", "--threads"),
    "--budget": ("--trials", "--n-trials", "--iterations", "--max-evals", "--queries"),
    "--out": ("--output", "--save"),
    "--constraint": ("--limit", "--bound"),
}
"""Names of these options in other programs, which are too different to be matched as typos."""


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that raises `InputError` instead of printing its usage and exiting."""

    _outermost: Parser | None = None

    def commands(self) -> list[str]:
        """Names of the commands."""
        return list(self._parsers())

    def introduce(self) -> None:
        """Let every parser find the commands that have an option; called once, on the outermost parser."""
        for parser in self._below():
            parser._outermost = self

    def with_help_option(self, arguments: Sequence[str]) -> list[str]:
        """The arguments, with `help` in place of a command turned into a final `--help`.

        >>> new_parser("prog", "", "").with_help_option(["help"])
        ['help']
        """
        words, parser = list(arguments), self
        for place, word in enumerate(words):
            parsers = parser._parsers()
            if not parsers:
                break
            if word == "help":
                return [*words[:place], *words[place + 1 :], "--help"]
            if word in parsers:
                parser = parsers[word]
            elif not word.startswith("-"):
                break
        return words

    def _parsers(self) -> dict[str, Parser]:
        actions = [action for action in self._actions if action.nargs == argparse.PARSER]
        return {name: parser for action in actions for name, parser in dict(action.choices or {}).items()}

    def _below(self) -> list[Parser]:
        return [self, *(deeper for parser in self._parsers().values() for deeper in parser._below())]

    def error(self, message: str) -> Any:
        if message.endswith("expected one argument"):
            message += " (write a value that starts with '-' as --option=VALUE)"
        raise InputError(f"{message.removeprefix('argument ')}; see `{self.prog} --help`")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        try:
            found, left = super().parse_known_args(args, namespace)
        except InputError:
            self._refuse_unknown_options(args)
            raise
        for text in left:
            if not text.startswith("-"):
                self.error(f"unexpected argument {brief(text)}")
            name = text.partition("=")[0]
            raise self._unknown_option(name)
        return found, left

    def _refuse_unknown_options(self, args: Sequence[str] | None) -> None:
        """Report an unknown option first: it is the likely cause of other errors, such as a stray value."""
        parsers = self._parsers()
        for text in args or ():
            name = text.partition("=")[0]
            if text in parsers or text == "--":
                return
            if text.startswith("--") and name not in self._option_string_actions:
                raise self._unknown_option(name) from None

    def _unknown_option(self, name: str) -> InputError:
        """The error, with this command's name for the option, other commands that have it, or the nearest name."""
        own = [option for option in self._shown_options() if option.startswith("--")]
        known_as = next((option for option, others in _ALSO_CALLED.items() if name in others), name)
        hint = self._who_has(known_as)
        if known_as in own or not hint:
            close = known_as if known_as in own else nearest(name, own)
            hint = f"did you mean {close!r}?" if close else f"see `{self.prog} --help`"
        return InputError(f"unknown option {brief(name)}; {hint}")

    def _shown_options(self) -> list[str]:
        """Options that `--help` shows: all but old names."""
        return [name for name, action in self._option_string_actions.items() if action.help != argparse.SUPPRESS]

    def _who_has(self, option: str) -> str:
        """Which commands have an option, in words; empty if none has."""
        outermost = self._outermost or self
        found = [f"`{parser.prog}`" for parser in outermost._below() if option in parser._shown_options()]
        if not found:
            return ""
        *others, last = found
        return f"{option} is an option of {', '.join(others)}{' and ' if others else ''}{last}"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            kind = (action.dest if action.nargs == argparse.PARSER else action.option_strings[-1]).lstrip("-")
            below = next((name for name, parser in self._parsers().items() if value in parser._parsers()), None)
            if action.nargs == argparse.PARSER and below is not None:
                raise InputError(f"unknown command {brief(value)}; did you mean '{below} {value}'?")
            raise unknown_choice(kind.replace("_", " "), value, [str(choice) for choice in action.choices])


class _OldName(argparse.Action):
    """Stores the value of an option under its new name, and notes that the old one was used."""

    def __init__(self, option_strings: Sequence[str], dest: str, new: str, **options: Any) -> None:
        super().__init__(option_strings, dest, help=argparse.SUPPRESS, default=argparse.SUPPRESS, **options)
        self.new = new

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option: str | None = None) -> None:
        setattr(namespace, self.dest, values)
        namespace.old_names = [*old_names(namespace), f"{option} is now {self.new}"]


def add_old_name(parser: argparse._ActionsContainer, old: str, new: str, **options: Any) -> None:
    """Let an option that was renamed to `new` keep its old name for one version; it is not in the help."""
    parser.add_argument(old, action=_OldName, new=new, dest=new.removeprefix("--").replace("-", "_"), **options)


def old_names(args: argparse.Namespace) -> list[str]:
    """A line about every option that the user gave by its old name."""
    return [*getattr(args, "old_names", ())]


def new_parser(prog: str, description: str, epilog: str) -> Parser:
    """The outermost parser."""
    return Parser(prog=prog, **_style(description, epilog))


def add_command(commands: Subparsers, name: str, summary: str, *, description: str, examples: str) -> Parser:
    """A command with the common options; `summary` describes it in the list of commands."""
    parser = commands.add_parser(name, help=summary, **_style(description, examples))
    add_common(parser)
    return parser


def add_listing(commands: Subparsers, name: str, summary: str, *, description: str) -> Parser:
    """A command that lists what its name says, without options of its own."""
    examples = f"examples:\n  nassurrogate {name}\n  nassurrogate {name} --json\n"
    return add_command(commands, name, summary, description=description, examples=examples)


def _style(description: str, epilog: str) -> dict[str, Any]:
    return {
        "description": description,
        "epilog": epilog,
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "allow_abbrev": False,  # an abbreviation in a script would change its meaning when an option is added
    }


def add_common(parser: Parser, *, outermost: bool = False) -> None:
    """`--json`, `--quiet` and `--verbose`, before the command or after it."""
    unset = False if outermost else argparse.SUPPRESS
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", default=unset, help="print one JSON object on stdout")
    either = group.add_mutually_exclusive_group()
    either.add_argument("-q", "--quiet", action="store_true", default=unset, help="errors only on stderr")
    either.add_argument(
        "-v", "--verbose", action="store_true", default=unset, help="logs, and tracebacks of unexpected errors"
    )


def add_space(parser: Parser) -> None:
    """`--space`; its value is checked where it is used, since the list of spaces needs slow imports."""
    parser.add_argument("--space", default="nb201", help="search space (default: nb201; see `nassurrogate spaces`)")


def add_table(parser: Parser) -> None:
    """`--dataset` and `--table`."""
    parser.add_argument(
        "--dataset", help="data set (default: the space's default, such as cifar10; see `nassurrogate data list`)"
    )
    parser.add_argument(
        "--table", metavar="NAME", help="import that takes precedence over all others, or 'embedded' to use no imports"
    )


def add_direction(parser: argparse._ActionsContainer) -> None:
    """`--larger-is-better` and `--smaller-is-better`, as `args.direction`: None, `"maximize"` or `"minimize"`."""
    either = parser.add_mutually_exclusive_group()
    for option, direction in (("--larger-is-better", "maximize"), ("--smaller-is-better", "minimize")):
        either.add_argument(
            option, dest="direction", action="store_const", const=direction,
            help="for a metric whose name does not imply its direction",
        )  # fmt: skip


def whole_number(text: str) -> int:
    """An integer, for `type=`; its range is checked where it is used."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {brief(text)}") from None


def number(text: str) -> float:
    """A float, for `type=`."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {brief(text)}") from None


def assignments(texts: Sequence[str], option: str) -> dict[str, Any]:
    """`NAME=VALUE` texts as a dict; values are read as JSON if possible, else as text.

    >>> assignments(["width=32", "loss=rank"], "--config")
    {'width': 32, 'loss': 'rank'}
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise InputError(f"{option} expects NAME=VALUE, got {brief(text)}")
        if name.strip() in found:
            raise InputError(f"{option} gives {name.strip()!r} twice")
        try:
            found[name.strip()] = json.loads(value)
        except ValueError:
            found[name.strip()] = value.strip()
    return found
