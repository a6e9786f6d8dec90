"""The sweep behind the preset `fast` of nar-former-v2.

    python examples/choose_fast_preset.py                # measure what is missing: hours on 2 cores
    python examples/choose_fast_preset.py --report       # only print the stored results

Choices are made on cifar10, with training and evaluation cells inside a fixed third of the canonical classes
(`development_split`): labels and target are mean validation accuracy, 10 random splits. The stored results in
`examples/results/preset_sweep.jsonl` were measured on a GPU with the splits of a setting stacked into one batched
model; this script fits them one by one, so single figures differ by the draws of the weights.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate import Surrogate
from nassurrogate.benchmarks import LABEL, load_benchmark
from nassurrogate.benchmarks.protocols import development_split
from nassurrogate.metrics import kendall_tau

RESULTS = Path(__file__).parent / "results" / "preset_sweep.jsonl"
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


def measure(config: dict[str, Any], labels: int, splits: int) -> dict[str, Any]:
    """Kendall's tau over the development cells that are not in training, mean and deviation over the splits."""
    bench = load_benchmark("nb201", "cifar10")
    truth, cells = bench.column(LABEL).mean, development_split(bench.space)
    taus = []
    for split in range(splits):
        order = cells[np.random.default_rng(split).permutation(len(cells))]
        train, test = order[:labels], order[labels:]
        surrogate = Surrogate(predictor="nar-former-v2", config=config, seed=split).fit(train.tolist(), truth[train])
        taus.append(kendall_tau(np.asarray(surrogate.score(test.tolist())), truth[test]))
    return {
        "config": config,
        "labels": labels,
        "kendall_tau_mean": statistics.fmean(taus),
        "kendall_tau_std": statistics.stdev(taus) if splits > 1 else 0.0,
    }


def stored() -> list[dict[str, Any]]:
    """What was measured before."""
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []
    return [row for row in rows if "config" in row]


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
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args()
    if not chosen.report:
        done = stored()
        with RESULTS.open("a") as file:
            for config, labels in itertools.product(settings(), LABELS):
                if not any(row["config"] == config and row["labels"] == labels for row in done):
                    file.write(json.dumps(measure(config, labels, chosen.splits)) + "\n")
                    file.flush()
    print(report(stored()))


if __name__ == "__main__":
    main()
