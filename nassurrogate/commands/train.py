"""`nassurrogate train`: fit a surrogate on labels of the benchmark or on one's own, and save it."""

from __future__ import annotations

import argparse
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nassurrogate.commands.options import Subparsers, add_command, add_space, add_table, assignments, whole_number
from nassurrogate.console import Console
from nassurrogate.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from nassurrogate.benchmarks import Benchmark
    from nassurrogate.surrogate import Surrogate

_DESCRIPTION = """\
Fit a surrogate and save it as one safetensors file. The labels are either
those of N random cells of the benchmark (mean over the training seeds: N paid
queries), or your own, from a CSV file with a column `arch` (or `index`) and a
column named after the metric.
"""
_EXAMPLES = """\
examples:
  nassurrogate train --space nb201 --dataset cifar10 --labels 100 --seed 0 --out model.safetensors
  nassurrogate train --csv mine.csv --metric val_accuracy_pct --out mine.safetensors
  nassurrogate train --labels 156 --predictor gradient-boosting --out boosting.safetensors

With labels of the benchmark, Kendall's tau on all other cells is printed: an
evaluation against the table after the fit, which the fit does not see.
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(commands, "train", "fit a surrogate and save it", description=_DESCRIPTION, examples=_EXAMPLES)
    add_space(parser)
    add_table(parser)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--labels", type=whole_number, metavar="N", help="random cells of the benchmark to pay for")
    source.add_argument("--csv", metavar="FILE", help="your own labels")
    parser.add_argument("--metric", default="val_accuracy_pct", help="what is learned (default: val_accuracy_pct)")
    parser.add_argument("--out", required=True, metavar="FILE", help="the model file to write; an old one is replaced")
    parser.add_argument("--predictor", metavar="NAME[:PRESET]", help="nar-former-v2 (default), gradient-boosting, …")
    parser.add_argument(
        "--seed", type=whole_number, metavar="N", help="of the draw and of the fit (default: drawn, and printed)"
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, …")
    parser.add_argument(
        "--config", action="append", default=[], metavar="NAME=VALUE",
        help="a hyper-parameter of the predictor; repeatable",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.commands.label_file import read_labels
    from nassurrogate.predictors import DEFAULT_PREDICTOR
    from nassurrogate.surrogate import Surrogate

    out = Path(args.out)
    if out.is_dir():
        raise InputError(f"cannot write the model to {out}: it is a folder; give the name of a file in it")
    seed = args.seed if args.seed is not None else secrets.randbelow(2**31)
    surrogate = Surrogate(
        args.space,
        predictor=args.predictor if args.predictor is not None else DEFAULT_PREDICTOR,
        metric=args.metric,
        config=assignments(args.config, "--config"),
        seed=seed,
        device=args.device,
    )
    cost_s = tau = None
    benchmark: Benchmark | None = None
    if args.csv is None:
        benchmark, cells, targets, cost_s = _draw(args, seed)
        origin = f"{len(cells)} random cells of {args.space}/{args.dataset}: {len(cells)} paid queries"
    else:
        cells, targets = read_labels(surrogate.space, Path(args.csv), args.metric)
        origin = f"{len(cells)} rows of {args.csv}"
    console.note(f"{args.metric} of {origin}; seed {seed}")
    with console.progress() as progress:
        began = time.monotonic()
        surrogate.fit(cells, targets, progress=lambda done, total: progress.update("fit", done, total))
        fit_s = time.monotonic() - began
    surrogate.save(out)
    if benchmark is not None:
        tau = _tau(surrogate, benchmark, cells)
    stats = surrogate.label_stats
    rows = [
        ("model", str(out)),
        ("predictor", f"{surrogate.predictor.name}:{surrogate.predictor.preset}, seed {seed}"),
        ("labels", f"{args.metric} of {origin}"),
        ("their values", f"{stats['min']:.4g} to {stats['max']:.4g}, mean {stats['mean']:.4g}"),
        ("fit", f"{fit_s:.1f} s"),
    ]
    if cost_s is not None:
        rows.append(("simulated training", f"{cost_s / 3600:.1f} h"))
    if tau is not None:
        rows.append(("evaluation", f"Kendall's tau {tau:.3f} on all other cells (not used by the fit)"))
    width = max(len(name) for name, _ in rows)
    fields = {
        "schema_version": 1,
        "model": str(out),
        "space": args.space,
        "dataset": args.dataset if benchmark is not None else None,
        "labels_from": "benchmark" if benchmark is not None else str(args.csv),
        "metric": args.metric,
        "predictor": f"{surrogate.predictor.name}:{surrogate.predictor.preset}",
        "seed": seed,
        "n_labels": surrogate.n_labels,
        "label_stats": stats,
        "labels_sha256": surrogate.labels_sha256,
        "label_cost_s": cost_s,
        "fit_s": round(fit_s, 3),
        "evaluation": None if benchmark is None else {"kendall_tau": tau, "cells": "all not in training"},
    }
    console.result("\n".join(f"{name:<{width}}  {text}" for name, text in rows), fields)
    return 0


def _draw(args: argparse.Namespace, seed: int) -> tuple[Benchmark, list[int], np.ndarray, float | None]:
    """N different cells, uniform over those that have the label, with their labels and what training them costs."""
    import numpy as np

    from nassurrogate.benchmarks import is_paid, load_benchmark

    benchmark = load_benchmark(args.space, args.dataset, table=args.table)
    labels = benchmark.column(args.metric).mean
    known = np.flatnonzero(np.isfinite(labels))
    if not 1 <= args.labels <= len(known):
        raise InputError(
            f"--labels must be from 1 to {len(known)}, the cells with {args.metric} in {args.space}/{args.dataset}, "
            f"got {args.labels}"
        )
    drawn: list[int] = np.random.default_rng(seed).choice(known, size=args.labels, replace=False).tolist()
    costs = [benchmark.query(index, args.metric).cost_train_time_s for index in drawn]
    total = float(np.sum(costs)) if is_paid(args.metric) and np.isfinite(costs).all() else None
    return benchmark, drawn, labels[drawn], total


def _tau(surrogate: Surrogate, benchmark: Benchmark, cells: list[int]) -> float | None:
    """Kendall's τ-b between prediction and label over all cells outside the training set; None where undefined."""
    import numpy as np
    from scipy.stats import kendalltau

    truth = benchmark.column(surrogate.metric).mean
    others = np.setdiff1d(np.flatnonzero(np.isfinite(truth)), cells)
    if len(others) < 2:
        return None
    mean, _ = surrogate.predict(others.tolist())
    value: Any = kendalltau(mean, truth[others]).statistic
    return float(value) if np.isfinite(value) else None
