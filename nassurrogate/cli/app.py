"""The command line: parses the arguments, runs a command, and maps the outcome to an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nassurrogate import __version__
from nassurrogate.cli.commands import (
    compare,
    data,
    evaluate,
    export,
    measure,
    new,
    predict_latency,
    predictors,
    report,
    score,
    search,
    searchers,
    spaces,
    train,
    train_latency,
)
from nassurrogate.cli.console import Console
from nassurrogate.cli.options import Parser, add_common, new_parser, old_names
from nassurrogate.errors import InputError, brief

OK, UNEXPECTED, BAD_INPUT, INTERRUPTED, READER_GONE = 0, 1, 2, 130, 141
_COMMANDS = (
    *(search, train, score, evaluate, predict_latency, train_latency, measure, data),
    *(report, compare, export, new, spaces, predictors, searchers),
)

_EXAMPLES = """\
examples:
  nassurrogate search --space nb201 --budget 100
  nassurrogate search --space nb201 --budget 100 --constraint "latency_ms<=14.28"
  nassurrogate train --space nb201 --labels 100 --out model.safetensors
  nassurrogate score model.safetensors --all --top 10
  nassurrogate evaluate --protocol A4 --labels 78,156

For help on one command, use `help COMMAND` or add --help to it.

exit codes:
  0 done; 1 unexpected error, or some of the given models failed; 2 invalid input
  (explained in one line on stderr); 130 Ctrl-C; 141 the output was closed early
  (as with `| head`)

Results go to stdout; progress, notes and errors to stderr. With --json stdout
holds exactly one JSON object, or nothing after an error.
"""


def build_parser() -> Parser:
    """The parser of all commands. It imports nothing slow: `--help` must answer at once."""
    parser = new_parser(
        "nassurrogate",
        "Learn from a few evaluated architectures, rank all the others, and search under\nhardware constraints.",
        _EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"nassurrogate {__version__}")
    add_common(parser, outermost=True)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", parser_class=Parser)
    for command in _COMMANDS:
        command.add_to(commands)
    parser.introduce()
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; `argv` defaults to the process's arguments.

    >>> main(["spaces", "--quiet"])
    nb201  15,625 cells, 5,425 different functions
    ...
    0
    """
    console = Console()
    try:
        return _run(argv, console)
    except InputError as error:
        console.error(str(error))
        return BAD_INPUT
    except KeyboardInterrupt as stop:
        console.error(": ".join(["interrupted", *map(str, stop.args)]))
        return INTERRUPTED
    except BrokenPipeError:
        console.drop_stdout()
        return READER_GONE
    except OSError as error:
        console.drop_stdout()
        if error.filename is None:
            console.error(error.strerror or str(error), traceback=True)
            return UNEXPECTED
        console.error(f"cannot use {brief(str(error.filename))}: {error.strerror}", traceback=True)
        return BAD_INPUT
    except Exception as error:
        hint = "" if console.verbose else "; add --verbose for the traceback"
        console.error(f"unexpected {type(error).__name__}: {brief(str(error), 200)}{hint}", traceback=True)
        return UNEXPECTED


def _run(argv: Sequence[str] | None, console: Console) -> int:
    console.require_stdout()
    parser = build_parser()
    try:
        args = parser.parse_args(parser.with_help_option(sys.argv[1:] if argv is None else argv))
    except SystemExit:  # --help and --version; errors are InputErrors
        console.flush()
        return OK
    console.configure(quiet=args.quiet, verbose=args.verbose, as_json=args.json)
    for line in old_names(args):
        console.note(f"warning: {line}; the old name will be removed in version 0.3")
    if args.command is None:
        console.error(f"expected a command, one of: {', '.join(parser.commands())}; see `nassurrogate --help`")
        return BAD_INPUT
    with console.logging():
        code: int = args.run(args, console)
    console.flush()
    return code
