"""`nassurrogate predictors`: what can guide a search."""

from __future__ import annotations

import argparse
from typing import Any

from nassurrogate.commands.options import Subparsers, add_command
from nassurrogate.console import Console, aligned
from nassurrogate.errors import InputError

_DESCRIPTION = """\
List the predictors, plug-ins included, with their presets; the first predictor
and the first preset of each are the defaults. `none` and `oracle` are not
predictors, but `search --predictor` takes them.
"""
_EXAMPLES = """\
examples:
  nassurrogate predictors
  nassurrogate search --budget 100 --predictor nar-former-v2:paper
"""
_SEARCH_ONLY = {
    "none": "no surrogate, every proposal is evaluated (search only)",
    "oracle": "the truth itself, an upper bound (search only)",
}


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        commands, "predictors", "list the predictors and their presets", description=_DESCRIPTION, examples=_EXAMPLES
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.predictors import DEFAULT_PREDICTOR, predictor_class, predictor_names

    found: list[dict[str, Any]] = []
    for name in predictor_names():
        try:
            cls = predictor_class(name)
        except InputError as error:  # a plug-in that does not load must not hide the others
            console.note(f"warning: {error}")
            continue
        presets = {preset: vars(config) for preset, config in cls.presets.items()}
        found.append(
            {"name": name, "description": cls.description, "presets": presets, "default": name == DEFAULT_PREDICTOR}
        )
    rows = [(entry["name"], ", ".join(entry["presets"]), entry["description"]) for entry in found]
    rows += [(name, "-", description) for name, description in _SEARCH_ONLY.items()]
    text = aligned(("name", "presets", "description"), rows)
    console.result(text, {"schema_version": 1, "predictors": found, "search_only": _SEARCH_ONLY})
    return 0
