"""Ablation of Probe-Former: the predictor without each of its parts, on the same splits.

    python examples/figures/ablate_probe_former.py --jobs 28     # about twenty minutes of one core
    python examples/figures/ablate_probe_former.py --report      # only print the tables from the stored results

Protocol A4 on cifar10, from the embedded table: over all cells not in training, and over those outside the third
of the classes that hyper-parameters were chosen on. Fits run on one CPU thread; every finished split is a line of
`examples/results/ablation.jsonl`, and another run resumes where the last one stopped (see `stored_splits`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from predictor_tables import TAU, paired, tau_table
from stored_splits import Line, Task, add_options, by_row, complete, only_tables

from nassurrogate.benchmarks.experiments import markdown_table, read_lines

RESULTS = Path(__file__).parents[1] / "results" / "ablation.jsonl"
PREDICTOR = "probe-former"
PROTOCOL, DATASET = "A4", "cifar10"
LABELS = (50, 156)
FULL = "full"
VARIANTS: dict[str, dict[str, Any]] = {
    FULL: {},
    "without probes": {"probes": False},
    "process only": {"network_share": 0.0},
    "network only": {"even_labels": 0},
    "from random weights": {"pretrained": False},
    "without unlabelled cells": {"unlabelled": 0},
    "without pairwise loss": {"pairwise": False},
    "one network": {"members": 1},
}
"""Row of the table → changed hyper-parameters."""
OUTSIDE = "kendall_tau_outside_development"


def ordered_tasks(labels: Sequence[int], splits: int) -> Iterator[Task]:
    """All tasks, few labels first."""
    for size in sorted(labels):
        for name, config in VARIANTS.items():
            for split in range(splits):
                yield Task(DATASET, name, size, split, (PROTOCOL,), PREDICTOR, config)


def report(lines: Sequence[Line]) -> str:
    """τ of all variants on both sets of cells, and how much each differs from the full predictor."""
    rows = by_row(lines)
    if not rows:
        return "nothing is stored yet"
    names = [name for name in VARIANTS if any(name == key[2] for key in rows)]
    parts = []
    for title, field in (("All cells", TAU), ("Cells outside the development third", OUTSIDE)):
        parts += [
            f"### {title}",
            tau_table(rows, PROTOCOL, DATASET, field=field, names=names, bold=False),
            f"The same, less `{FULL}` on the same split: mean ± standard deviation, and how often it is ahead.",
            _losses(lines, names, field),
        ]
    return "\n\n".join(parts)


def _losses(lines: Sequence[Line], names: Sequence[str], field: str) -> str:
    rows = by_row(lines)
    sizes = sorted({size for *_, size in rows})
    body = []
    for name in names:
        if name != FULL:
            pairs = [[rows.get((DATASET, PROTOCOL, each, size), {}) for each in (name, FULL)] for size in sizes]
            body.append([name, *(paired(ours, full, field) for ours, full in pairs)])
    return markdown_table(["", *map(str, sizes)], body)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, RESULTS, LABELS)
    chosen = parser.parse_args(arguments)
    failed = 0
    if not chosen.report:
        with only_tables():
            failed = complete(ordered_tasks(chosen.labels, chosen.splits), chosen)
    print(report(read_lines(chosen.results)))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
