"""`nassurrogate data`: the ground-truth tables on this machine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from nassurrogate.cli.console import Console, aligned
from nassurrogate.cli.options import Subparsers, add_command, add_space
from nassurrogate.cli.table_options import TABLE_FORMATS, add_table_options, table_options
from nassurrogate.errors import InputError, unknown_choice

if TYPE_CHECKING:
    from nassurrogate.benchmarks.tabular.table import Column
    from nassurrogate.metric import Direction

_DESCRIPTION = """\
The ground-truth tables: the embedded one, which is always available, and those
imported from the official files or from your own. Imports are kept in your
cache folder; set NASSURROGATE_CACHE to use another one.
"""
_EXAMPLES = """\
examples:
  nassurrogate data list
  nassurrogate data import nb201 NAS-Bench-201-v1_1-096897.pth
  nassurrogate data import nb201 latency.csv --name phone --dataset cifar10 --missing-value -1
  nassurrogate data check
  nassurrogate data remove phone
"""
_LIST_EXAMPLES = """\
examples:
  nassurrogate data list
  nassurrogate data list --dataset cifar100 --json
  nassurrogate data list --space nb101
"""
_IMPORT_DESCRIPTION = f"""\
Convert a file once into a compact, checked table in your cache. PATH is

  nb201  the official NAS-Bench-201-v1_1-096897.pth, or the folder
         NATS-tss-v1_0-3ffb9-simple
  nb101  the official nasbench_only108.tfrecord or nasbench_full.tfrecord, or
         an .npz file with an array `hash` beside the accuracies
  macro  the official nas-bench-macro_cifar10.json, or the same as CSV
  any    a table of your own, one column per metric; names of metrics that
         need training start with the data set: cifar10_test_accuracy_pct, ...

{TABLE_FORMATS}
If several tables have a metric, the one that covers the most architectures is
used; ties go to your own table first, then the embedded one, then official
files.

Code in a file is never run.
"""
_IMPORT_EXAMPLES = """\
examples:
  nassurrogate data import nb201 NAS-Bench-201-v1_1-096897.pth
  nassurrogate data import nb201 NATS-tss-v1_0-3ffb9-simple --name nats
  nassurrogate data import nb101 nasbench_only108.tfrecord
  nassurrogate data import nb201 latency.csv --name phone --dataset cifar10 --missing-value -1
  nassurrogate data import nb201 runs.jsonl --seed-column seed --dataset cifar10 --unit fraction
  nassurrogate data import nb201 mine.csv --larger-is-better robustness_count
"""
_CHECK_DESCRIPTION = """\
Verify every byte of every table. If all are good, they are listed; otherwise
the exit code is 2, stderr has a line for each damaged one, and stdout is empty.
"""
_CHECK_EXAMPLES = """\
examples:
  nassurrogate data check
"""
_REMOVE_EXAMPLES = """\
examples:
  nassurrogate data remove phone
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command and its own commands."""
    parser = add_command(
        commands, "data", "list, import, check and remove tables", description=_DESCRIPTION, examples=_EXAMPLES
    )
    actions = parser.add_subparsers(title="commands", metavar="ACTION", dest="action", required=True)

    listed = add_command(
        actions, "list", "list tables with their metrics and units",
        description="List the metrics of all tables, and the table that each one is taken from.",
        examples=_LIST_EXAMPLES,
    )  # fmt: skip
    add_space(listed)
    listed.add_argument("--dataset", help="only this data set")
    listed.set_defaults(run=run_list)

    imported = add_command(
        actions, "import", "convert a benchmark file", description=_IMPORT_DESCRIPTION, examples=_IMPORT_EXAMPLES
    )
    imported.add_argument("space", metavar="SPACE", help="search space, such as nb201")
    imported.add_argument("path", metavar="PATH", help="the file or folder to convert")
    imported.add_argument("--name", help="name of the import (default: from the file name)")
    imported.add_argument("--dataset", help="own table: data set of columns that do not name one")
    for option, which in (("--larger-is-better", "larger"), ("--smaller-is-better", "smaller")):
        imported.add_argument(
            option, action="append", default=[], metavar="METRIC",
            help=f"own table: a metric that is better when {which}, if its name does not imply it; repeatable",
        )  # fmt: skip
    imported.add_argument("--replace", action="store_true", help="replace an import of the same name")
    add_table_options(imported)
    imported.set_defaults(run=run_import)

    checked = add_command(
        actions, "check", "verify every table", description=_CHECK_DESCRIPTION, examples=_CHECK_EXAMPLES
    )
    add_space(checked)
    checked.set_defaults(run=run_check)

    removed = add_command(
        actions, "remove", "delete an import",
        description="Delete an import, damaged or not, from your cache.", examples=_REMOVE_EXAMPLES,
    )  # fmt: skip
    removed.add_argument("name", metavar="NAME", help="the import's name, as `nassurrogate data list` shows it")
    add_space(removed)
    removed.set_defaults(run=run_remove)


def run_list(args: argparse.Namespace, console: Console) -> int:
    """Every column of every table."""
    from nassurrogate.benchmarks import tables_of
    from nassurrogate.benchmarks.tabular import store
    from nassurrogate.benchmarks.tabular.layers import EMBEDDED
    from nassurrogate.tables.naming import known_dataset

    tables = tables_of(args.space)
    known = tables.known_datasets()
    wanted = None if args.dataset is None else known_dataset(args.dataset, known)
    if args.dataset is not None and wanted is None:
        raise unknown_choice("data set", args.dataset, known, place=f" of {args.space}")
    owners = tables.column_owners()
    metrics = [
        _describe(dataset, metric, EMBEDDED, column, owners)
        for dataset in tables.datasets
        for metric, column in tables.base_columns(dataset).items()
    ]
    if not tables.loadable():
        console.note(f"no table of {args.space} yet: {tables.how_to_get}")
    imports = store.load_imports(args.space)
    for info, columns in ((table.info, table.columns) for table in imports):
        if info.damage:  # one damaged import must not hide the others
            console.note(f"warning: {info.damage}")
        metrics += [_describe(*place, info.name, column, owners) for place, column in columns.items()]
    if wanted is not None:
        metrics = [entry for entry in metrics if entry["dataset"] in (wanted, store.ANY_DATASET)]
    rows = []
    for entry in metrics:
        remark = [f"not used; taken from {entry['taken_from']}"] if entry["taken_from"] != entry["table"] else []
        rows.append(
            (
                entry["dataset"],
                entry["metric"],
                entry["unit"],
                _BETTER[entry["direction"]],
                str(entry["n_seeds"]),
                f"{entry['n_cells']:,}",
                entry["table"],
                "; ".join([*remark, *([entry["note"]] if entry["note"] else [])]),
            )
        )
    header = ("data set", "metric", "unit", "better", "seeds", "archs", "table", "note")
    fields = {
        "schema_version": 1,
        "space": args.space,
        "metrics": metrics,
        "imports": [_import_fields(table.info) for table in imports],
    }
    console.result(aligned(header, rows, numeric=("seeds", "archs")), fields)
    return 0


def run_import(args: argparse.Namespace, console: Console) -> int:
    """Convert a file."""
    from nassurrogate.benchmarks.importers import import_file
    from nassurrogate.benchmarks.tabular.layers import COMPUTED

    with console.progress() as progress:
        summary = import_file(
            args.space,
            args.path,
            name=args.name,
            options=table_options(args),
            directions=_directions(args),
            replace=args.replace,
            progress=lambda done, total: progress.update(
                "import", done, total, f"{done / 1e6:,.1f} of {total / 1e6:,.1f} MB"
            ),
        )
    info = summary.info
    for note in summary.notes:
        console.note(note)
    size = f"{info.n_cells:,} {'architecture' if info.n_cells == 1 else 'architectures'}"
    lines = [f"{info.name}: {size} from {info.source_file} ({info.kind})"]
    lines += [f"  {_data_set(dataset)}: {', '.join(metrics)}" for dataset, metrics in info.columns.items()]
    for place, owner in summary.shadowed.items():
        instead = (
            f"which is {COMPUTED}"
            if owner == COMPUTED
            else f"as table {owner!r} covers at least as many architectures; use --table {info.name} to put it first"
        )
        lines.append(f"  not used: {_in_words(place)}, {instead}")
    lines += [
        f"  used from now on: {_in_words(place)}, replacing table {earlier!r}; use --table {earlier} to go back"
        for place, earlier in summary.replaced.items()
    ]
    fields = {"shadowed": summary.shadowed, "replaced": summary.replaced, "notes": summary.notes}
    console.result("\n".join(lines), {"schema_version": 1, **_import_fields(info), **fields})
    return 0


def _directions(args: argparse.Namespace) -> dict[str, Direction]:
    twice = set(args.larger_is_better) & set(args.smaller_is_better)
    if twice:
        raise InputError(f"{min(twice)!r} is given to both --larger-is-better and --smaller-is-better")
    larger: dict[str, Direction] = dict.fromkeys(args.larger_is_better, "maximize")
    return larger | dict.fromkeys(args.smaller_is_better, "minimize")


_BETTER = {"maximize": "larger", "minimize": "smaller", None: "unknown"}


def run_check(args: argparse.Namespace, console: Console) -> int:
    """Verify every table."""
    from nassurrogate.benchmarks import tables_of
    from nassurrogate.benchmarks.tabular.store import check_imports

    tables = tables_of(args.space)
    damages = []
    for dataset in tables.datasets:
        try:
            tables.base_columns(dataset)
        except InputError as error:
            damages.append(str(error))
    imports = check_imports(args.space)
    damages += [info.damage for info in imports if info.damage]
    for damage in damages:
        console.error(damage)
    if damages:
        return 2
    names = [*tables.embedded_names, *(info.name for info in imports)]
    lines = [f"{name}: good" for name in names]
    console.result("\n".join(lines), {"schema_version": 1, "space": args.space, "good": names})
    return 0


def run_remove(args: argparse.Namespace, console: Console) -> int:
    """Delete an import."""
    from nassurrogate.benchmarks import tables_of
    from nassurrogate.benchmarks.tabular.store import remove_import

    tables_of(args.space)
    info = remove_import(args.name, args.space)
    console.result(f"removed {info.name} ({info.path})", {"schema_version": 1, "removed": _import_fields(info)})
    return 0


def _describe(
    dataset: str, metric: str, table: str, column: Column, owners: dict[tuple[str, str], str]
) -> dict[str, Any]:
    import numpy as np

    from nassurrogate.benchmarks.tabular.layers import COMPUTED
    from nassurrogate.metric import as_metric

    if column.source == COMPUTED:
        table = "computed"
    about = as_metric(metric, column.direction)
    return {
        "table": table,
        "dataset": dataset,
        "metric": metric,
        "unit": about.unit,
        "direction": about.direction,
        "n_seeds": int(column.n_seeds.max()),
        "n_cells": int(np.isfinite(column.mean).sum()),
        "costs_a_query": about.needs_training,
        "taken_from": "computed" if table == "computed" else owners.get((dataset, metric), table),
        "source": column.source,
        "note": column.note,
    }


def _import_fields(info: Any) -> dict[str, Any]:
    return {
        "name": info.name,
        "space": info.space,
        "kind": info.kind,
        "path": str(info.path),
        "source_file": info.source_file,
        "source_sha256": info.source_sha256,
        "imported_at": info.imported_at,
        "n_cells": info.n_cells,
        "columns": info.columns,
        "damage": info.damage or None,
    }


def _in_words(place: str) -> str:
    """`*/latency_ms` as `latency_ms of every data set`, any other place unchanged."""
    dataset, _, metric = place.partition("/")
    return f"{metric} of every data set" if dataset == "*" else place


def _data_set(name: str) -> str:
    return "every data set" if name == "*" else name
