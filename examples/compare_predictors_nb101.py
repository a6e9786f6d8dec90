"""Measure predictors on NAS-Bench-101 as the literature does, and print its figures beside them.

    python examples/compare_predictors_nb101.py --table nb101.npz --jobs 14     # two hours of one core
    python examples/compare_predictors_nb101.py --report                        # from the stored results

The table is any file that `nassurrogate data import nb101` takes. Protocol A5 learns the validation accuracy of one
training run and ranks all other cells by their mean test accuracy, A6 learns and ranks the mean test accuracy. Every
finished split is a line of `examples/results/predictors_nb101.jsonl` (see `stored_splits`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from predictor_tables import COVERAGE, about, markdown, tau_table
from stored_splits import Line, Task, add_options, by_row, complete, only_tables, read_lines

RESULTS = Path(__file__).parent / "results" / "predictors_nb101.jsonl"
PROTOCOLS = ("A5", "A6")
DATASET = "cifar10"


def tasks(protocols: Sequence[str], predictors: Sequence[str], labels: Sequence[int], splits: int) -> list[Task]:
    """Protocol by protocol, the fits of the fewest labels first."""
    return [
        Task(DATASET, name, size, split, (protocol,), name)
        for protocol in protocols
        for size in sorted(labels)
        for name in predictors
        for split in range(splits)
    ]


def report(lines: Sequence[Line]) -> str:
    """A table of τ for each protocol with the published figures below ours, and the coverage where it is defined."""
    rows = by_row(lines)
    parts = []
    for protocol in PROTOCOLS:
        if any(key[1] == protocol for key in rows):
            parts += [f"### {protocol}\n\n{about(rows, protocol, DATASET)}", tau_table(rows, protocol, DATASET)]
            if published := published_table(protocol, sorted({key[3] for key in rows if key[1] == protocol})):
                parts.append(published)
    if any(key[1] == "A6" for key in rows):
        told = tau_table(rows, "A6", DATASET, field=COVERAGE, bold=False)
        parts.append(f"### Share of the targets in the 90 % interval, A6\n\n{told}")
    return "\n\n".join(parts) if parts else "nothing is stored yet"


def published_table(protocol: str, sizes: Sequence[int]) -> str:
    """What the literature reports, by method; [r] is recalled, not verified."""
    from nassurrogate.benchmarks.evaluation import published_rows

    found: dict[str, dict[int, str]] = {}
    for row in published_rows(protocol):
        found.setdefault(row.method, {})[row.labels] = f"{row.kendall_tau:.3f}{' [r]' if row.recalled else ''}"
    body = [[method, *(figures.get(size, "-") for size in sizes)] for method, figures in found.items()]
    return markdown(["published", *map(str, sizes)], body) if body else ""


def main(arguments: Sequence[str] | None = None) -> int:
    from nassurrogate.benchmarks.protocols import NB101_LABELS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, metavar="FILE", help="NAS-Bench-101: .npz or .tfrecord")
    parser.add_argument("--protocol", default=",".join(PROTOCOLS), metavar="NAME[,...]", help="default: A5,A6")
    parser.add_argument("--predictor", default="probe-former", metavar="NAME[,...]", help="default: probe-former")
    add_options(parser, RESULTS, NB101_LABELS)
    chosen = parser.parse_args(arguments)
    failed = 0
    if not chosen.report:
        if chosen.table is None:
            parser.error("--table says where NAS-Bench-101 is")
        with only_tables(chosen.table, space="nb101"):
            wanted = tasks(chosen.protocol.split(","), chosen.predictor.split(","), chosen.labels, chosen.splits)
            failed = complete(wanted, chosen)
    print(report(read_lines(chosen.results)))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
