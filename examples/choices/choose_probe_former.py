"""The choices behind Probe-Former's default: each hyper-parameter, with other values in its place.

    python examples/choices/choose_probe_former.py --only kernel             # of the Gaussian process: minutes
    python examples/choices/choose_probe_former.py --only network --jobs 2   # of the transformers: hours
    python examples/choices/choose_probe_former.py --report                  # only print the stored results

Choices are made on cifar10, with training and evaluation cells inside a fixed third of the canonical classes (see
`development`). One hyper-parameter is changed at a time; the tables show the mean τ of 10 splits, followed by the
mean difference from the default on the same splits. Every finished split is a line of
`examples/results/probe_former_choices.jsonl`, and another run resumes where the last one stopped.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from development import Rank, benchmark, by_surrogate, development_tau

from nassurrogate.benchmarks.experiments import markdown_table, measure_missing, read_lines
from nassurrogate.predictors.cell_kernel import KERNEL, Kernel, kernel_inputs
from nassurrogate.predictors.inputs.cells import read
from nassurrogate.predictors.labels.scale import RankScale
from nassurrogate.predictors.probe_former.cell_process import CellProcess

RESULTS = Path(__file__).parents[1] / "results" / "probe_former_choices.jsonl"
SPLITS = 10
DEFAULT = "default"
FACTORS = (0.5, 0.7, 1.4, 2.0)
NETWORKS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "1 member": {"members": 1},
    "4 members": {"members": 4},
    "half as wide": {"width": 32},
    "1 block": {"blocks": 1},
    "3 blocks": {"blocks": 3},
    "half the learning rate": {"learning_rate": 1.5e-3},
    "twice the learning rate": {"learning_rate": 6e-3},
    "twice the epochs": {"epochs": 90, "max_steps": 1800},
    "no closing epochs": {"closing_epochs": 0},
    "half of the weight at 75 labels": {"even_labels": 75},
    "half of the weight at 300 labels": {"even_labels": 300},
}
"""Name in the table → changed hyper-parameters."""
SIZES = {"kernel": (40, 78, 156, 520), "network": (52, 156, 520)}
"""Labels, by part."""


def kernels() -> dict[str, Kernel]:
    """The default, and those with one number multiplied by one of `FACTORS`."""
    found = {DEFAULT: KERNEL}
    for factor in FACTORS:
        for place, length in enumerate(KERNEL.lengths_of_paths):
            lengths = [*KERNEL.lengths_of_paths]
            lengths[place] = length * factor
            last = " or more" if place == len(lengths) - 1 else ""
            found[f"length of paths of {place}{last} × {factor}"] = replace(KERNEL, lengths_of_paths=tuple(lengths))
        for name in ("length_of_counts", "length_of_probes", "variance", "noise"):
            changed = {name: getattr(KERNEL, name) * factor}
            found[f"{name.replace('_', ' ')} × {factor}"] = replace(KERNEL, **changed)
    return found


def by_process(kernel: Kernel) -> Rank:
    """Ranking by the Gaussian process alone."""
    space = benchmark().space

    def rank(train: np.ndarray, targets: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
        classes, place = np.unique(space.class_ids()[test], return_inverse=True)
        inputs = []
        for numbers in (space.class_ids()[train], classes):
            cells = read(space, numbers)
            inputs.append(kernel_inputs(space, cells.paths, cells.probes, kernel))
        return CellProcess(inputs[0], RankScale.of(targets).encode(targets), kernel).predict(inputs[1])[0][place]

    return rank


def variants(part: str) -> dict[str, Callable[[], Rank]]:
    """Name → function that makes its ranking."""
    if part == "kernel":
        return {name: lambda kernel=kernel: by_process(kernel) for name, kernel in kernels().items()}
    return {name: lambda config=config: by_surrogate("probe-former", config) for name, config in NETWORKS.items()}


def tasks(part: str, labels: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """All fits of a part, split by split, so that all variants have equally many."""
    for size, split, name in product(labels, range(SPLITS), variants(part)):
        yield {"part": part, "variant": name, "labels": size, "split": split}


def measure(task: dict[str, Any]) -> dict[str, Any]:
    """One fit."""
    rank = variants(task["part"])[task["variant"]]()
    return {"tau": round(development_tau(rank, task["labels"], task["split"]), 6)}


def report(part: str, rows: list[dict[str, Any]]) -> str:
    """A line per variant, a column per number of labels."""
    tau = {(row["variant"], row["labels"], row["split"]): row["tau"] for row in rows if row["part"] == part}
    if not tau:
        return f"### {part}\n\nnothing is stored yet"
    sizes = sorted({size for _, size, _ in tau})
    body = []
    for name in variants(part):
        cells = [name]
        for size in sizes:
            splits = [split for split in range(SPLITS) if {(name, size, split), (DEFAULT, size, split)} <= set(tau)]
            if not splits:
                cells.append("-")
                continue
            mean = statistics.fmean(tau[name, size, split] for split in splits)
            less = statistics.fmean(tau[name, size, split] - tau[DEFAULT, size, split] for split in splits)
            difference = "" if name == DEFAULT else f" ({less:+.3f})"
            cells.append(f"{mean:.3f}{difference}" + (f" [{len(splits)}]" if len(splits) < SPLITS else ""))
        body.append(cells)
    return f"### {part}\n\n" + markdown_table(["", *map(str, sizes)], body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(SIZES), help="one part of the predictor")
    parser.add_argument("--labels", type=lambda text: tuple(map(int, text.split(","))), metavar="N[,...]")
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="processes, of one thread each (default: 1)")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args()
    parts = [chosen.only] if chosen.only else list(SIZES)
    for part in parts if not chosen.report else ():
        measure_missing(RESULTS, tasks(part, chosen.labels or SIZES[part]), measure, chosen.jobs, variables=None)
    print("\n\n".join(report(part, read_lines(RESULTS)) for part in parts))


if __name__ == "__main__":
    main()
