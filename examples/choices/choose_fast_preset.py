"""The sweep behind the preset `fast` of nar-former-v2.

    python examples/choices/choose_fast_preset.py --jobs 2       # measure what is missing: hours
    python examples/choices/choose_fast_preset.py --report       # only print the stored results

Choices are made on a third of the canonical classes (see `development`), on 10 random splits. The stored results in
`examples/results/preset_sweep.jsonl` were measured on a GPU with the splits of a setting stacked into one batched
model; this script fits them one by one, so individual figures differ by their initial weights.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from functools import partial
from pathlib import Path
from typing import Any

from development import by_surrogate, development_tau

from nassurrogate.benchmarks.experiments import measure_missing, read_lines

RESULTS = Path(__file__).parents[1] / "results" / "preset_sweep.jsonl"
LABELS = (40, 78, 156)
GRID = {
    "learning_rate": (4e-3, 8e-3),
    "epochs": (50, 75, 100),
    "blocks": (2, 3),
    "ffn_ratio": (1, 2),
    "width": (48, 64),
    "dropout": (0.0, 0.05),
}


def settings() -> list[dict[str, Any]]:
    """Every combination of the grid."""
    return [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]


def measure(splits: int, task: dict[str, Any]) -> dict[str, Any]:
    """Kendall's tau over the development cells that are not in training, mean and deviation over the splits."""
    rank = by_surrogate("nar-former-v2", task["config"])
    taus = [development_tau(rank, task["labels"], split) for split in range(splits)]
    return {
        "kendall_tau_mean": statistics.fmean(taus),
        "kendall_tau_std": statistics.stdev(taus) if splits > 1 else 0.0,
    }


def stored() -> list[dict[str, Any]]:
    """Earlier measurements."""
    return [row for row in read_lines(RESULTS) if "config" in row]


def report(rows: list[dict[str, Any]]) -> str:
    """The mean tau of every value of every hyper-parameter, over all settings that have it."""
    lines = ["| hyper-parameter | value | " + " | ".join(f"{n} labels" for n in LABELS) + " |", "| --- " * 5 + "|"]
    for name, values in GRID.items():
        for value in values:
            means = [
                statistics.fmean(
                    r["kendall_tau_mean"] for r in rows if r["config"][name] == value and r["labels"] == labels
                )
                for labels in LABELS
            ]
            lines.append(f"| {name} | {value} | " + " | ".join(f"{mean:.4f}" for mean in means) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="processes, of one thread each (default: 1)")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args()
    if not chosen.report:
        tasks = [{"config": config, "labels": labels} for config, labels in itertools.product(settings(), LABELS)]
        measure_missing(RESULTS, tasks, partial(measure, chosen.splits), chosen.jobs, variables=None)
    print(report(stored()))


if __name__ == "__main__":
    main()
