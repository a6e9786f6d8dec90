"""`nassurrogate evaluate` with protocol C3 or C4: how well predictors estimate latencies of whole networks."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nassurrogate.cli.console import Progress, aligned
from nassurrogate.cli.options import whole_number
from nassurrogate.errors import InputError

if TYPE_CHECKING:
    from nassurrogate.benchmarks.evaluation.networks import NetworkResult, PredictorResult, Summary

NETWORK_PROTOCOLS = ("C3", "C4")
DEFAULT_SPLITS = 3
_OWN = ("data", "on", "per_family", "family", "own_split", "adapt_to")
_OTHERS = ("space", "dataset", "labels", "table", "objective", "direction", "test_size", "plot")
_OPTIONS = {"direction": "--larger-is-better and --smaller-is-better"}
"""How an option is written, if not as its name."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of C3 and C4."""
    group = parser.add_argument_group("protocols C3 and C4")
    group.add_argument(
        "--data", metavar="DIR",
        help="measured networks: a CSV with ONNX files or node lists, or a part of NNLQP",
    )  # fmt: skip
    group.add_argument("--on", metavar="DEVICE", help="measured device (default: the only one of the data)")
    group.add_argument(
        "--per-family", type=whole_number, metavar="N", help="most training networks of a family (default: all)"
    )
    group.add_argument("--family", metavar="NAME[,...]", help="families to test on (default: all)")
    group.add_argument(
        "--adapt-to", type=whole_number, metavar="N",
        help="C4: adapt to N networks of the family left out, and test on its others",
    )  # fmt: skip
    group.add_argument("--own-split", action="store_true", help="C3: use the data set's own split")


def check_options(args: argparse.Namespace) -> None:
    """Raise `InputError` for options that do not apply to the protocol."""
    of_networks = args.protocol in NETWORK_PROTOCOLS
    for name in _OTHERS if of_networks else _OWN:
        if getattr(args, name) not in (None, False):
            option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
            where = "do not apply" if " and " in option else "does not apply"
            others = "the other protocols" if of_networks else "C3 and C4"
            raise InputError(f"{option} {where} to protocol {args.protocol}, only to {others}")
    if of_networks and not args.data:
        raise InputError(f"protocol {args.protocol} needs --data DIR, a folder of measured networks")


def measure(
    args: argparse.Namespace,
    progress: Progress,
    on_fit: Callable[[int, int, str], None],
    *,
    predictors: list[str] | None,
    config: Mapping[str, Mapping[str, Any]] | None,
    families: list[str] | None,
    folder: Path,
) -> NetworkResult:
    """Read the networks and measure the predictors.

    Args:
        args: of `evaluate`, checked.
        progress: where it is shown.
        on_fit: called after every fit.
        predictors, config, families, folder: the parsed options.
    """
    from nassurrogate.benchmarks.evaluation.networks import check_request, evaluate_networks, read_data

    def on_read(done: int, total: int) -> None:
        progress.update("networks read", done, total)

    options: dict[str, Any] = {
        "splits": DEFAULT_SPLITS if args.splits is None else args.splits,
        "predictors": predictors,
        "config": config,
        "seed": args.seed,
        "per_family": args.per_family,
        "own_split": args.own_split,
        "adapt_to": args.adapt_to or 0,
        "jobs": args.jobs,
        "device": args.device,
    }
    check_request(args.protocol, **options)
    data = read_data(args.data, args.on, jobs=args.jobs, progress=on_read)
    return evaluate_networks(args.protocol, data, **options, families=families, run_dir=folder, progress=on_fit)


def describe(found: NetworkResult) -> str:
    """The result as text: a table per predictor."""
    limits = f", at most {found.per_family} training networks per family" if found.per_family else ""
    about = f"protocol {found.protocol} on {found.device} ({found.networks} networks{limits}), seed {found.seed}: "
    lines = [about + found.summary, *found.notes]
    for predictor in found.predictors:
        lines += ["", *_table(predictor)]
    lines += ["", *_EXPLAINED]
    if found.published:
        lines += ["", "published on NNLQP, recalled and not verified, MAPE % / Acc(10 %) %:"]
        for row in found.published:
            share = "" if row.within_10_pct is None else f" / {row.within_10_pct:.2f}"
            where = "" if found.protocol == "C3" else f", {row.family or 'mean over families'}"
            lines.append(f"  {row.method}{where}: {row.mape_pct:.2f}{share}")
    if found.run_dir is not None:
        lines += ["", f"the fits are in {found.run_dir}"]
    return "\n".join(lines)


_HEADER = ["family", "train", "test", "MAPE %", "Acc(10 %) %", "rho", "bias %", "cover"]
_EXPLAINED = [
    "MAPE %       mean relative error in percent of the latency",
    "Acc(10 %) %  share of predictions within 10 % of the latency",
    "rho          Spearman's rank correlation of predictions and latencies",
    "bias %       mean signed relative error; above 0, latencies are overestimated",
    "cover        share of latencies in the 90 % interval",
]
_DIGITS = {"mape_pct": 2, "within_10_pct": 1, "spearman": 3, "bias_pct": 1, "coverage90": 3}


def _table(predictor: PredictorResult) -> list[str]:
    rows = [_cells(family, summary) for family, summary in predictor.families.items()]
    rows += [_cells("mean", predictor.mean), _cells("median", predictor.median)]
    splits = "1 split" if predictor.mean.splits == 1 else f"{predictor.mean.splits} splits"
    worst = predictor.families[predictor.worst]
    return [
        f"{predictor.predictor} ({predictor.preset}), {splits}, {predictor.fit_s_median:.1f} s per fit",
        aligned(_HEADER, rows, numeric=_HEADER[1:], keys=1),
        f"worst family: {predictor.worst}, MAPE {_shown(worst.mean['mape_pct'], None, 2)} %",
    ]


def _cells(name: str, summary: Summary) -> list[str]:
    numbers = [_shown(summary.mean[metric], summary.std[metric], digits) for metric, digits in _DIGITS.items()]
    return [name, f"{summary.train:.0f}", f"{summary.test:.0f}", *numbers]


def _shown(mean: float | None, deviation: float | None, digits: int) -> str:
    if mean is None:
        return "-"
    return f"{mean:.{digits}f}" if deviation is None else f"{mean:.{digits}f} ± {deviation:.{digits}f}"
