"""`nassurrogate train`: fit a surrogate to labels of the benchmark or to your own, and save it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nassurrogate.cli.console import Console, Progress
from nassurrogate.cli.options import (
    Subparsers,
    add_command,
    add_direction,
    add_space,
    add_table,
    assignments,
    whole_number,
)
from nassurrogate.cli.output_file import check_writable
from nassurrogate.cli.table_options import (
    TABLE_FORMATS,
    add_table_options,
    known_names,
    refuse_table_options,
    table_options,
)
from nassurrogate.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from nassurrogate.architecture import Architecture
    from nassurrogate.benchmarks import Benchmark, TabularBenchmark
    from nassurrogate.metric import Metric
    from nassurrogate.spaces import Space
    from nassurrogate.surrogate import Surrogate

_MOST_FAILURES = 5
"""Failed evaluations from the start after which no further one is tried."""
_MOST_LISTED = 100_000
"""Larger spaces are not listed to draw from; their architectures are drawn one by one."""
_DRAWS_EACH = 100
"""Draws for every architecture that is wanted, after which there are no more to be found."""
_DESCRIPTION = f"""\
Fit a surrogate and save it as one safetensors file. The labels come either
from the benchmark (N random architectures, no two of them equivalent: N
queries; from a table, the mean over the training seeds) or from a table of your
own with a column named after the metric.

{TABLE_FORMATS}"""
_EXAMPLES = """\
examples:
  nassurrogate train --space nb201 --dataset cifar10 --labels 100 --seed 0 --out model.safetensors
  nassurrogate train --csv mine.csv --metric val_accuracy_pct --out mine.safetensors
  nassurrogate train --csv mine.csv --metric usefulness --larger-is-better --out mine.safetensors
  nassurrogate train --csv runs.parquet --seed-column seed --unit fraction --out mine.safetensors
  nassurrogate train --labels 156 --predictor gradient-boosting --out boosting.safetensors

With labels from the benchmark's table, Kendall's tau on all other architectures
is printed; the fit does not see them.
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
    source.add_argument("--csv", metavar="FILE", help="a table of your own labels, in any of the formats above")
    parser.add_argument(
        "--metric", help="metric to learn (default: the benchmark's objective; val_accuracy_pct with --csv)"
    )
    add_direction(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help="model file to write; an existing one is replaced")
    parser.add_argument(
        "--predictor",
        metavar="NAME[:PRESET]",
        help="one of `nassurrogate predictors` (default: by space and metric; probe-former for the accuracy of cells)",
    )
    parser.add_argument(
        "--seed", type=whole_number, metavar="N", help="seed of sample and fit (default: random, and printed)"
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    parser.add_argument(
        "--config", action="append", default=[], metavar="NAME=VALUE",
        help="a hyper-parameter of the predictor; repeatable",
    )  # fmt: skip
    add_table_options(parser)
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class _Labels:
    """The training labels.

    Args:
        archs: n architectures.
        targets: n values.
        origin: where they come from, in words.
        cost_s: the seconds of training behind them.
        failed: number of failed evaluations, and the reason of the first.
        notes: how a table was read.
        dataset: their data set, if a table names it.
    """

    archs: list[Architecture]
    targets: Sequence[float] | np.ndarray
    origin: str
    cost_s: float | None = None
    failed: tuple[int, str] = (0, "")
    notes: Sequence[str] = ()
    dataset: str | None = None


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
    if args.csv is None:
        refuse_table_options(args, "--csv FILE")
        benchmark = load_benchmark(args.space, args.dataset, table=args.table)
        metric = as_metric(_metric_of(benchmark, args.metric), args.direction)
    else:
        name, own = _read(args)
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
            labels = _drawn(args, benchmark, metric, seed)
        else:
            assert benchmark is not None
            labels = _evaluated(args, benchmark, metric, seed, progress)
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
        "labels_from": args.csv if benchmark is None else "benchmark",
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


def _describe(fields: dict[str, Any], labels: _Labels, metric: Metric, *, is_table: bool) -> str:
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
        rows.append(("evaluation", f"Kendall's tau {shown} on all other cells, unseen by the fit"))
    rows += [("note", note) for note in fields["notes"]]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _metric_of(benchmark: Benchmark, name: str | None) -> Metric:
    """What is learned: what is asked for, or the benchmark's objective."""
    if name is None:
        return benchmark.objective
    if name not in benchmark.metrics:
        raise benchmark.no_such_metric(name)
    return benchmark.metrics[name]


def _drawn(args: argparse.Namespace, benchmark: TabularBenchmark, metric: Metric, seed: int) -> _Labels:
    """N random cells with a label, drawn uniformly from those with a different function where a label needs a training.

    The result of a training belongs to the function, which is evaluated once, through a random member; what needs no
    training, such as a latency, belongs to the architecture itself.
    """
    import numpy as np

    space = benchmark.space
    values = benchmark.column(metric.name).mean
    rng = np.random.default_rng(seed)
    known = rng.permutation(np.flatnonzero(np.isfinite(values)))
    kind = "cells"
    if metric.needs_training:
        _, first = np.unique(space.class_ids()[known], return_index=True)
        known, kind = rng.permutation(known[first]), "different functions"
    place = f"{space.name}/{benchmark.dataset}"
    if not 1 <= args.labels <= len(known):
        raise InputError(
            f"--labels must be a whole number from 1 to {len(known)} (the {kind} with {metric.name} in {place}), "
            f"got {args.labels}"
        )
    drawn = known[: args.labels].tolist()
    costs = [benchmark.query(arch, metric.name).cost_train_time_s for arch in space.take(drawn)]
    return _Labels(
        space.take(drawn),
        values[drawn].tolist(),
        f"{len(drawn)} random cells of {place}" + (f": {len(drawn)} queries" if metric.needs_training else ""),
        float(np.sum(costs)) if metric.needs_training and np.isfinite(costs).all() else None,
    )


def _evaluated(
    args: argparse.Namespace, benchmark: Benchmark, metric: Metric, seed: int, progress: Progress
) -> _Labels:
    """N random architectures, of different functions where each is a query; those that fail give no label."""
    import numpy as np

    space, place = benchmark.space, f"{benchmark.space.name}/{benchmark.dataset}"
    rng = np.random.default_rng(seed)
    if not metric.needs_training and metric.name in benchmark.free_metrics():
        archs = _different(space, args.labels, rng, lambda arch: arch.string)
        values = benchmark.lookup(archs, metric.name)
        known = np.flatnonzero(np.isfinite(values)).tolist()
        failed = len(archs) - len(known), f"{place} has no {metric.name} of it"
        origin = f"{len(known)} random architectures of {place}"
        labels = _Labels([archs[i] for i in known], values[known].tolist(), origin, failed=failed)
    else:
        archs = _different(space, args.labels, rng, lambda arch: arch.key)
        done = []
        for arch in archs:
            done += benchmark.evaluate([arch], [metric.name])
            progress.update("labels", len(done), len(archs))
            if len(done) == _MOST_FAILURES and all(each.status != "ok" for each in done):
                raise InputError(f"the first {len(done)} evaluations all failed; the last failure: {done[-1].reason}")
        good = [each for each in done if each.status == "ok"]
        bad = [each.reason for each in done if each.status != "ok"]
        cost_s = float(np.sum([each.cost_s for each in done]))
        labels = _Labels(
            [each.arch for each in good],
            [each.values[metric.name] for each in good],
            f"{len(good)} random architectures of {place}: {len(archs)} queries",
            cost_s if np.isfinite(cost_s) else None,
            (len(bad), bad[0] if bad else ""),
        )
    if not labels.archs:
        first = labels.failed[1]
        raise InputError(f"none of {len(archs)} architectures of {place} has a {metric.name}; first reason: {first}")
    return labels


def _different(
    space: Space, n: int, rng: np.random.Generator, identity: Callable[[Architecture], str]
) -> list[Architecture]:
    """`n` random architectures, no two of which are the same. Raises `InputError` where so many are not found."""
    if n < 1:
        raise InputError(f"--labels must be a whole number from 1, got {n}")
    every = space.members_if_few(_MOST_LISTED)
    if every is not None:
        order = (every[place] for place in rng.permutation(len(every)))
    else:
        order = (space.sample(1, rng)[0] for _ in range(_DRAWS_EACH * n))
    found: dict[str, Architecture] = {}
    for arch in order:
        found.setdefault(identity(arch), arch)
        if len(found) == n:
            return list(found.values())
    raise InputError(f"--labels must be at most {len(found)}, the number found in space {space.name!r}, got {n}")


def _read(args: argparse.Namespace) -> tuple[str, _Labels]:
    """(name of the metric, labels) from the user's own table."""
    import numpy as np

    from nassurrogate.benchmarks import LABEL
    from nassurrogate.spaces import get_space
    from nassurrogate.tables import read_table
    from nassurrogate.tables.choice import chosen_column

    if args.table is not None:
        raise InputError("--table has no effect with --csv; leave one out")
    space = get_space(args.space)
    known = known_names(space)
    table = read_table(space, Path(args.csv), table_options(args), known=known)
    column = chosen_column(table, LABEL if args.metric is None else args.metric, args.dataset)
    targets = column.mean
    there = np.flatnonzero(np.isfinite(targets))
    if not len(there):
        raise InputError(f"{args.csv}: column {column.columns[0]!r} is empty")
    notes = list(table.notes)
    if len(there) < len(targets):
        lacking = len(targets) - len(there)
        rows = f"{lacking:,} rows have" if lacking > 1 else "1 row has"
        notes.append(f"{args.csv}: {rows} no {column.metric} and {'are' if lacking > 1 else 'is'} left out")
    if known is not None and column.dataset is None:
        notes.append(
            f"{args.csv} names no data set; a search from this model counts its labels as known on every one, unless "
            "--dataset says which they are of"
        )
    several = f", the mean of up to {len(column.seeds)} seeds" if len(column.seeds) > 1 else ""
    origin = f"{len(there):,} rows of {args.csv}{f' ({column.dataset})' if column.dataset else ''}{several}"
    archs = [table.archs[row] for row in there.tolist()]
    return column.metric, _Labels(archs, targets[there], origin, notes=notes, dataset=column.dataset)


def _tau(surrogate: Surrogate, benchmark: TabularBenchmark, labels: _Labels) -> float | None:
    """Kendall's τ-b between prediction and label over all cells outside the training set; None where undefined."""
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
