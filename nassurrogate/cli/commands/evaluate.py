"""`nassurrogate evaluate`: how well predictors rank architectures that they have not seen."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nassurrogate.cli import network_evaluation
from nassurrogate.cli.console import Console, Progress, aligned
from nassurrogate.cli.options import Subparsers, add_command, add_direction, assignments, whole_number
from nassurrogate.cli.output_file import check_writable
from nassurrogate.errors import InputError

if TYPE_CHECKING:
    from nassurrogate.benchmarks.evaluation import ProtocolResult, Row
    from nassurrogate.metric import MetricLike

DEFAULT_SPLITS = 10
_DESCRIPTION = """\
Measure predictors under a protocol: fit them to the labels of N random
architectures, let them rank others, and compare with the truth; figures are
means over splits. Every fit is kept in the run folder and never repeated: the
same command resumes where it stopped, and A1, A3 and A4 share their fits.

protocols (label -> target; evaluated on the architectures not in training):
  A1         nb201 cifar10: validation accuracy -> test accuracy (imported)
  A2         the same on cifar100 and ImageNet16-120
  A3         A1 without duplicates of training cells
  A4         nb201, any data set: validation accuracy -> itself
  A5         nb101: one-run validation accuracy -> test accuracy
  A6         nb101: test accuracy -> itself
  G          any space: its objective -> itself, on at most 10,000 others
  C3         latency of measured whole networks (--data); 90 % of each family
             to train, 10 % to test
  C4         the same, with each family left out in turn to test on
  published  as in the literature on nb201 cifar10: LEAKY

Splits of A1 to A6 overlap between seeds: seed 0's split 1 is seed 1's split 0.
Two seeds of G share nothing. Without a table of the objective, every label and
every target of G is an evaluation; their number is printed before the first
one, and the results are kept in the run folder too.
"""
_EXAMPLES = """\
examples:
  nassurrogate evaluate --protocol A4 --labels 78,156 --splits 10
  nassurrogate evaluate --protocol A4 --dataset cifar100 --predictor all --jobs 2 --csv rows.csv --plot tau.png
  nassurrogate evaluate --protocol A1 --predictor nar-former-v2:paper,gradient-boosting --json
  nassurrogate evaluate --protocol G --space macro --labels 20,30 --predictor space-process
  nassurrogate evaluate --protocol G --space nb201 --objective latency_ms --labels 100
  nassurrogate evaluate --protocol C4 --data measured/ --on my-phone --per-family 300

regret: difference between the best architecture of the test set and the best
of the predicted top 10, in the target's unit; rank %: share of architectures
better than the latter; cover, width: share of targets in the 90 % interval, and
its mean width; MAPE %: mean relative error, for costs such as a latency.
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        commands, "evaluate", "measure how well predictors rank unseen architectures",
        description=_DESCRIPTION, examples=_EXAMPLES,
    )  # fmt: skip
    parser.add_argument("--protocol", default="A4", metavar="NAME", help="A1 to A6, C3, C4, G, published (default: A4)")
    parser.add_argument("--space", metavar="NAME", help="search space of protocol G (see `nassurrogate spaces`)")
    parser.add_argument("--dataset", help="data set (default: the protocol's first, or the space's default)")
    parser.add_argument("--labels", metavar="N[,N...]", help="number of training labels (default: the protocol's)")
    parser.add_argument(
        "--splits", type=whole_number, metavar="S",
        help="number of random splits; with `published`, of seeds for the fit (default: 10; C3 and C4: 3)",
    )  # fmt: skip
    parser.add_argument(
        "--predictor",
        metavar="NAME[:PRESET][,...]",
        help="predictors to measure; all: every one that is installed and can read the space (default: by space and "
        "metric)",
    )
    parser.add_argument(
        "--config", action="append", default=[], metavar="NAME=VALUE",
        help="a hyper-parameter of the predictor, if there is only one; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=whole_number, default=0, metavar="N", help="seed of the first split (default: 0)"
    )
    parser.add_argument("--jobs", type=whole_number, default=1, metavar="J", help="number of processes (default: 1)")
    parser.add_argument("--run-dir", metavar="DIR", help="folder of the fits (default: runs/evaluate)")
    parser.add_argument(
        "--table", metavar="NAME", help="import that takes precedence over all others, or 'embedded' to use no imports"
    )
    parser.add_argument("--objective", metavar="NAME", help="label and target of protocol G (default: the benchmark's)")
    add_direction(parser)
    parser.add_argument(
        "--test-size", type=whole_number, metavar="M",
        help="largest test set of protocol G (default: 10000, or 200 if each architecture needs an evaluation)",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...: where predictors run")
    parser.add_argument("--csv", metavar="FILE", help="write the rows as CSV")
    parser.add_argument("--plot", metavar="FILE", help="plot tau over the number of labels: .png, .svg or .pdf")
    network_evaluation.add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.benchmarks.evaluation import DEFAULT_FOLDER, evaluate
    from nassurrogate.benchmarks.evaluation.plot import plot_format
    from nassurrogate.predictors import DEFAULT_PREDICTOR

    network_evaluation.check_options(args)
    of_networks = args.protocol in network_evaluation.NETWORK_PROTOCOLS
    if args.csv is not None:
        check_writable(Path(args.csv), "the rows")
    if args.plot is not None:
        check_writable(Path(args.plot), "the plot")
        plot_format(Path(args.plot))
    if args.run_dir == "":  # an unset variable of a script must not fill the current folder
        raise InputError("--run-dir is empty; give the folder's name, or '.' for the current one")
    folder = Path(args.run_dir) if args.run_dir is not None else DEFAULT_FOLDER
    predictors = _listed(args.predictor, "--predictor") if args.predictor is not None else None
    changes = assignments(args.config, "--config")
    if changes and predictors is None:
        if args.protocol == "G" or of_networks:
            raise InputError("--config needs one predictor; name it with --predictor")
        predictors = [DEFAULT_PREDICTOR]
    if changes and predictors is not None and (len(predictors) > 1 or predictors == ["all"]):
        raise InputError(f"--config needs one predictor, got {', '.join(predictors)}")
    config = {predictors[0]: changes} if changes and predictors is not None else None
    if of_networks:
        return _run_on_networks(args, console, predictors, config, folder)
    objective = _objective(args)
    with console.progress() as progress, _resumable(progress, folder) as counts:
        found = evaluate(
            args.protocol,
            dataset=args.dataset,
            labels=_numbers(args.labels) if args.labels is not None else None,
            splits=DEFAULT_SPLITS if args.splits is None else args.splits,
            predictors=predictors,
            config=config,
            seed=args.seed,
            jobs=args.jobs,
            run_dir=folder,
            table=args.table,
            device=args.device,
            progress=counts,
            space=args.space,
            objective=objective,
            test_size=args.test_size,
            on_query=counts.on_query,
        )
    if args.csv is not None:
        found.write_csv(args.csv)
    if args.plot is not None:
        found.plot(args.plot)
    console.result(_describe(found), found.to_json())
    return 0


def _run_on_networks(
    args: argparse.Namespace,
    console: Console,
    predictors: list[str] | None,
    config: dict[str, dict[str, Any]] | None,
    folder: Path,
) -> int:
    """Protocols C3 and C4."""
    families = _listed(args.family, "--family") if args.family is not None else None
    with console.progress() as progress, _resumable(progress, folder) as counts:
        found = network_evaluation.measure(
            args, progress, counts, predictors=predictors, config=config, families=families, folder=folder
        )
    if args.csv is not None:
        found.write_csv(args.csv)
    console.result(network_evaluation.describe(found), found.to_json())
    return 0


@contextmanager
def _resumable(progress: Progress, folder: Path) -> Iterator[_FitProgress]:
    """Counts the fits; Ctrl-C then says what is finished, and how to continue."""
    counts = _FitProgress(progress)
    try:
        yield counts
    except KeyboardInterrupt:
        if not counts.done:
            queries = f"; {counts.queries} evaluations are in {folder}" if counts.queries else ""
            raise KeyboardInterrupt(f"before the first fit was finished{queries}") from None
        done = f"{counts.done} of {counts.total} fits are in {folder}; the same command continues from there"
        raise KeyboardInterrupt(done) from None


class _FitProgress:
    """Shows and counts the finished fits and evaluations."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.done = self.total = self.queries = 0

    def __call__(self, done: int, total: int, detail: str) -> None:
        self.done, self.total = done, total
        self._progress.update("fits", done, total, f"{done}/{total} {detail}", timed=False)

    def on_query(self, done: int, total: int, arch: str) -> None:
        """Called after every evaluation."""
        self.queries = done
        self._progress.update("evaluations", done, total)


def _objective(args: argparse.Namespace) -> MetricLike | None:
    from nassurrogate.metric import as_metric

    if args.direction is None:
        return args.objective  # type: ignore[no-any-return]
    if args.objective is None:
        raise InputError("--larger-is-better and --smaller-is-better need --objective")
    return as_metric(args.objective, args.direction)


def _listed(text: str, option: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise InputError(f"{option} expects one or more values, separated by commas, got {text!r}")
    return parts


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in _listed(text, "--labels")]
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"--labels expects whole numbers, separated by commas, got {text!r}") from None


def _describe(found: ProtocolResult) -> str:
    header = ["predictor", "labels", "splits", "tau", "new classes", "rho", "regret", "rank %", "cover", "width",
              "fit s", "score s"]  # fmt: skip
    rows = [_cells(row) for row in found.rows]
    if any(row.mape_pct_mean is not None for row in found.rows):
        header.insert(6, "MAPE %")
        rows = [
            [*cells[:6], _shown(row.mape_pct_mean, 2), *cells[6:]] for cells, row in zip(rows, found.rows, strict=True)
        ]
    table = aligned(header, rows, numeric=header[1:], keys=2)
    about = f"protocol {found.protocol.id} on {found.protocol.space}/{found.dataset}, seed {found.seed}: "
    about += found.protocol.summary
    if found.protocol.general:
        better = "larger" if found.metric.larger_is_better else "smaller"
        about += f"; objective {found.metric.name} ({found.metric.unit}, {better} is better)"
    lines = [about, *found.notes, "", table, "", *_explained(header, str(found.metric.unit)), ""]
    left_out = sum(row.mape_left_out or 0 for row in found.rows)
    if left_out:
        lines.append(f"MAPE leaves out {left_out} targets of 0")
    if found.queries or found.queries_read:
        lines.append(f"evaluations: {found.queries} new, {found.queries_read} from earlier runs, {found.failed} failed")
    if found.reference_tau is not None:
        lines.append(
            f"the labels themselves rank the targets with tau {found.reference_tau:.3f}; averaged over equivalent "
            f"cells, with {_shown(found.reference_tau_classes, 3)}"
        )
    lines.append(f"the fits are in {found.run_dir}")
    return "\n".join(lines)


def _explained(header: list[str], unit: str) -> list[str]:
    """The meaning of the columns, one line each."""
    in_unit = "points" if unit == "percent" else unit
    meaning = {
        "tau, rho": "Kendall's and Spearman's rank correlation of predictions and targets, outside the training set",
        "new classes": "tau over architectures that are not equivalent to a training architecture",
        "MAPE %": "mean absolute error in percent of the target",
        "regret": f"difference between the best target and the best among the predicted top 10, in {in_unit}",
        "rank %": "share of architectures better than the best of the predicted top 10",
        "cover, width": f"share of targets inside the 90 % interval, and its mean width in {in_unit}",
    }
    shown = {name: text for name, text in meaning.items() if name.split(", ")[0] in header}
    width = max(map(len, shown))
    return [f"{name:<{width}}  {text}" for name, text in shown.items()]


def _cells(row: Row) -> list[str]:
    return [
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
    ]


def _spread(mean: float | None, deviation: float | None) -> str:
    return _shown(mean, 3) if deviation is None else f"{_shown(mean, 3)} ± {deviation:.3f}"


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
