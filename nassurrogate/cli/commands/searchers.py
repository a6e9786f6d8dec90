"""`nassurrogate searchers`: what can search."""

from __future__ import annotations

import argparse

from nassurrogate.cli.console import Console, aligned
from nassurrogate.cli.options import Subparsers, add_command
from nassurrogate.errors import InputError

_EXAMPLES = """\
examples:
  nassurrogate searchers
  nassurrogate searchers --json
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "searchers",
        "list the searchers",
        description="List the searchers; the first is the default.",
        examples=_EXAMPLES,
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.search import searcher_names
    from nassurrogate.search.searchers.base import DEFAULT_SEARCHER, searcher_class

    found = []
    for name in searcher_names():
        try:
            description = searcher_class(name).description
        except InputError as error:  # a plug-in that does not load must not hide the others
            console.note(f"warning: {error}")
            continue
        found.append({"name": name, "description": description, "default": name == DEFAULT_SEARCHER})
    text = aligned(("name", "description"), [(str(entry["name"]), str(entry["description"])) for entry in found])
    console.result(text, {"schema_version": 1, "searchers": found})
    return 0
