"""`nassurrogate train`: fit a surrogate to labels of the benchmark or to your own, and save it."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nassurrogate.cli.console import Console
from nassurrogate.cli.options import (
    Subparsers,
    add_command,
    add_direction,
    add_old_name,
    add_space,
    add_table,
    assignments,
    whole_number,
)
from nassurrogate.cli.output_file import check_writable
from nassurrogate.cli.table_options import TABLE_FORMATS, add_table_options, refuse_table_options
from nassurrogate.cli.training_labels import (
    Labels,
    labels_by_evaluation,
    labels_of_file,
    labels_of_table,
    metric_to_learn,
)

if TYPE_CHECKING:
    from nassurrogate.benchmarks import TabularBenchmark
    from nassurrogate.metric import Metric
    from nassurrogate.surrogate import Surrogate

_DESCRIPTION = f"""\
Fit a surrogate and save it as one safetensors file. The labels come either
from the benchmark (--labels N: N random architectures, no two of them
equivalent, which cost N queries; a table gives means over training seeds) or
from a table of your own with a column named after the metric (--file).

{TABLE_FORMATS}"""
_EXAMPLES = """\
examples:
  nassurrogate train --space nb201 --dataset cifar10 --labels 100 --seed 0 --out model.safetensors
  nassurrogate train --file mine.csv --metric val_accuracy_pct --out mine.safetensors
  nassurrogate train --file mine.csv --metric usefulness --larger-is-better --out mine.safetensors
  nassurrogate train --file runs.parquet --seed-column seed --unit fraction --out mine.safetensors
  nassurrogate train --labels 156 --predictor gradient-boosting --out boosting.safetensors

With labels from the benchmark's table, the command also prints Kendall's tau on
all other architectures, which the fit does not see.
"""


def add_to(commands: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(commands, "train", "fit a surrogate and save it", description=_DESCRIPTION, examples=_EXAMPLES)
    add_space(parser)
    add_table(parser)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--labels", type=whole_number, metavar="N", help="number of random architectures of the benchmark to evaluate"
    )
    source.add_argument("--file", metavar="FILE", help="a table of your own labels, in any of the formats above")
    add_old_name(source, "--csv", "--file")
    parser.add_argument(
        "--metric", help="metric to learn (default: the benchmark's objective; val_accuracy_pct with --file)"
    )
    add_direction(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help="model file to write; an existing one is replaced")
    parser.add_argument(
        "--predictor",
        metavar="NAME[:PRESET]",
        help="one of `nassurrogate predictors` (default: by space and metric; probe-former for the accuracy of cells)",
    )
    parser.add_argument(
        "--seed", type=whole_number, metavar="N", help="random seed (default: chosen at random and printed)"
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    parser.add_argument(
        "--config", action="append", default=[], metavar="NAME=VALUE",
        help="a hyper-parameter of the predictor; repeatable",
    )  # fmt: skip
    add_table_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the command."""
    from nassurrogate.benchmarks import TabularBenchmark, load_benchmark
    from nassurrogate.metric import as_metric
    from nassurrogate.seed import given_or_drawn_seed
    from nassurrogate.surrogate import Surrogate

    out = Path(args.out)
    check_writable(out, "the model")
    seed = given_or_drawn_seed(args.seed)
    benchmark, own = None, None
    if args.file is None:
        refuse_table_options(args, "--file FILE")
        benchmark = load_benchmark(args.space, args.dataset, table=args.table)
        metric = as_metric(metric_to_learn(benchmark, args.metric), args.direction)
    else:
        name, own = labels_of_file(args)
        metric = as_metric(name, args.direction)
    surrogate = Surrogate(
        args.space if benchmark is None else benchmark.space,
        predictor=args.predictor,
        metric=metric,
        config=assignments(args.config, "--config"),
        seed=seed,
        device=args.device,
    )
    with console.progress() as progress:
        if own is not None:
            labels = own
        elif isinstance(benchmark, TabularBenchmark):
            labels = labels_of_table(args, benchmark, metric, seed)
        else:
            assert benchmark is not None
            labels = labels_by_evaluation(args, benchmark, metric, seed, progress)
        if labels.failed[0]:
            console.note(
                f"warning: {labels.failed[0]} evaluations failed and gave no label; the first: {labels.failed[1]}"
            )
        for note in labels.notes:
            console.note(note)
        console.note(f"learning {metric.name} ({metric.better}) from {labels.origin}; seed {seed}")
        began = time.monotonic()
        surrogate.fit(
            labels.archs,
            labels.targets,
            dataset=labels.dataset if benchmark is None else benchmark.dataset,
            progress=lambda done, total: progress.update("fit", done, total),
        )
        fit_s = time.monotonic() - began
    surrogate.save(out)
    table = benchmark if isinstance(benchmark, TabularBenchmark) else None
    fields = {
        "schema_version": 1,
        "model": str(out),
        "space": args.space,
        "dataset": surrogate.dataset,
        "labels_from": args.file if benchmark is None else "benchmark",
        "metric": metric.name,
        "unit": metric.unit,
        "direction": metric.direction,
        "predictor": f"{surrogate.predictor.name}:{surrogate.predictor.preset}",
        "seed": seed,
        "n_labels": surrogate.n_labels,
        "n_failed": labels.failed[0],
        "label_stats": surrogate.label_stats,
        "labels_sha256": surrogate.labels_sha256,
        "label_cost_s": labels.cost_s,
        "fit_s": round(fit_s, 3),
        "notes": [metric.note] if metric.note else [],
        "evaluation": None
        if table is None
        else {"kendall_tau": _tau(surrogate, table, labels), "cells": "all not in training"},
    }
    console.result(_describe(fields, labels, metric, is_table=table is not None), fields)
    return 0


def _describe(fields: dict[str, Any], labels: Labels, metric: Metric, *, is_table: bool) -> str:
    stats = fields["label_stats"]
    rows = [
        ("model", fields["model"]),
        ("predictor", f"{fields['predictor']}, seed {fields['seed']}"),
        ("labels", labels.origin),
        (metric.name, f"{stats['min']:.4g} to {stats['max']:.4g}, mean {stats['mean']:.4g}; {metric.better}"),
        ("fit", f"{fields['fit_s']:.1f} s"),
    ]
    if labels.cost_s is not None:
        took = f"{labels.cost_s / 3600:.1f} h" if is_table or labels.cost_s >= 360 else f"{labels.cost_s:.1f} s"
        rows.append(("simulated training" if is_table else "training", took))
    if fields["evaluation"] is not None:
        tau = fields["evaluation"]["kendall_tau"]
        shown = "undefined" if tau is None else f"{tau:.3f}"
        rows.append(("evaluation", f"Kendall's tau {shown} on all other architectures, unseen by the fit"))
    rows += [("note", note) for note in fields["notes"]]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _tau(surrogate: Surrogate, benchmark: TabularBenchmark, labels: Labels) -> float | None:
    """Kendall's τ-b between predictions and labels of all architectures not in training; None if undefined."""
    import numpy as np

    from nassurrogate.prediction_quality import kendall_tau

    truth = benchmark.column(surrogate.metric).mean
    known = np.flatnonzero(np.isfinite(truth))
    others = np.setdiff1d(known, benchmark.space.indices(labels.archs))
    if len(others) < 2:
        return None
    mean, _ = surrogate.predict(benchmark.space.take(others))
    value = kendall_tau(mean, truth[others])
    return value if np.isfinite(value) else None
