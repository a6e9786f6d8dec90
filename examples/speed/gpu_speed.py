"""Speed of nar-former-v2 on a GPU: architectures scored per second, and the whole training of the preset `paper`.

    python examples/speed/gpu_speed.py                   # all that is not in the results yet; four minutes on an H200
    python examples/speed/gpu_speed.py --only scoring
    python examples/speed/gpu_speed.py --report          # from the stored results

- scoring: `Surrogate.score` of all architectures of NAS-Bench-201, already parsed, as a user calls it: each is looked
  up by its string, equal graphs are scored once, and the scores are back in the metric's unit and in the given order.
  Beside it the network alone: the arrays of the different graphs to the GPU, through the network, and the scores back.
  Medians of seven runs, after two to warm up. The deviation is from the same weights in double precision.
- training: `Surrogate.fit` of the preset `paper` on 781 labels: 1000 epochs of 98 steps. The clock of the training
  starts after the first epoch, and what it shows counts for all epochs; the warm-up is what the fit takes beyond that:
  PyTorch compiles the step, and captures it as a CUDA graph. A user waits for both.

The labels are random: speed does not depend on what is learned. Results: one JSON line per measurement in
`examples/results/gpu_speed.jsonl`.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from nassurrogate.benchmarks.experiments import markdown_table, measure_missing, read_lines
from nassurrogate.predictors.nar_former_v2 import NarFormerV2
from nassurrogate.runtime.device import torch_device
from nassurrogate.runtime.versions import package_versions
from nassurrogate.spaces import CellSpace, get_space
from nassurrogate.surrogate import Surrogate

RESULTS = Path(__file__).parents[1] / "results" / "gpu_speed.jsonl"
SPACE = cast(CellSpace, get_space("nb201"))
SCORED = ("fast", "paper")
LABELS = {"scoring": 126, "training": 781}
RUNS, WARM_UP = 7, 2


def tasks(only: str | None, device: str) -> Iterator[dict[str, Any]]:
    """What to measure, on which device."""
    if only != "training":
        for preset in SCORED:
            yield {"part": "scoring", "preset": preset, "device": device}
    if only != "scoring":
        yield {"part": "training", "preset": "paper", "device": device}


def measure(task: Mapping[str, Any]) -> dict[str, Any]:
    """The results of a task, and what they were measured with."""
    measured = {"scoring": scoring, "training": training}[task["part"]]
    return {
        **measured(task["preset"], task["device"]),
        "card": card(task["device"]),
        "versions": package_versions(["nassurrogate", "torch", "numpy"]),
    }


def card(device: str) -> str:
    """The name of a device."""
    on = torch_device(device)
    return torch.cuda.get_device_name(on) if on.type == "cuda" else platform.processor() or "CPU"


def scoring(preset: str, device: str) -> dict[str, Any]:
    """Seconds of scoring all architectures, and of the network alone."""
    surrogate = Surrogate(SPACE, predictor="nar-former-v2", preset=preset, config={"epochs": 2}, device=device)
    surrogate.fit(*labelled(LABELS["scoring"]))
    archs = SPACE.all()
    score_s = seconds(lambda: surrogate.score(archs), device)
    predictor = cast(NarFormerV2, surrogate.predictor)
    graphs, scorer = predictor.different_cells(archs), predictor.scorer()
    network_s = seconds(lambda: scorer(*vars(graphs).values()), device)
    return {
        "architectures": len(archs),
        "graphs": len(graphs),
        "score_s": score_s,
        "architectures_per_s": round(len(archs) / statistics.median(score_s)),
        "network_s": network_s,
        "graphs_per_s": round(len(graphs) / statistics.median(network_s)),
        "relative_deviation": deviation(predictor),
    }


def deviation(predictor: NarFormerV2) -> float:
    """The largest difference from scores in double precision, relative to the largest score."""
    some = SPACE.all()[:2000]
    exact = predictor.member_scores(some, predictor.scorer(dtype=torch.float64)).mean(axis=0)
    return float(np.abs(predictor.member_scores(some).mean(axis=0) - exact).max() / np.abs(exact).max())


def training(preset: str, device: str) -> dict[str, Any]:
    """Seconds of a whole training, and of its warm-up."""
    surrogate = Surrogate(SPACE, predictor="nar-former-v2", preset=preset, device=device)
    archs, targets = labelled(LABELS["training"])
    ends: list[float] = []

    def note(done: int, total: int) -> None:
        if done in (1, total):
            ends.append(now(device))

    began = now(device)
    surrogate.fit(archs, targets, progress=note)
    wall_s = now(device) - began
    config = cast(NarFormerV2, surrogate.predictor).config
    first, last = ends
    training_s = (last - first) / (config.epochs - 1) * config.epochs
    steps = len(config.schedule(len(archs)).rates(len(archs)))
    return {
        "labels": len(archs),
        "steps": steps,
        "ms_per_step": round(training_s / steps * 1e3, 4),
        "training_s": round(training_s, 2),
        "warm_up_s": round(wall_s - training_s, 2),
        "wall_s": round(wall_s, 2),
    }


def labelled(n: int) -> tuple[list[Any], np.ndarray]:
    """Random architectures, each with a random accuracy in percent."""
    rng = np.random.default_rng(0)
    return SPACE.sample(n, rng), rng.uniform(60, 94, n)


def seconds(call: Callable[[], object], device: str) -> list[float]:
    """How long each run took, after those to warm up."""
    times = []
    for _ in range(WARM_UP + RUNS):
        began = now(device)
        call()
        times.append(now(device) - began)
    return [round(each, 6) for each in times[WARM_UP:]]


def now(device: str) -> float:
    """Seconds on a clock, once a GPU has done its work."""
    on = torch_device(device)
    if on.type == "cuda":
        torch.cuda.synchronize(on)
    return time.perf_counter()


def report(lines: Sequence[Mapping[str, Any]]) -> str:
    """A table of scoring and one of training."""
    scored = [
        [
            line["preset"],
            line["card"],
            *(f"{line[name]:,}" for name in ("architectures_per_s", "graphs", "graphs_per_s")),
            f"{line['relative_deviation']:.0e}",
        ]
        for line in lines
        if line["part"] == "scoring"
    ]
    trained = [
        [
            line["preset"],
            line["card"],
            str(line["labels"]),
            f"{line['steps']:,}",
            f"{line['ms_per_step']:.2f}",
            *(f"{line[name]:.0f}" for name in ("training_s", "warm_up_s", "wall_s")),
        ]
        for line in lines
        if line["part"] == "training"
    ]
    scoring_columns = ("preset", "card", "architectures/s", "graphs", "graphs/s, network alone", "deviation")
    training_columns = ("preset", "card", "labels", "steps", "ms/step", "training, s", "warm-up, s", "both, s")
    tables = [(scoring_columns, scored), (training_columns, trained)]
    return "\n\n".join(markdown_table(columns, rows) for columns, rows in tables if rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("scoring", "training"), help="one part")
    parser.add_argument("--device", default="cuda", help="default: cuda")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args(arguments)
    if not chosen.report:
        with tempfile.TemporaryDirectory() as compiled:  # a first fit finds nothing compiled
            wanted = tasks(chosen.only, chosen.device)
            variables = {"TORCHINDUCTOR_CACHE_DIR": compiled}
            measure_missing(chosen.results, wanted, measure, jobs=1, variables=variables)
    sys.stdout.write(report(read_lines(chosen.results)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
