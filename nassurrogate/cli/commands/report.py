"""`nassurrogate report`: one page about a search."""

from __future__ import annotations

import argparse

from nassurrogate.cli.console import Console
from nassurrogate.cli.options import Subparsers, add_command

_DESCRIPTION = """\
Write a page about a search: what was asked, what was found, how it went, the
network that won, failures, and the command that repeats it. It is a single HTML
file that loads nothing. A search that was stopped, or still runs, has a page of
its queries so far.

For the drawing, the problem file of the run is run, if it has not changed: it
is your own code.
"""
_EXAMPLES = """\
examples:
  nassurrogate report runs/nb201-cifar10-0-20261128-101500
  nassurrogate report runs/nb201-cifar10-0-20261128-101500 --out best.html
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        commands, "report", "write a page about a search", description=_DESCRIPTION, examples=_EXAMPLES
    )
    parser.add_argument("run_dir", metavar="RUN_DIR", help="run folder of the search")
    parser.add_argument("--out", metavar="FILE", help="file to write (default: report.html in the run folder)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.search.record.report_page import write_report

    path = write_report(args.run_dir, args.out)
    console.result(str(path), {"report": str(path)})
    return 0
