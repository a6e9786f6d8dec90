"""The choices behind Probe-Former's default: each hyper-parameter, with other values in its place.

    python examples/choices/choose_probe_former.py --only columns            # summed before any label: seconds
    python examples/choices/choose_probe_former.py --only prior              # how labels follow that sum: a minute
    python examples/choices/choose_probe_former.py --only kernel             # of the Gaussian process: minutes
    python examples/choices/choose_probe_former.py --only network --jobs 2   # of the transformers: an hour
    python examples/choices/choose_probe_former.py --report                  # only print the stored results

Choices are made on cifar10, with training and evaluation cells inside a fixed third of the canonical classes (see
`development`). One hyper-parameter is changed at a time; the tables show the mean τ of 10 splits, followed by the
mean difference from the default on the same splits. The kernel was chosen for a process without a prior mean, and is
shown as such. Every finished split is a line of
`examples/results/probe_former_choices.jsonl`, and another run resumes where the last one stopped.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
from development import Rank, benchmark, by_surrogate, development_tau

from nassurrogate.benchmarks import LABEL
from nassurrogate.benchmarks.evaluation.protocols import development_split
from nassurrogate.benchmarks.experiments import markdown_table, measure_missing, read_lines
from nassurrogate.prediction_quality import kendall_tau
from nassurrogate.predictors.cell_kernel import KERNEL, Kernel, kernel_inputs
from nassurrogate.predictors.inputs.cells import read
from nassurrogate.predictors.labels.scale import RankScale
from nassurrogate.predictors.probe_former.cell_process import CellProcess
from nassurrogate.predictors.probe_former.prior import PRIOR, PROXIES, Prior, class_prior, n_weights
from nassurrogate.predictors.proxy_process.prior import log_rank_sum, proxy_columns
from nassurrogate.proxies.names import PROBE_NAMES

RESULTS = Path(__file__).parents[1] / "results" / "probe_former_choices.jsonl"
SPLITS = 10
DEFAULT = "default"
FACTORS = (0.5, 0.7, 1.4, 2.0)
NETWORKS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "1 member": {"members": 1},
    "6 members": {"members": 6},
    "half as wide": {"width": 32},
    "1 block": {"blocks": 1},
    "3 blocks": {"blocks": 3},
    "half the epochs": {"epochs": 15},
    "twice the epochs": {"epochs": 60},
    "from random weights": {"pretrained": False},
    "no proxies": {"probes": False},
    "half of the weight at 50 labels": {"even_labels": 50},
    "half of the weight at 200 labels": {"even_labels": 200},
}
"""Name in the table → changed hyper-parameters."""
PRIORS: dict[str, Prior] = {
    DEFAULT: PRIOR,
    "slope 0.6": replace(PRIOR, slope=0.6),
    "slope 1": replace(PRIOR, slope=1.0),
    "slope_std 0.3": replace(PRIOR, slope_std=0.3),
    "slope_std 0.8": replace(PRIOR, slope_std=0.8),
    "rank_noise 0": replace(PRIOR, rank_noise=0.0),
    "rank_noise 2": replace(PRIOR, rank_noise=2.0),
    "rank_noise 8": replace(PRIOR, rank_noise=8.0),
    "no prior mean": Prior(slope=0.0, slope_std=0.0),
}
NO_PRIOR = Prior(slope=0.0, slope_std=0.0, rank_noise=0.0)
SIZES = {"prior": (5, 10, 20, 30, 52, 156), "kernel": (40, 78, 156, 520), "network": (52,)}
"""Labels, by part."""
_RISES, _MOST_COLUMNS, _SHOWN = 0.2, 6, 10


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


def by_process(kernel: Kernel, prior: Prior) -> Rank:
    """Ranking by the Gaussian process alone."""
    space = benchmark().space

    def rank(train: np.ndarray, targets: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
        classes, place = np.unique(space.class_ids()[test], return_inverse=True)
        inputs = []
        for numbers in (space.class_ids()[train], classes):
            cells = read(space, numbers)
            features = kernel_inputs(space, cells.paths, cells.probes, kernel)
            inputs.append(np.column_stack([features, class_prior(space)[numbers]]))
        scores = RankScale.of(targets).encode(targets)
        return CellProcess(inputs[0], scores, prior.slope, kernel, prior).predict(inputs[1])[0][place]

    return rank


def variants(part: str) -> dict[str, Callable[[], Rank]]:
    """Name → function that makes its ranking."""
    if part == "kernel":
        return {name: lambda kernel=kernel: by_process(kernel, NO_PRIOR) for name, kernel in kernels().items()}
    if part == "prior":
        return {name: lambda prior=prior: by_process(KERNEL, prior) for name, prior in PRIORS.items()}
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


def columns() -> str:
    """The sums of log-ranks that rank the development cells best without a label, and the chosen one with weights."""
    space, truth = benchmark().space, benchmark().column(LABEL).mean
    cells = development_split(space)
    classes = space.class_ids()[cells]

    def tau(chosen: list[np.ndarray]) -> float:
        return kendall_tau(log_rank_sum(chosen)[classes], truth[cells])

    of = dict(zip(PROBE_NAMES, proxy_columns(space, PROBE_NAMES), strict=True))
    rising = [name for name in PROBE_NAMES if tau([of[name]]) > _RISES]
    sums = [names for n in range(1, _MOST_COLUMNS + 1) for names in combinations(rising, n)]
    found = sorted(((tau([of[name] for name in names]), names) for names in sums), reverse=True)
    chosen = [of[name] for name in PROXIES]
    body = [[f"{value:.3f}", ", ".join(names)] for value, names in found[:_SHOWN]]
    body.append([f"{tau([*chosen, n_weights(space)]):.3f}", f"{', '.join(PROXIES)}, number of weights (the default)"])
    return f"### columns\n\n{len(sums):,} sums\n\n" + markdown_table(["τ", "columns"], body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["columns", *SIZES], help="one part of the predictor")
    parser.add_argument("--labels", type=lambda text: tuple(map(int, text.split(","))), metavar="N[,...]")
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="processes, of one thread each (default: 1)")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args()
    if chosen.only == "columns":
        print(columns())
        return
    parts = [chosen.only] if chosen.only else list(SIZES)
    for part in parts if not chosen.report else ():
        measure_missing(RESULTS, tasks(part, chosen.labels or SIZES[part]), measure, chosen.jobs, variables=None)
    print("\n\n".join(report(part, read_lines(RESULTS)) for part in parts))


if __name__ == "__main__":
    main()
