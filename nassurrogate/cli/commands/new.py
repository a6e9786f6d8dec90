"""`nassurrogate new`: files to start from."""

from __future__ import annotations

import argparse
import shlex

from nassurrogate.cli.console import Console
from nassurrogate.cli.options import Subparsers, add_command
from nassurrogate.errors import InputError
from nassurrogate.files.given_path import as_path

FILE_NAME = "problem.py"
_TEMPLATE = "nassurrogate.benchmarks.problems", "template.py"

_DESCRIPTION = """\
Write a file to start from. A problem is a space of networks of your own, and
the training of one of them.
"""
_EXAMPLES = """\
examples:
  nassurrogate new problem my-network
"""
_PROBLEM_DESCRIPTION = f"""\
Write DIR/{FILE_NAME}: a space of small networks, the code that builds one, and
its training, a second or two on letters drawn in the fonts of Matplotlib. It
works as it is; replace the network, the data and the training with your own.
An existing file is never overwritten.
"""
_PROBLEM_EXAMPLES = """\
examples:
  nassurrogate new problem my-network
  nassurrogate new problem . --json
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command and its own commands."""
    parser = add_command(
        commands, "new", "write a problem file to start from", description=_DESCRIPTION, examples=_EXAMPLES
    )
    actions = parser.add_subparsers(title="commands", metavar="WHAT", dest="action", required=True)
    problem = add_command(
        actions, "problem", "a space and its training, in one Python file",
        description=_PROBLEM_DESCRIPTION, examples=_PROBLEM_EXAMPLES,
    )  # fmt: skip
    problem.add_argument("folder", metavar="DIR", help="folder of the file; it is made if it does not exist")
    problem.set_defaults(run=run_problem)


def run_problem(args: argparse.Namespace, console: Console) -> int:
    """Run `new problem`."""
    from importlib.resources import files

    folder = as_path(args.folder, "DIR")
    path = folder / FILE_NAME
    package, name = _TEMPLATE
    source = files(package).joinpath(name).read_bytes()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(source)
    except FileExistsError:
        if folder.is_dir():
            raise InputError(f"{path} exists already, and is not overwritten; name another folder") from None
        raise InputError(f"cannot write {path}: {folder} is not a folder") from None
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    search = f"nassurrogate search --problem {shlex.quote(str(path))} --budget 30"
    text = f"wrote {path}: a space of small networks and their training, to be replaced by yours\nnext: {search}"
    console.result(text, {"schema_version": 1, "written": str(path), "next": search})
    return 0
