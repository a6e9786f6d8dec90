"""`nassurrogate searchers`: the searchers."""

from __future__ import annotations

import argparse

from nassurrogate.cli.console import Console, aligned
from nassurrogate.cli.loading import loaded
from nassurrogate.cli.options import Subparsers, add_listing


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_listing(
        commands, "searchers", "list the searchers", description="List the searchers; the first is the default."
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.search import searcher_names
    from nassurrogate.search.searchers.base import DEFAULT_SEARCHER, searcher_class

    found = [
        {"name": name, "description": cls.description, "default": name == DEFAULT_SEARCHER}
        for name, cls in loaded(searcher_names(), searcher_class, console)
    ]
    text = aligned(("name", "description"), [(str(entry["name"]), str(entry["description"])) for entry in found])
    console.result(text, {"schema_version": 1, "searchers": found})
    return 0
