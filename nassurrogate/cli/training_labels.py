"""The labels that `nassurrogate train` learns from: evaluated by a benchmark, or read from the user's table."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nassurrogate.cli.console import Progress
from nassurrogate.cli.table_options import known_names, table_options
from nassurrogate.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from nassurrogate.architecture import Architecture
    from nassurrogate.benchmarks import Benchmark, TabularBenchmark
    from nassurrogate.metric import Metric
    from nassurrogate.spaces import Space

_MOST_FAILURES = 5
"""If this many evaluations fail from the start, no more are tried."""
_MOST_LISTED = 100_000
"""Larger spaces are not listed; their architectures are sampled one by one."""
_DRAWS_EACH = 100
"""Samples per requested architecture, after which no more different ones are expected."""


@dataclass(frozen=True)
class Labels:
    """Training labels.

    Args:
        archs: n architectures.
        targets: n values.
        origin: where they come from, for messages.
        cost_s: seconds of training behind them.
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


def metric_to_learn(benchmark: Benchmark, name: str | None) -> Metric:
    """The metric of that name, or the benchmark's objective. Raises `InputError` if the benchmark lacks it."""
    if name is None:
        return benchmark.objective
    if name not in benchmark.metrics:
        raise benchmark.no_such_metric(name)
    return benchmark.metrics[name]


def labels_of_table(args: argparse.Namespace, benchmark: TabularBenchmark, metric: Metric, seed: int) -> Labels:
    """N random architectures with a label, of different functions if the metric needs training.

    The result of training belongs to the function, so it is evaluated once, for a random member of its class. A metric
    that needs no training, such as a latency, belongs to the architecture itself.
    """
    import numpy as np

    space = benchmark.space
    values = benchmark.column(metric.name).mean
    rng = np.random.default_rng(seed)
    known = rng.permutation(np.flatnonzero(np.isfinite(values)))
    kind = "architectures"
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
    return Labels(
        space.take(drawn),
        values[drawn].tolist(),
        f"{len(drawn)} random architectures of {place}" + (f": {len(drawn)} queries" if metric.needs_training else ""),
        float(np.sum(costs)) if metric.needs_training and np.isfinite(costs).all() else None,
    )


def labels_by_evaluation(
    args: argparse.Namespace, benchmark: Benchmark, metric: Metric, seed: int, progress: Progress
) -> Labels:
    """N random architectures, of different functions if each costs a query; failed evaluations give no label."""
    import numpy as np

    space, place = benchmark.space, f"{benchmark.space.name}/{benchmark.dataset}"
    rng = np.random.default_rng(seed)
    if not metric.needs_training and metric.name in benchmark.free_metrics():
        archs = _sample_distinct(space, args.labels, rng, lambda arch: arch.string)
        values = benchmark.lookup(archs, metric.name)
        known = np.flatnonzero(np.isfinite(values)).tolist()
        failed = len(archs) - len(known), f"{place} has no {metric.name} for it"
        origin = f"{len(known)} random architectures of {place}"
        labels = Labels([archs[i] for i in known], values[known].tolist(), origin, failed=failed)
    else:
        archs = _sample_distinct(space, args.labels, rng, lambda arch: arch.key)
        done = []
        for arch in archs:
            done += benchmark.evaluate([arch], [metric.name])
            progress.update("labels", len(done), len(archs))
            if len(done) == _MOST_FAILURES and all(each.status != "ok" for each in done):
                raise InputError(f"the first {len(done)} evaluations all failed; the last failure: {done[-1].reason}")
        good = [each for each in done if each.status == "ok"]
        bad = [each.reason for each in done if each.status != "ok"]
        cost_s = float(np.sum([each.cost_s for each in done]))
        labels = Labels(
            [each.arch for each in good],
            [each.values[metric.name] for each in good],
            f"{len(good)} random architectures of {place}: {len(archs)} queries",
            cost_s if np.isfinite(cost_s) else None,
            (len(bad), bad[0] if bad else ""),
        )
    if not labels.archs:
        first = labels.failed[1]
        raise InputError(
            f"none of the {len(archs)} architectures of {place} has a {metric.name}; first reason: {first}"
        )
    return labels


def _sample_distinct(
    space: Space, n: int, rng: np.random.Generator, identity: Callable[[Architecture], str]
) -> list[Architecture]:
    """`n` random architectures with different identities. Raises `InputError` if the space has fewer."""
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


def labels_of_file(args: argparse.Namespace) -> tuple[str, Labels]:
    """The metric's name and the labels from the user's own table."""
    import numpy as np

    from nassurrogate.benchmarks import LABEL
    from nassurrogate.spaces import get_space
    from nassurrogate.tables import read_table
    from nassurrogate.tables.chosen_column import chosen_column

    if args.table is not None:
        raise InputError("--table has no effect with --file; leave one out")
    space = get_space(args.space)
    known = known_names(space)
    table = read_table(space, Path(args.file), table_options(args), known=known)
    column = chosen_column(table, LABEL if args.metric is None else args.metric, args.dataset)
    targets = column.mean
    there = np.flatnonzero(np.isfinite(targets))
    if not len(there):
        raise InputError(f"{args.file}: column {column.columns[0]!r} is empty")
    notes = list(table.notes)
    if len(there) < len(targets):
        lacking = len(targets) - len(there)
        rows = f"{lacking:,} rows have" if lacking > 1 else "1 row has"
        notes.append(f"{args.file}: {rows} no {column.metric} and {'are' if lacking > 1 else 'is'} left out")
    if known is not None and column.dataset is None:
        notes.append(
            f"{args.file} names no data set; a search from this model treats its labels as known on every data set "
            "unless --dataset names theirs"
        )
    several = f", the mean of up to {len(column.seeds)} seeds" if len(column.seeds) > 1 else ""
    origin = f"{len(there):,} rows of {args.file}{f' ({column.dataset})' if column.dataset else ''}{several}"
    archs = [table.archs[row] for row in there.tolist()]
    return column.metric, Labels(archs, targets[there], origin, notes=notes, dataset=column.dataset)
