"""How predictors rank NAS-Bench-201 with no label at all, and with very few.

    python examples/figures/few_labels.py --test-accuracy FILE --jobs 2    # ten minutes
    python examples/figures/few_labels.py --report                         # from the stored results

FILE is a CSV of test accuracy, as in `compare_predictors`. Without a label, the scores of `Surrogate.score` take no
split and no seed: they are one number a data set. Every finished split is a line of `examples/results/few_labels.jsonl`
(see `stored_splits`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from compare_predictors import ordered_tasks, protocols_of
from predictor_tables import COVERAGE, DATASETS, about, tau_table
from stored_splits import Line, add_options, by_row, complete, only_tables

from nassurrogate.benchmarks.experiments import append_lines, read_lines

RESULTS = Path(__file__).parents[1] / "results" / "few_labels.jsonl"
LABELS = (5, 10, 20, 30)
PREDICTORS = ("probe-former", "proxy-process", "gradient-boosting", "gaussian-process")
SCORES_WITHOUT_LABELS = ("probe-former", "proxy-process")
SHOWN = {"cifar10": "A1", "cifar100": "A2", "ImageNet16-120": "A4"}


def without_labels(dataset: str, protocol: str, predictor: str) -> Line:
    """Kendall's τ of the scores of all cells before any label."""
    from nassurrogate import Surrogate
    from nassurrogate.benchmarks import load_benchmark
    from nassurrogate.benchmarks.evaluation.protocols import get_protocol
    from nassurrogate.prediction_quality import kendall_tau

    benchmark = load_benchmark("nb201", dataset)
    scores = Surrogate(benchmark.space, predictor=predictor).score(benchmark.space.all())
    target = benchmark.column(get_protocol(protocol).target).mean
    tau = round(kendall_tau(scores, target), 6)
    return {"kind": "no labels", "dataset": dataset, "protocol": protocol, "predictor": predictor, "kendall_tau": tau}


def measure_without_labels(results: Path) -> None:
    """Append what the results lack."""
    stored = [{**line, "kendall_tau": None} for line in read_lines(results) if line["kind"] == "no labels"]
    for dataset, protocol in SHOWN.items():
        for predictor in SCORES_WITHOUT_LABELS:
            line = without_labels(dataset, protocol, predictor)
            if {**line, "kendall_tau": None} not in stored:
                append_lines(results, line)


def tables(lines: Sequence[Line]) -> dict[str, str]:
    """τ by data set: a line per predictor, a column per number of labels, none included."""
    none = {
        (line["dataset"], line["predictor"]): f"{line['kendall_tau']:.3f}"
        for line in lines
        if line["kind"] == "no labels"
    }
    rows, found = by_row(lines), {}
    for dataset, protocol in SHOWN.items():
        if any(key[:2] == (dataset, protocol) for key in rows):
            found[dataset] = _with_column(tau_table(rows, protocol, dataset, bold=False), dataset, none)
    return found


def report(lines: Sequence[Line]) -> str:
    """The tables, and for each data set the share of A4's targets in the intervals."""
    rows = by_row(lines)
    parts = [
        f"### {dataset}\n\n{about(rows, SHOWN[dataset], dataset)}\n\n{table}"
        for dataset, table in tables(lines).items()
    ]
    for dataset in SHOWN:
        if any(key[:2] == (dataset, "A4") for key in rows):
            covered = tau_table(rows, "A4", dataset, field=COVERAGE, bold=False)
            parts.append(f"### {dataset}: share of A4's targets in the 90 % interval\n\n{covered}")
    return "\n\n".join(parts) if parts else "nothing is stored yet"


def _with_column(table: str, dataset: str, none: dict[tuple[str, str], str]) -> str:
    """The table with a column for no labels in front of the others."""
    lines = []
    for number, line in enumerate(table.splitlines()):
        _, name, rest = line.split("|", 2)
        cell = ("0", "---")[number] if number < 2 else none.get((dataset, name.strip()), "-")
        lines.append(f"|{name}| {cell} |{rest}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test-accuracy", type=Path, metavar="FILE", help="CSV with test accuracies")
    add_options(parser, RESULTS, LABELS)
    chosen = parser.parse_args(arguments)
    failed = 0
    if not chosen.report:
        if chosen.test_accuracy is None:
            parser.error("--test-accuracy says where the test accuracies are")
        with only_tables(chosen.test_accuracy):
            measure_without_labels(chosen.results)
            protocols = {dataset: protocols_of(dataset) for dataset in DATASETS}
            failed = complete(ordered_tasks(DATASETS, PREDICTORS, chosen.labels, chosen.splits, protocols), chosen)
    print(report(read_lines(chosen.results)))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
