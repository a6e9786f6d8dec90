"""`nassurrogate score`: predictions of a saved surrogate."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nassurrogate.cli.console import Console, Progress, aligned
from nassurrogate.cli.options import Subparsers, add_command, whole_number
from nassurrogate.cli.table_options import (
    TABLE_FORMATS,
    add_table_options,
    known_names,
    refuse_table_options,
    table_options,
)
from nassurrogate.errors import InputError
from nassurrogate.metric import UNKNOWN_UNIT

if TYPE_CHECKING:
    import numpy as np

    from nassurrogate.architecture import Architecture
    from nassurrogate.spaces import Space
    from nassurrogate.surrogate import Surrogate

_BATCH = 10_000
"""Architectures that are scored at once."""
MAX_ALL = 10_000_000
"""The largest space that `--all` scores."""

_DESCRIPTION = f"""\
Score architectures with a saved surrogate: predicted mean and standard
deviation in the metric's unit. Architectures are strings, or indices if the
space has an official order; they are given as arguments, or in a file or on
stdin (`-`), one per line or as a table.

{TABLE_FORMATS}"""
_EXAMPLES = """\
examples:
  nassurrogate score model.safetensors 0 1 12345
  nassurrogate score model.safetensors \\
    '|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|'
  nassurrogate score model.safetensors --all --top 10
  head -100 archs.txt | nassurrogate score model.safetensors - --json
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        commands, "score", "score architectures with a saved surrogate", description=_DESCRIPTION, examples=_EXAMPLES
    )
    parser.add_argument("model", metavar="MODEL", help="file that `nassurrogate train` saved")
    parser.add_argument("archs", nargs="*", metavar="ARCH", help="string or index; - reads them from stdin")
    parser.add_argument("--file", metavar="FILE", help="a file with one architecture per line, or a table")
    parser.add_argument("--dataset", help="data set of a table's columns that do not name one")
    parser.add_argument("--all", action="store_true", help="the whole space")
    parser.add_argument("--top", type=whole_number, metavar="K", help="only the best K, best first")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    add_table_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    if bool(args.archs) + (args.file is not None) + args.all != 1:
        raise InputError(
            "expected architectures: as arguments, with --file FILE, from stdin with -, or --all; one of these"
        )
    if args.top is not None and args.top < 1:
        raise InputError(f"--top must be a whole number from 1, got {args.top}")
    import numpy as np

    from nassurrogate.spaces import EnumerableSpace
    from nassurrogate.surrogate import Surrogate

    surrogate = Surrogate.load(args.model, device=args.device)
    archs, notes = _architectures(args, surrogate.space)
    with console.progress() as progress:
        mean, std = _predicted(surrogate, archs, progress)
    score = mean if surrogate.higher_is_better else -mean
    order = np.argsort(-score, kind="stable")[: args.top] if args.top is not None else np.arange(len(archs))
    # Without an official order there are no indices, so the column is left out.
    in_order = surrogate.space if isinstance(surrogate.space, EnumerableSpace) else None
    found = [
        {
            "index": None if in_order is None else in_order.index(archs[place]),
            "arch": archs[place].string,
            "predicted": float(mean[place]),
            "predicted_std": float(std[place]),
        }
        for place in order.tolist()
    ]
    about = surrogate.about_metric
    outside = [row for row in found if not 0 <= float(row["predicted"]) <= 100] if about.is_percent else []
    remarks = [about.note] if about.note else []
    if outside:
        remarks.append(
            f"{len(outside):,} of these predictions lie outside 0 to 100 %: they rank architectures, but are not "
            "accuracies"
        )
    for note in [*notes, *remarks[bool(about.note) :]]:
        console.note(note)
    unit = "in an unknown unit" if about.unit == UNKNOWN_UNIT else f"in {about.unit}"
    console.note(
        f"{about.name} ({about.better}) {unit}, predicted by {surrogate.predictor.name}:{surrogate.predictor.preset} "
        f"from {surrogate.n_labels} labels{'; ' + about.note if about.note else ''}"
    )
    first = 0 if in_order is not None else 1
    rows = [
        (str(row["index"]), f"{row['predicted']:.4f}", f"{row['predicted_std']:.4f}", str(row["arch"]))[first:]
        for row in found
    ]
    header = ("index", "predicted", "std", "arch")[first:]
    text = aligned(header, rows, numeric=("index", "predicted", "std"))
    fields = {
        "schema_version": 1,
        "model": args.model,
        "space": surrogate.space.name,
        "predictor": f"{surrogate.predictor.name}:{surrogate.predictor.preset}",
        "metric": surrogate.metric,
        "unit": about.unit,
        "direction": about.direction,
        "n_labels": surrogate.n_labels,
        "n_scored": len(archs),
        "notes": remarks,
        "scores": found,
    }
    console.result(text, fields)
    return 0


def _predicted(surrogate: Surrogate, archs: list[Architecture], progress: Progress) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations; many architectures are scored in batches, to show progress."""
    import numpy as np

    if len(archs) <= _BATCH:
        return surrogate.predict(archs)
    parts = []
    for start in range(0, len(archs), _BATCH):
        parts.append(surrogate.predict(archs[start : start + _BATCH]))
        progress.update("score", min(start + _BATCH, len(archs)), len(archs))
    means, deviations = zip(*parts, strict=True)
    return np.concatenate(means), np.concatenate(deviations)


def _architectures(args: argparse.Namespace, space: Space) -> tuple[list[Architecture], list[str]]:
    """The architectures, and notes on how their table was read."""
    if args.file is not None or args.archs == ["-"]:
        from nassurrogate.tables.architectures import read_architectures

        source = Path(args.file) if args.file not in (None, "-") else None
        table = read_architectures(space, source, table_options(args), known=known_names(space))
        if not table.archs:
            raise InputError(f"{table.source} names no architecture; expected one per line, or a table")
        return table.archs, table.notes
    refuse_table_options(args, "--file FILE, or - for stdin")
    if args.all:
        if space.size is None or space.size > MAX_ALL:
            size = "an unknown number of" if space.size is None else f"{space.size:,}"
            raise InputError(f"--all scores at most {MAX_ALL:,} architectures; space {space.name!r} has {size}")
        return list(space.members()), []
    return [space.parse_text(text) for text in args.archs], []
