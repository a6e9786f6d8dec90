"""`nassurrogate train`: fit a surrogate on labels of the benchmark or on one's own, and save it."""

from __future__ import annotations

import argparse
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nassurrogate.commands.options import Subparsers, add_command, add_space, add_table, assignments, whole_number
from nassurrogate.commands.output_file import check_writable
from nassurrogate.console import Console
from nassurrogate.errors import InputError

if TYPE_CHECKING:
    from nassurrogate.architecture import Architecture
    from nassurrogate.benchmarks import Benchmark
    from nassurrogate.spaces import Space
    from nassurrogate.surrogate import Surrogate

_DESCRIPTION = """\
Fit a surrogate and save it as one safetensors file. The labels are either
those of N random cells of the benchmark (mean over the training seeds: N paid
queries, each for another function: twins are not paid for twice), or your own,
from a CSV file with a column `arch` (or `index`) and a column named after the
metric.
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
    parser.add_argument(
        "--predictor",
        metavar="NAME[:PRESET]",
        help="probe-former (default) or another one of `nassurrogate predictors`",
    )
    parser.add_argument(
        "--seed", type=whole_number, metavar="N", help="of the draw and of the fit (default: drawn, and printed)"
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    parser.add_argument(
        "--config", action="append", default=[], metavar="NAME=VALUE",
        help="a hyper-parameter of the predictor; repeatable",
    )  # fmt: skip
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class _Labels:
    """What is learned from: cells, their values, where they come from in words, and the simulated seconds they cost."""

    cells: list[Architecture]
    targets: list[float]
    origin: str
    cost_s: float | None = None
    benchmark: Benchmark | None = None


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.predictors import DEFAULT_PREDICTOR
    from nassurrogate.surrogate import Surrogate

    out = Path(args.out)
    check_writable(out, "the model")
    seed = args.seed if args.seed is not None else secrets.randbelow(2**31)
    surrogate = Surrogate(
        args.space,
        predictor=args.predictor if args.predictor is not None else DEFAULT_PREDICTOR,
        metric=args.metric,
        config=assignments(args.config, "--config"),
        seed=seed,
        device=args.device,
    )
    labels = _drawn(args, surrogate.space, seed) if args.csv is None else _read(args, surrogate.space)
    console.note(f"learning {args.metric} from {labels.origin}; seed {seed}")
    with console.progress() as progress:
        began = time.monotonic()
        surrogate.fit(labels.cells, labels.targets, progress=lambda done, total: progress.update("fit", done, total))
        fit_s = time.monotonic() - began
    surrogate.save(out)
    tau = _tau(surrogate, labels) if labels.benchmark is not None else None
    fields = {
        "schema_version": 1,
        "model": str(out),
        "space": args.space,
        "dataset": args.dataset if labels.benchmark is not None else None,
        "labels_from": "benchmark" if labels.benchmark is not None else args.csv,
        "metric": args.metric,
        "predictor": f"{surrogate.predictor.name}:{surrogate.predictor.preset}",
        "seed": seed,
        "n_labels": surrogate.n_labels,
        "label_stats": surrogate.label_stats,
        "labels_sha256": surrogate.labels_sha256,
        "label_cost_s": labels.cost_s,
        "fit_s": round(fit_s, 3),
        "evaluation": None if labels.benchmark is None else {"kendall_tau": tau, "cells": "all not in training"},
    }
    console.result(_describe(fields, labels), fields)
    return 0


def _describe(fields: dict[str, Any], labels: _Labels) -> str:
    stats = fields["label_stats"]
    rows = [
        ("model", fields["model"]),
        ("predictor", f"{fields['predictor']}, seed {fields['seed']}"),
        ("labels", labels.origin),
        (fields["metric"], f"{stats['min']:.4g} to {stats['max']:.4g}, mean {stats['mean']:.4g}"),
        ("fit", f"{fields['fit_s']:.1f} s"),
    ]
    if labels.cost_s is not None:
        rows.append(("simulated training", f"{labels.cost_s / 3600:.1f} h"))
    if fields["evaluation"] is not None:
        tau = fields["evaluation"]["kendall_tau"]
        told = "undefined" if tau is None else f"{tau:.3f}"
        rows.append(("evaluation", f"Kendall's tau {told} on all other cells, unseen by the fit"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _drawn(args: argparse.Namespace, space: Space, seed: int) -> _Labels:
    """N different cells that have the label, drawn uniformly: classes where it is paid for, as a search pays for them.

    What costs a training belongs to the class, and a class is paid for once, through a random member; what costs
    nothing, such as a latency, belongs to the string.
    """
    import numpy as np

    from nassurrogate.benchmarks import is_paid, load_benchmark
    from nassurrogate.search.candidates import first_of_each_class

    benchmark = load_benchmark(args.space, args.dataset, table=args.table)
    values = benchmark.column(args.metric).mean
    paid = is_paid(args.metric)
    rng = np.random.default_rng(seed)
    known = rng.permutation(np.flatnonzero(np.isfinite(values)))
    kind = "cells"
    if paid:
        known, kind = rng.permutation(first_of_each_class(space, known)), "different functions"
    place = f"{args.space}/{args.dataset}"
    if not 1 <= args.labels <= len(known):
        raise InputError(
            f"--labels must be a whole number from 1 to {len(known)} (the {kind} with {args.metric} in {place}), "
            f"got {args.labels}"
        )
    drawn = known[: args.labels].tolist()
    costs = [benchmark.query(index, args.metric).cost_train_time_s for index in drawn]
    return _Labels(
        space.parse_many(drawn),
        values[drawn].tolist(),
        f"{len(drawn)} random cells of {place}" + (f": {len(drawn)} paid queries" if paid else ""),
        float(np.sum(costs)) if paid and np.isfinite(costs).all() else None,
        benchmark,
    )


def _read(args: argparse.Namespace, space: Space) -> _Labels:
    from nassurrogate.commands.label_file import read_labels

    cells, targets = read_labels(space, Path(args.csv), args.metric)
    return _Labels(cells, targets, f"{len(cells)} rows of {args.csv}")


def _tau(surrogate: Surrogate, labels: _Labels) -> float | None:
    """Kendall's τ-b between prediction and label over all cells outside the training set; None where undefined."""
    import numpy as np

    from nassurrogate.metrics import kendall_tau

    assert labels.benchmark is not None
    truth = labels.benchmark.column(surrogate.metric).mean
    known = np.flatnonzero(np.isfinite(truth))
    others = np.setdiff1d(known, [surrogate.space.index(cell) for cell in labels.cells])
    if len(others) < 2:
        return None
    mean, _ = surrogate.predict(others.tolist())
    value = kendall_tau(mean, truth[others])
    return value if np.isfinite(value) else None
