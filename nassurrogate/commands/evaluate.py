"""`nassurrogate evaluate`: how well predictors rank the cells that they have not seen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nassurrogate.commands.options import Subparsers, add_command, assignments, whole_number
from nassurrogate.commands.output_file import check_writable
from nassurrogate.console import Console, Progress, aligned
from nassurrogate.errors import InputError

if TYPE_CHECKING:
    from nassurrogate.benchmarks.evaluation import Evaluation, Row

_DESCRIPTION = """\
Measure predictors by a protocol: fit them on the labels of N random cells, let
them rank all others, compare with the truth; mean over the splits. Every fit is
kept in the run folder and never made twice: the same command goes on where it
stopped, and A1, A3 and A4 share their fits.

protocols (label -> target; evaluated on the cells not in training):
  A1         nb201 cifar10: validation accuracy -> test accuracy (imported)
  A2         the same on cifar100 and ImageNet16-120
  A3         A1 without duplicates of training cells
  A4         nb201, any data set: validation accuracy -> itself
  A5         nb101: one-run validation accuracy -> test accuracy
  A6         nb101: test accuracy -> itself
  published  as the literature does on nb201 cifar10: LEAKY
"""
_EXAMPLES = """\
examples:
  nassurrogate evaluate --protocol A4 --labels 78,156 --splits 10
  nassurrogate evaluate --protocol A4 --dataset cifar100 --predictor all --jobs 2 --csv rows.csv --plot tau.png
  nassurrogate evaluate --protocol A1 --predictor nar-former-v2:paper,gradient-boosting --json

regret: points to the best evaluated cell, of the best among the predicted top
10; rank %: how many cells are better than that one; cover: the share of targets
in the 90 % interval, width its mean width in points.
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        commands, "evaluate", "measure how well predictors rank unseen cells",
        description=_DESCRIPTION, examples=_EXAMPLES,
    )  # fmt: skip
    parser.add_argument("--protocol", default="A4", metavar="NAME", help="A1 to A6 or published (default: A4)")
    parser.add_argument("--dataset", help="data set (default: the protocol's first)")
    parser.add_argument("--labels", metavar="N[,N...]", help="training labels (default: the protocol's)")
    parser.add_argument(
        "--splits", type=whole_number, default=10, metavar="S",
        help="random splits, or with published seeds of the fit (default: 10)",
    )  # fmt: skip
    parser.add_argument(
        "--predictor", metavar="NAME[:PRESET][,...]", help="what is measured; all: every one (default: the default one)"
    )
    parser.add_argument(
        "--config", action="append", default=[], metavar="NAME=VALUE",
        help="a hyper-parameter of the one predictor; repeatable",
    )  # fmt: skip
    parser.add_argument("--seed", type=whole_number, default=0, metavar="N", help="of the first split (default: 0)")
    parser.add_argument("--jobs", type=whole_number, default=1, metavar="J", help="processes (default: 1)")
    parser.add_argument("--run-dir", metavar="DIR", help="folder of the fits (default: runs/evaluate)")
    parser.add_argument(
        "--table", metavar="NAME", help="import whose columns come before all others, or 'embedded' for none"
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    parser.add_argument("--csv", metavar="FILE", help="write the rows as CSV")
    parser.add_argument("--plot", metavar="FILE", help="draw tau against labels: .png, .svg or .pdf")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.benchmarks.evaluation import DEFAULT_FOLDER, evaluate
    from nassurrogate.benchmarks.evaluation.plot import plot_format
    from nassurrogate.predictors import DEFAULT_PREDICTOR

    if args.csv is not None:
        check_writable(Path(args.csv), "the rows")
    if args.plot is not None:
        check_writable(Path(args.plot), "the plot")
        plot_format(Path(args.plot))
    if args.run_dir == "":  # an unset variable of a script must not fill the current folder
        raise InputError("--run-dir is empty; give the folder's name, or '.' for the current one")
    folder = Path(args.run_dir) if args.run_dir is not None else DEFAULT_FOLDER
    predictors = _listed(args.predictor, "--predictor") if args.predictor is not None else [DEFAULT_PREDICTOR]
    changes = assignments(args.config, "--config")
    if changes and (len(predictors) > 1 or predictors == ["all"]):
        raise InputError(f"--config goes with one predictor, got {', '.join(predictors)}")
    with console.progress() as progress:
        watcher = _Watcher(progress)
        try:
            found = evaluate(
                args.protocol,
                dataset=args.dataset,
                labels=_numbers(args.labels) if args.labels is not None else None,
                splits=args.splits,
                predictors=predictors,
                config={predictors[0]: changes} if changes else None,
                seed=args.seed,
                jobs=args.jobs,
                run_dir=folder,
                table=args.table,
                device=args.device,
                progress=watcher,
            )
        except KeyboardInterrupt:
            if not watcher.done:
                raise KeyboardInterrupt("before the first fit was done") from None
            told = f"{watcher.done} of {watcher.total} fits stand in {folder}; the same command goes on from there"
            raise KeyboardInterrupt(told) from None
    if args.csv is not None:
        found.write_csv(args.csv)
    if args.plot is not None:
        found.plot(args.plot)
    console.result(_describe(found), found.to_json())
    return 0


class _Watcher:
    """Shows how far the fits are."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.done = self.total = 0

    def __call__(self, done: int, total: int, detail: str) -> None:
        self.done, self.total = done, total
        self._progress.update("fits", done, total, f"{done}/{total} {detail}")


def _listed(text: str, option: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise InputError(f"{option} expects one or several, separated by commas, got {text!r}")
    return parts


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in _listed(text, "--labels")]
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"--labels expects whole numbers, separated by commas, got {text!r}") from None


def _describe(found: Evaluation) -> str:
    header = ("predictor", "labels", "splits", "tau", "new classes", "rho", "regret", "rank %", "cover", "width",
              "fit s", "score s")  # fmt: skip
    table = aligned(header, [_cells(row) for row in found.rows], numeric=header[1:])
    about = f"protocol {found.protocol.id} on {found.protocol.space}/{found.dataset}, seed {found.seed}: "
    about += found.protocol.summary
    lines = [about, *found.notes, "", table, ""]
    if found.reference_tau is not None:
        lines.append(
            f"the labels themselves agree with the target at tau {found.reference_tau:.3f}; averaged over cells that "
            f"compute the same, {_shown(found.reference_tau_classes, 3)}"
        )
    lines.append(f"the fits stand in {found.run_dir}")
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.predictor,
        str(row.labels),
        str(row.splits),
        _spread(row.kendall_tau_mean, row.kendall_tau_std),
        _spread(row.kendall_tau_new_classes_mean, row.kendall_tau_new_classes_std),
        _shown(row.spearman_mean, 3),
        _shown(row.top10_regret_points_mean, 2),
        _shown(row.top10_rank_percentile_mean, 2),
        _shown(row.coverage90_mean, 3),
        _shown(row.interval90_width_points_mean, 2),
        _shown(row.fit_s_median, 2),
        _shown(row.score_s_median, 2),
    )


def _spread(mean: float | None, deviation: float | None) -> str:
    return _shown(mean, 3) if deviation is None else f"{_shown(mean, 3)} ± {deviation:.3f}"


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
