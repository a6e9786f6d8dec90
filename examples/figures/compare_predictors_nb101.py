"""Measure predictors on NAS-Bench-101 as the literature does, and print the published figures beside them.

    python examples/figures/compare_predictors_nb101.py --table nb101.npz --jobs 14     # two hours of one core
    python examples/figures/compare_predictors_nb101.py --report                        # from the stored results

The table is any file that `nassurrogate data import nb101` takes. Protocol A5 learns the validation accuracy of one
training run and ranks all other cells by their mean test accuracy, A6 learns and ranks the mean test accuracy. Every
finished split is a line of `examples/results/predictors_nb101.jsonl` (see `stored_splits`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from predictor_tables import COVERAGE, TAU, Rows, about, tau_table
from stored_splits import Line, Task, add_options, by_row, complete, only_tables

from nassurrogate.benchmarks.experiments import read_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS = Path(__file__).parents[1] / "results" / "predictors_nb101.jsonl"
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
    """A table of τ for each protocol, published figures below ours, and the coverage where it is defined."""
    rows = by_row(lines)
    parts = [
        f"### {protocol}\n\n{about(rows, protocol, DATASET)}\n\n{table(rows, protocol)}" for protocol in shown(rows)
    ]
    if "A6" in shown(rows):
        covered = tau_table(rows, "A6", DATASET, field=COVERAGE, bold=False)
        parts.append(f"### Share of the targets in the 90 % interval, A6\n\n{covered}")
    return "\n\n".join(parts) if parts else "nothing is stored yet"


def shown(rows: Rows) -> list[str]:
    """The protocols of what is stored."""
    return [protocol for protocol in PROTOCOLS if any(key[1] == protocol for key in rows)]


def table(rows: Rows, protocol: str) -> str:
    """τ, mean ± standard deviation, and below what the literature reports; [r] is recalled, not verified."""
    from nassurrogate.benchmarks.evaluation import published_rows

    ours = tau_table(rows, protocol, DATASET, bold=False)
    sizes = sorted({key[3] for key in rows if key[1] == protocol})
    figures: dict[str, dict[int, str]] = {}
    for row in published_rows(protocol):
        figures.setdefault(row.method, {})[row.labels] = f"{row.kendall_tau:.3f}{' [r]' if row.recalled else ''}"
    theirs = [[f"{method}, published", *(of.get(size, "-") for size in sizes)] for method, of in figures.items()]
    return "\n".join([ours, *(f"| {' | '.join(cells)} |" for cells in theirs)])


def picture(rows: Rows) -> Figure:
    """A5: τ against the labels, published figures in grey."""
    from matplotlib.figure import Figure

    from nassurrogate.benchmarks.evaluation.plot import draw_published, explain_bars, name_published, set_label_ticks

    figure = Figure(figsize=(7.5, 5.0), layout="constrained")
    axes = figure.add_subplot()
    draw_published(axes, "A5")
    for name in sorted({key[2] for key in rows if key[1] == "A5"}):
        sizes = sorted(key[3] for key in rows if key[1] == "A5" and key[2] == name)
        each = [[line[TAU] for line in rows[DATASET, "A5", name, size].values()] for size in sizes]
        axes.errorbar(sizes, [fmean(taus) for taus in each], [stdev(taus) if len(taus) > 1 else 0 for taus in each],
                      color="#D55E00", linewidth=2, marker="o", capsize=3, label=name)  # fmt: skip
    reference = next(line["reference_tau_all"] for key, of in rows.items() if key[1] == "A5" for line in of.values())
    axes.axhline(reference, color="#0072B2", linewidth=1, linestyle="--", label="the labels themselves")
    explain_bars(axes, "± 1 std over the splits")
    axes.set(xlabel="labels (evaluated cells to learn from)", ylabel="Kendall's τ over all other cells")
    set_label_ticks(axes, [100, 172, 424, 4236])
    axes.set_title("A5: NAS-Bench-101", loc="left", fontsize=11, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    name_published(axes, "A5")
    return figure


def main(arguments: Sequence[str] | None = None) -> int:
    from nassurrogate.benchmarks.evaluation.protocols import NB101_LABELS

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
