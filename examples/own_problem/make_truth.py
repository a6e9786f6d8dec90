"""Train all 729 networks of `problem.py`, each from three seeds, so that searches can be compared without training.

    python examples/own_problem/make_truth.py              # 15 minutes on one core; continues where it stopped
    python examples/own_problem/make_truth.py --report     # what the stored lines say

Every architecture is a line of `examples/results/own_problem.jsonl`, with a value for each of the seeds 0, 1 and 2.
Trainings of networks that are equal (see `problem.py`) are repeated, not copied.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import problem
from truth import RESULTS, TEST, VAL, Truth

from nassurrogate.benchmarks.experiments import measure_missing

SEEDS = range(3)


def tasks() -> list[dict[str, str]]:
    """Every architecture."""
    return [{"arch": arch.string} for arch in problem.space.members()]


def measure(task: Mapping[str, Any]) -> dict[str, Any]:
    """The trainings of one architecture: values by metric in the order of the seeds, and seconds of one training."""
    arch = problem.space.parse(task["arch"])
    began = time.perf_counter()
    found = [problem.evaluate(arch, seed) for seed in SEEDS]
    seconds = (time.perf_counter() - began) / len(SEEDS)
    return {
        **{metric: [values[metric] for values in found] for metric in (VAL, TEST)},
        "train_time_s": round(seconds, 3),
    }


def summary(truth: Truth) -> dict[str, Any]:
    """What the truth looks like. `noise_pct`: standard deviation between the seeds of an architecture, pooled."""
    means = truth.val.mean(axis=1)
    variances = truth.val.var(axis=1, ddof=1)
    best_tenth = np.argsort(means)[-len(means) // 10 :]
    keys = [problem.space.network_key(arch) for arch in truth.archs]
    return {
        "architectures": len(means),
        "different_networks": len({key or arch.string for key, arch in zip(keys, truth.archs, strict=True)}),
        "val_accuracy_quartiles_pct": np.quantile(means, [0, 0.25, 0.5, 0.75, 1]).round(2).tolist(),
        "std_between_architectures_pct": round(float(means.std(ddof=1)), 2),
        "noise_pct": round(float(variances.mean() ** 0.5), 2),
        "noise_of_best_tenth_pct": round(float(variances[best_tenth].mean() ** 0.5), 2),
        "within_one_point_of_best": int((means > means.max() - 1.0).sum()),
        "best": truth.best.string,
        "best_test_accuracy_pct": round(truth.test_accuracy_pct(truth.best), 2),
        "correlation_of_val_and_test": round(float(np.corrcoef(means, truth.test.mean(axis=1))[0, 1]), 4),
        "train_time_s": round(float(truth.train_time_s.mean()), 2),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes of one thread each (default: 1)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--report", action="store_true", help="train nothing, print what is stored")
    chosen = parser.parse_args(arguments)
    if not chosen.report:
        measure_missing(chosen.results, tasks(), measure, chosen.jobs)
    print(json.dumps(summary(Truth(chosen.results)), indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
