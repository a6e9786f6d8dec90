"""`nassurrogate spaces`: what can be searched."""

from __future__ import annotations

import argparse
from typing import Any

from nassurrogate.commands.options import Subparsers, add_command
from nassurrogate.console import Console

_EXAMPLES = """\
examples:
  nassurrogate spaces
  nassurrogate spaces --json
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "spaces",
        "list the search spaces",
        description="List the search spaces: size, different functions, operations, data sets.",
        examples=_EXAMPLES,
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.benchmarks import dataset_names, tables_of
    from nassurrogate.spaces import get_space, space_names

    found: list[dict[str, Any]] = []
    for name in space_names():
        space = get_space(name)
        found.append(
            {
                "name": name,
                "description": space.description,
                "size": space.size,
                "n_classes": space.n_classes,
                "ops": list(space.ops),
                "datasets": dataset_names(name),
            }
        )
    lines = []
    for entry in found:
        margin = " " * (len(entry["name"]) + 2)
        lines += [
            f"{entry['name']}  {entry['size']:,} cells, {entry['n_classes']:,} different functions",
            f"{margin}{entry['description']}",
            f"{margin}operations: {', '.join(entry['ops'])}",
            f"{margin}data sets: "
            + (", ".join(entry["datasets"]) or f"none yet; {tables_of(entry['name']).how_to_get}"),
        ]
    console.result("\n".join(lines), {"schema_version": 1, "spaces": found})
    return 0
