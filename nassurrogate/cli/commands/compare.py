"""`nassurrogate compare`: several searches side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from nassurrogate.cli.console import Console, aligned
from nassurrogate.cli.options import Subparsers, add_command
from nassurrogate.cli.output_file import check_writable

_DESCRIPTION = """\
Compare searches of one space, data set and objective. Runs that differ in
nothing but their seeds are averaged, with 95 % confidence intervals over the
seeds (Student's t). Where groups have seeds in common, they are compared seed
by seed with the first group. Unfinished runs are left out.
"""
_EXAMPLES = """\
examples:
  nassurrogate compare runs/*
  nassurrogate compare runs/ours-* runs/random-* --plot regret.png
  nassurrogate compare runs/* --json
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(commands, "compare", "compare searches", description=_DESCRIPTION, examples=_EXAMPLES)
    parser.add_argument("run_dirs", nargs="+", metavar="RUN_DIR", help="run folders, those of the baseline first")
    parser.add_argument(
        "--plot", metavar="FILE", help="draw the curves against the number of queries into a .png, .svg or .pdf file"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.search.record.comparison import compare_runs, draw_comparison, plot_format

    plot = None if args.plot is None else Path(args.plot)
    if plot is not None:
        plot_format(plot)
        check_writable(plot, "the plot")
    comparison = compare_runs(args.run_dirs)
    for note in comparison.notes:
        console.note(f"note: {note}")
    if plot is not None:
        draw_comparison(comparison, plot)
    header, rows = comparison.table()
    console.result(aligned(header, rows, numeric=header[:-1]), comparison.as_dict())
    return 0
