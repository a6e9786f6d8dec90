"""`nassurrogate predictors`: the predictors, and those that work on a given space."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from nassurrogate.cli.console import Console, aligned
from nassurrogate.cli.loading import loaded
from nassurrogate.cli.options import Subparsers, add_command, add_direction
from nassurrogate.errors import InputError, one_line

if TYPE_CHECKING:
    from nassurrogate.metric import Metric
    from nassurrogate.predictors import Predictor
    from nassurrogate.spaces import Space

_DESCRIPTION = """\
List the predictors, including plug-ins, with their presets; the first predictor
and the first preset of each are the defaults. `none` and `oracle` are not
predictors, but `search --predictor` accepts them. A predictor whose library is
not installed is marked, with the command that installs it.

With --space: which predictors work on that space, what they read of it, and
which one is the default, which depends on the space and the metric.
"""
_EXAMPLES = """\
examples:
  nassurrogate predictors
  nassurrogate predictors --space nb201
  nassurrogate predictors --space nb201 --metric latency_ms
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
    parser.add_argument("--space", help="list which predictors work on this search space, and what they read of it")
    parser.add_argument(
        "--metric", help="metric to learn, with --space (default: the objective of its tables, or val_accuracy_pct)"
    )
    add_direction(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.metric import as_metric
    from nassurrogate.predictors import DEFAULT_PREDICTOR, predictor_class, predictor_names
    from nassurrogate.runtime.optional_libraries import how_to_install, missing_library
    from nassurrogate.spaces import get_space

    if args.space is None and (args.metric is not None or args.direction is not None):
        raise InputError("--metric, --larger-is-better and --smaller-is-better need --space")
    if args.space is not None:
        metric = as_metric(_objective_of(args.space) if args.metric is None else args.metric, args.direction)
        return _on_space(get_space(args.space), metric, console)
    found: list[dict[str, Any]] = []
    for name, cls in loaded(predictor_names(), predictor_class, console):
        missing = missing_library(cls)
        presets = {preset: vars(config) for preset, config in cls.presets.items()}
        found.append(
            {
                "name": name,
                "description": cls.description,
                "presets": presets,
                "default": name == DEFAULT_PREDICTOR,
                "installed": missing is None,
                "how_to_install": None if missing is None else how_to_install(missing),
            }
        )
    rows = [(entry["name"], ", ".join(entry["presets"]), _described(entry)) for entry in found]
    rows += [(name, "-", description) for name, description in _SEARCH_ONLY.items()]
    text = aligned(("name", "presets", "description"), rows)
    console.result(text, {"schema_version": 1, "predictors": found, "search_only": _SEARCH_ONLY})
    return 0


def _described(entry: dict[str, Any]) -> str:
    description = str(entry["description"])
    return description if entry["installed"] else f"not installed: {entry['how_to_install']}; {description}"


def _objective_of(space: str) -> str:
    """The default metric of a space: the objective of its tables, if it has any."""
    from nassurrogate.benchmarks import LABEL, has_tables, tables_of

    return (tables_of(space).objective if has_tables(space) else None) or LABEL


def _on_space(space: Space, metric: Metric, console: Console) -> int:
    """Print which predictors work on a space for a metric, and what they read of it."""
    from nassurrogate.predictors import default_predictor, predictor_class, predictor_names
    from nassurrogate.runtime.optional_libraries import how_to_install, missing_library

    metric.larger_is_better  # noqa: B018 (raises for an unknown direction, as `Surrogate` does)
    default, of_search = default_predictor(space, metric), default_predictor(space, metric, search=True)
    found: list[dict[str, Any]] = []
    for name in predictor_names():
        entry: dict[str, Any] = {"name": name, "works": True, "reason": "", "uses": [], "installed": True}
        try:
            cls = predictor_class(name)
            missing = missing_library(cls)
            if missing is not None:
                remedy = how_to_install(missing)
                entry |= {"works": False, "reason": f"not installed: {remedy}", "installed": False}
            else:
                entry["uses"] = _made(cls, space, metric).uses()
        except InputError as error:
            entry |= {"works": False, "reason": str(error)}
        except Exception as error:  # whatever a plug-in raises must not hide the others
            entry |= {"works": False, "reason": one_line(error)}
        found.append({**entry, "default": name == default, "default_of_search": name == of_search})
    rows = []
    for entry in found:
        roles = ["train, score, evaluate"] if entry["default"] else []
        roles += ["search"] if entry["default_of_search"] else []
        why_not = entry["reason"].removeprefix(f"predictor {entry['name']!r} ").partition(";")[0]
        remark = ", ".join(entry["uses"]) if entry["works"] else why_not
        rows.append((entry["name"], "yes" if entry["works"] else "no", "; ".join(roles), remark))
    text = aligned(("name", "works", "default for", "reads, or why not"), rows)
    fields = {
        "schema_version": 1,
        "space": space.name,
        "metric": metric.name,
        "default": default,
        "default_of_search": of_search,
        "predictors": found,
    }
    console.result(f"{metric.name} ({metric.better}) on {space.name}\n\n{text}", fields)
    return 0


def _made(cls: type[Predictor], space: Space, metric: Metric) -> Predictor:
    from nassurrogate.predictors import make_predictor

    return make_predictor(cls, space, metric=metric, device="cpu")
