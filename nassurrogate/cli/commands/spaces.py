"""`nassurrogate spaces`: the search spaces."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from nassurrogate.cli.console import Console
from nassurrogate.cli.loading import loaded
from nassurrogate.cli.options import Subparsers, add_listing
from nassurrogate.errors import InputError

if TYPE_CHECKING:
    from nassurrogate.spaces import Space


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_listing(
        commands,
        "spaces",
        "list the search spaces",
        description="List the search spaces: size, number of functions, operations, data sets.",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.benchmarks import broken_plug_ins
    from nassurrogate.spaces import get_space, space_names

    found: list[dict[str, Any]] = []
    lines: list[str] = []
    for _, space in loaded(space_names(), get_space, console):
        entry = _fields(space)
        found.append(entry)
        lines += _lines(space, entry)
    for broken in broken_plug_ins():
        console.note(f"warning: {broken}")
    console.result("\n".join(lines), {"schema_version": 1, "spaces": found})
    return 0


def _fields(space: Space) -> dict[str, Any]:
    from nassurrogate.benchmarks import dataset_names
    from nassurrogate.spaces import CellSpace, EnumerableSpace

    return {
        "name": space.name,
        "description": space.description,
        "size": space.size,
        "n_classes": space.n_classes if isinstance(space, EnumerableSpace) else None,
        "ops": list(space.ops) if isinstance(space, CellSpace) else [],
        "slots": {} if isinstance(space, CellSpace) else {gene.name: list(gene.choices) for gene in space.genes},
        "datasets": dataset_names(space.name),
    }


def _lines(space: Space, entry: dict[str, Any]) -> list[str]:
    kind = "cells" if entry["ops"] else "architectures"
    size = f"{entry['size']:,} {kind}" if entry["size"] is not None else f"an unknown number of {kind}"
    classes = f", {entry['n_classes']:,} different functions" if entry["n_classes"] is not None else ""
    lines = [f"{size}{classes}", space.description]
    if entry["ops"]:
        lines.append(f"operations: {', '.join(entry['ops'])}")
    lines.append(f"data sets: {', '.join(entry['datasets']) or _how_to_get(space.name)}")
    margin = " " * (len(space.name) + 2)
    return [f"{space.name}  {lines[0]}", *(margin + line for line in lines[1:] if line)]


def _how_to_get(name: str) -> str:
    from nassurrogate.benchmarks import tables_of

    try:
        return f"none yet; {tables_of(name).how_to_get}"
    except InputError:  # a space without tables
        return "none; register a benchmark to add one"
