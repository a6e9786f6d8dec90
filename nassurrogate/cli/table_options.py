"""The options of all commands that read a table: they settle what the file leaves open."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from nassurrogate.cli.options import Parser, number
from nassurrogate.errors import InputError, brief

if TYPE_CHECKING:
    from nassurrogate.spaces import Space
    from nassurrogate.tables import Names, TableOptions

TABLE_FORMATS = """\
A table is CSV (with commas, semicolons or tabs) or JSON lines, plain or
gzipped, or Parquet. A column `arch` (strings, or indices of cells) or `index`
(in the official order, if the space has one) names the architectures; nb101
also takes `hash`, or `module_adjacency` and `module_operations`. Accuracies are
in percent, and metric names end with their unit: val_accuracy_pct,
phone_latency_ms.
"""


def add_table_options(parser: Parser) -> None:
    """`--arch-column`, `--rename`, `--unit`, `--missing-value`, `--seed-column` and `--new-dataset`."""
    group = parser.add_argument_group("how a table is read")
    group.add_argument("--arch-column", metavar="NAME", help="the column that names the architectures")
    group.add_argument(
        "--rename",
        action="append",
        default=[],
        metavar="NEW=OLD",
        help="read column OLD under the name NEW; repeatable",
    )
    group.add_argument(
        "--unit", choices=("fraction", "percent"), metavar="UNIT",
        help="unit of accuracies and errors: percent, or fraction (multiplied by 100)",
    )  # fmt: skip
    group.add_argument(
        "--missing-value", type=number, metavar="NUMBER", help="number that marks a missing value, such as -1"
    )
    group.add_argument(
        "--seed-column", metavar="NAME", help="the column with the training seed, if each row is one training"
    )
    group.add_argument(
        "--new-dataset", action="append", nargs="?", const="", default=[], metavar="NAME",
        help="a data set that is not known yet (without NAME: the one of --dataset); repeatable",
    )  # fmt: skip


def table_options(args: argparse.Namespace) -> TableOptions:
    """The options that the user gave. Raises `InputError` for a malformed `--rename`."""
    from nassurrogate.tables import TableOptions

    rename: dict[str, str] = {}
    for text in args.rename:
        new, equals, old = text.partition("=")
        if not equals or not new.strip():
            raise InputError(f"--rename expects NEW=OLD, got {brief(text)}")
        if new.strip() in rename:
            raise InputError(f"--rename gives the name {new.strip()!r} to two columns")
        rename[new.strip()] = old.strip()
    dataset = getattr(args, "dataset", None)
    if "" in args.new_dataset and dataset is None:
        raise InputError("--new-dataset without a name needs --dataset NAME, or give the name: --new-dataset NAME")
    new = [name or dataset for name in args.new_dataset]
    return TableOptions(args.arch_column, rename, args.unit, args.missing_value, args.seed_column, dataset, new)


def known_names(space: Space) -> Names | None:
    """The names that columns may refer to; None for a space without tables."""
    from nassurrogate.benchmarks import has_tables, tables_of

    return tables_of(space.name).known_names() if has_tables(space.name) else None


def refuse_table_options(args: argparse.Namespace, needed: str) -> None:
    """Raise `InputError` for table options if no table is read: they would have no effect."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in ("arch_column", "rename", "unit", "missing_value", "seed_column", "new_dataset")
        if getattr(args, name) not in (None, [])
    ]
    if given:
        raise InputError(f"{given[0]} applies to tables only; it needs {needed}")
