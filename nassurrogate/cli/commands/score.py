"""`nassurrogate score`: predictions of a saved surrogate, or scores without labels."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nassurrogate.cli.console import Console, Progress, aligned
from nassurrogate.cli.options import Parser, Subparsers, add_command, add_direction, whole_number
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

_UNITLESS = "score (no unit: no labels)"
"""Title of the column of scores without labels."""

_DESCRIPTION = f"""\
Score architectures with a saved surrogate: predicted mean and standard
deviation in the metric's unit. Without MODEL, --space names their space, and
they are scored without labels, by zero-cost proxies that ship with the package:
such scores have no unit, they only rank. Architectures are strings, or indices
if the space has an official order; they are given as arguments, or in a file or
on stdin (`-`), one per line or as a table.

{TABLE_FORMATS}"""
_EXAMPLES = """\
examples:
  nassurrogate score model.safetensors 0 1 12345
  nassurrogate score model.safetensors \\
    '|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|'
  nassurrogate score model.safetensors --all --top 10
  nassurrogate score --space nb201 --all --top 10                # without labels
  head -100 archs.txt | nassurrogate score model.safetensors - --json
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        commands, "score", "score architectures with a saved surrogate", description=_DESCRIPTION, examples=_EXAMPLES
    )
    parser.add_argument(
        "model", nargs="?", metavar="MODEL", help="file that `nassurrogate train` saved; not with --space"
    )
    parser.add_argument("archs", nargs="*", metavar="ARCH", help="string or index; - reads them from stdin")
    parser.add_argument("--file", metavar="FILE", help="a file with one architecture per line, or a table")
    parser.add_argument("--dataset", help="data set of a table's columns that do not name one")
    parser.add_argument("--all", action="store_true", help="the whole space")
    parser.add_argument("--top", type=whole_number, metavar="K", help="only the best K, best first")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    _add_without_model(parser)
    add_table_options(parser)
    parser.set_defaults(run=run)


def _add_without_model(parser: Parser) -> None:
    """What a model says of itself."""
    group = parser.add_argument_group("without a model")
    group.add_argument("--space", help="search space whose architectures are scored without labels")
    group.add_argument(
        "--predictor", metavar="NAME[:PRESET]",
        help="probe-former, proxy-process or a plug-in that scores without labels (default: by space and metric)",
    )  # fmt: skip
    group.add_argument("--metric", help="metric to rank by (default: val_accuracy_pct)")
    add_direction(group)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    _tell_model_from_architecture(args)
    if bool(args.archs) + (args.file is not None) + args.all != 1:
        raise InputError(
            "expected architectures: as arguments, with --file FILE, from stdin with -, or --all; one of these"
        )
    if args.top is not None and args.top < 1:
        raise InputError(f"--top must be a whole number from 1, got {args.top}")
    import numpy as np

    from nassurrogate.spaces import EnumerableSpace

    surrogate = _surrogate(args)
    archs, notes = _architectures(args, surrogate.space)
    with console.progress() as progress:
        score, mean, std = _scored(surrogate, archs, progress)
    order = np.argsort(-score, kind="stable")[: args.top] if args.top is not None else np.arange(len(archs))
    # Without an official order there are no indices, so the column is left out.
    in_order = surrogate.space if isinstance(surrogate.space, EnumerableSpace) else None
    found: list[dict[str, Any]] = [
        {
            "index": None if in_order is None else in_order.index(archs[place]),
            "arch": archs[place].string,
            "score": float(score[place]),
            "predicted": float(mean[place]),
            "predicted_std": float(std[place]),
        }
        for place in order.tolist()
    ]
    for note in notes:
        console.note(note)
    about = surrogate.about_metric
    fields = {
        "schema_version": 1,
        "model": args.model,
        "space": surrogate.space.name,
        "predictor": f"{surrogate.predictor.name}:{surrogate.predictor.preset}",
        "metric": surrogate.metric,
        "unit": surrogate.score_unit,
        "direction": about.direction,
        "n_labels": surrogate.n_labels,
        "n_scored": len(archs),
        "notes": _remarks(surrogate, found, console),
        "scores": found,
    }
    console.result(_table(found, has_index=in_order is not None, has_labels=surrogate.n_labels > 0), fields)
    return 0


def _tell_model_from_architecture(args: argparse.Namespace) -> None:
    """Without a model, the first argument is an architecture. Raises `InputError` if it could be either."""
    if args.space is None:
        direction = "--larger-is-better or --smaller-is-better"
        without_model = {"--predictor": args.predictor, "--metric": args.metric, direction: args.direction}
        for option, value in without_model.items():
            if value is not None:
                raise InputError(f"{option} is for scores without a model, which need --space; a model has its own")
        if args.model is None:
            raise InputError(
                "expected MODEL, a file that `nassurrogate train` saved, or --space NAME to score without labels"
            )
    elif args.model is not None:
        if os.path.isfile(args.model):  # unlike a Path, not upset by architectures that are too long for a file's name
            raise InputError(f"{args.model} is a file; a model has its own space, so leave out --space, or the file")
        args.model, args.archs = None, [args.model, *args.archs]


def _surrogate(args: argparse.Namespace) -> Surrogate:
    """The saved one, or one without labels. Raises `InputError` if that cannot score."""
    from nassurrogate.metric import as_metric
    from nassurrogate.predictors import who_scores_without_labels
    from nassurrogate.surrogate import Surrogate

    if args.model is not None:
        return Surrogate.load(args.model, device=args.device)
    metric = as_metric("val_accuracy_pct" if args.metric is None else args.metric, args.direction)
    unfitted = Surrogate(args.space, predictor=args.predictor, metric=metric, device=args.device)
    if not unfitted.scores_without_labels:
        name = unfitted.predictor.name
        raise InputError(
            f"predictor {name!r} needs labels: `nassurrogate train` learns them and saves a model; "
            f"{who_scores_without_labels(unfitted.space, besides=name)}"
        )
    return unfitted


def _scored(surrogate: Surrogate, archs: list[Architecture], progress: Progress) -> np.ndarray:
    """(3, n) scores, predicted means and standard deviations; without labels, there are only scores, and NaN.

    Many architectures are scored in batches, to show progress.
    """
    import numpy as np

    parts = []
    for start in range(0, len(archs), _BATCH):
        batch = archs[start : start + _BATCH]
        if surrogate.n_labels:
            mean, std = surrogate.predict(batch)
            parts.append([mean if surrogate.higher_is_better else -mean, mean, std])
        else:
            parts.append([surrogate.score(batch), *np.full((2, len(batch)), np.nan)])
        if len(archs) > _BATCH:
            progress.update("score", start + len(batch), len(archs))
    return np.hstack(parts)


def _remarks(surrogate: Surrogate, found: list[dict[str, Any]], console: Console) -> list[str]:
    """What a reader of the scores must know, which is also printed on stderr."""
    about, predictor = surrogate.about_metric, surrogate.predictor
    remarks = [about.note] if about.note else []
    if not surrogate.n_labels:
        from nassurrogate.predictors.labels.notes import unlearned_note

        return [*remarks, unlearned_note(about, predictor.name)]  # logged by the surrogate
    if about.is_percent and (outside := [row for row in found if not 0 <= row["predicted"] <= 100]):
        remarks.append(
            f"{len(outside):,} of these predictions lie outside 0 to 100 %: they rank architectures, but are not "
            "accuracies"
        )
        console.note(remarks[-1])
    unit = "in an unknown unit" if about.unit == UNKNOWN_UNIT else f"in {about.unit}"
    console.note(
        f"{about.name} ({about.better}) {unit}, predicted by {predictor.name}:{predictor.preset} from "
        f"{surrogate.n_labels} labels{'; ' + about.note if about.note else ''}"
    )
    return remarks


def _table(found: list[dict[str, Any]], *, has_index: bool, has_labels: bool) -> str:
    columns = {"predicted": "predicted", "predicted_std": "std"} if has_labels else {"score": _UNITLESS}
    rows = [
        (*([str(row["index"])] if has_index else []), *(f"{row[name]:.4f}" for name in columns), row["arch"])
        for row in found
    ]
    header = (*(["index"] if has_index else []), *columns.values(), "arch")
    return aligned(header, rows, numeric=header[:-1])


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
