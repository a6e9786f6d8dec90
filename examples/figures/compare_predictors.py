"""Measure all predictors at all numbers of labels on all data sets of NAS-Bench-201, and print the tables.

    python examples/figures/compare_predictors.py --test-accuracy test_accuracy.csv --jobs 28     # hours of one core
    python examples/figures/compare_predictors.py --report --plot tau.png     # from the stored results

The embedded table has the labels. Protocols A1 to A3 compare with test accuracy, which it lacks: give a CSV with the
columns index, cifar10_test_accuracy_pct, cifar100_test_accuracy_pct; without it, only A4 is measured. Every fit is made
once, for all protocols of its data set, on one CPU thread. What matters most comes first, and every finished split is a
line of `examples/results/predictors.jsonl`: another run resumes where the last one stopped (see `stored_splits`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from predictor_tables import DATASETS, draw, report
from stored_splits import Task, add_options, complete, only_tables

from nassurrogate.benchmarks.experiments import read_lines

RESULTS = Path(__file__).parents[1] / "results" / "predictors.jsonl"
LABELS = (50, 78, 156, 469, 781, 1563)
LEAD = "probe-former"
"""The predictor whose rows come first."""


def ordered_tasks(
    datasets: Sequence[str],
    predictors: Sequence[str],
    labels: Sequence[int],
    splits: int,
    protocols: dict[str, tuple[str, ...]],
) -> Iterator[Task]:
    """Data set by data set; in each the lead's fits, then all others' by number of labels."""
    lead = [name for name in predictors if name.partition(":")[0] == LEAD]
    peers = [name for name in predictors if name not in lead]
    for dataset in datasets:
        for group in (lead, peers):
            for size in sorted(labels):
                for name in group:
                    for split in range(splits):
                        yield Task(dataset, name, size, split, protocols[dataset], name)


def protocols_of(dataset: str) -> tuple[str, ...]:
    """The protocols of the data set whose columns are available."""
    from nassurrogate.benchmarks import load_benchmark
    from nassurrogate.benchmarks.evaluation.protocols import PROTOCOLS

    columns = load_benchmark("nb201", dataset).columns
    return tuple(
        protocol.id
        for protocol in PROTOCOLS.values()
        if protocol.space == "nb201" and not protocol.leaky
        if not protocol.datasets or dataset in protocol.datasets
        if protocol.target in columns
    )


def measure_all(chosen: argparse.Namespace) -> int:
    """Measure what is requested and not stored. Returns the number of failed fits."""
    from nassurrogate.predictors import predictor_names, resolve_predictor

    predictors = chosen.predictor or predictor_names()
    for name in predictors:
        resolve_predictor(name)  # a wrong name is refused now, not at every fit
    with only_tables(*[chosen.test_accuracy] if chosen.test_accuracy else []):
        protocols = {dataset: protocols_of(dataset) for dataset in chosen.dataset}
        return complete(ordered_tasks(chosen.dataset, predictors, chosen.labels, chosen.splits, protocols), chosen)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test-accuracy", type=Path, metavar="FILE", help="CSV with test accuracies")
    parser.add_argument("--predictor", type=_listed, metavar="NAME[,...]", help="instead of all that are registered")
    parser.add_argument("--dataset", type=_listed, default=DATASETS, metavar="NAME[,...]", help="instead of all three")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="measure nothing, draw what is stored")
    add_options(parser, RESULTS, LABELS)
    chosen = parser.parse_args(arguments)
    failed = 0
    if not (chosen.report or chosen.plot):
        failed = measure_all(chosen)
    lines = read_lines(chosen.results)
    if chosen.plot:
        draw(lines, chosen.plot, LEAD)
    if chosen.report or not chosen.plot:
        print(report(lines, LEAD))
    return 1 if failed else 0


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


if __name__ == "__main__":
    raise SystemExit(main())
