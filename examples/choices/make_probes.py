"""Make the table of zero-cost proxies that ships with the package: statistics of untrained networks of every class.

    python examples/choices/make_probes.py --out nassurrogate/proxies/data/nb201_probes.npz --raw RAW_FOLDER
    python examples/choices/make_probes.py --raw RAW_FOLDER --check 20     # repeat on the CPU and compare

Nothing is trained, and no table of accuracies or latencies is read. Every (cells per stage, seed) is one run, in parts
for a large space; what is in the raw folder is not computed again, so a run can be interrupted. The
runs of nb201 take minutes on a GPU and a few hours on one CPU core; those of nb101 twenty minutes on an H100.
Needs torch, numpy and scipy; from a checkout that is not installed, set PYTHONPATH to its top folder.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nassurrogate.files.atomic_file import write_atomically
from nassurrogate.proxies.names import PROBE_NAMES
from nassurrogate.proxies.normal_scores import normal_scores
from nassurrogate.proxies.table import write_probes
from nassurrogate.proxies.untrained_networks import probe
from nassurrogate.runtime.device import torch_device
from nassurrogate.spaces import Space, get_space

CHANNELS, IMAGE_PX, IMAGES = 16, 16, 16
RUNS = {"nb201": "2:4,5:6", "nb101": "2:2,3:3"}
PART_CLASSES = 1 << 17
"""Classes per file of raw probes."""
TOLERANCE = 0.05
"""Rounding difference allowed between processors, as a share of a probe's standard deviation over the classes."""

Run = tuple[int, int]
"""Cells per stage, and a seed."""


def runs_of(text: str) -> list[Run]:
    """`2:4,5:6` is four seeds, 0 to 3, of 2 cells a stage, and six of 5."""
    try:
        parts = [tuple(map(int, part.split(":"))) for part in text.split(",")]
        runs = [(cells, seed) for cells, seeds in parts for seed in range(seeds)]
    except ValueError:
        runs = []
    if not runs or len(set(runs)) < len(runs) or min(runs) < (1, 0):
        raise argparse.ArgumentTypeError(f"expected CELLS:SEEDS,CELLS:SEEDS, for example 2:4,5:6; got {text!r}")
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="nb201", help="the space (default: nb201)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the table goes")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument(
        "--settings",
        type=runs_of,
        metavar="CELLS:SEEDS,…",
        help=f"cells in a stage, and how many seeds from 0 of each (default: {RUNS})",
    )
    parser.add_argument("--raw", type=Path, metavar="DIR", help="keep every run there; read those that exist")
    parser.add_argument("--measured-on", metavar="TEXT", help="the device of the raw runs, if not this one")
    parser.add_argument("--check", type=int, metavar="N", help="compute N random classes of every raw run on the CPU")
    given = parser.parse_args()
    if given.check is not None and (given.raw is None or given.check < 1):
        parser.error("--check needs a number of classes, at least 1, and the folder of raw runs, --raw")
    if given.check is None and given.out is None and given.raw is None:
        parser.error("--out says where the table goes, and --raw where the runs are kept")

    space = get_space(given.space)
    if given.settings is None and given.space not in RUNS:
        parser.error(f"--settings says what is run for {given.space}")
    runs = given.settings or runs_of(RUNS[given.space])
    if given.check is not None:
        sys.exit(check(space, runs, given.raw, given.check))
    for folder in filter(None, (given.raw, given.out and given.out.parent)):
        folder.mkdir(parents=True, exist_ok=True)
    device = torch_device(given.device)
    say(f"torch {torch.__version__} on {device_name(device)}")
    values = [measured(space, run, str(device), given.raw) for run in runs]
    if given.out is None:
        return
    settings = {
        "runs": [{"cells_per_stage": cells, "seed": seed} for cells, seed in runs],
        **fixed(),
        "measured_on": given.measured_on or f"torch {torch.__version__}, {device_name(device)}",
        "numpy": np.__version__,
    }
    scores = normal_scores(values)
    write_atomically(given.out, lambda file: write_probes(file, space, scores, settings))
    say(f"{given.out}: {scores.shape[0]} classes, {scores.shape[1]} probes, {given.out.stat().st_size / 1e3:.0f} kB")


def fixed() -> dict[str, int]:
    return {"channels": CHANNELS, "image_px": IMAGE_PX, "images": IMAGES}


def measured(space: Space, run: Run, device: str, raw: Path | None) -> np.ndarray:
    """(n_classes, P) float32 of one run; existing parts are read."""
    cells, seed = run
    every = space.first_of_class
    values = np.empty((len(every), len(PROBE_NAMES)), dtype=np.float32)
    started = time.perf_counter()
    for part, rows in enumerate(parts_of(len(every))):
        path = None if raw is None else raw_file(raw, space, run, part)
        if path is not None and path.is_file():
            values[rows] = read(space, run, path)
        else:
            graphs = [space.graph(space.parse(index)) for index in every[rows]]
            what = {"seed": seed, "cells_per_stage": cells, "space": space.name, **fixed()}
            values[rows] = probe(graphs, **what, device=device, progress=progress_of(run, len(graphs)))
            if path is not None:
                kept = {"probes": values[rows], "names": np.array(PROBE_NAMES), "about": about(space, run)}
                write_atomically(path, lambda file, kept=kept: np.savez_compressed(file, **kept))
        took = time.perf_counter() - started
        say(f"cells per stage {cells}, seed {seed}: {rows.stop} of {len(every)} classes, {took:.1f} s")
    return values


def parts_of(n_classes: int) -> list[slice]:
    starts = range(0, n_classes, PART_CLASSES)
    return [slice(start, min(start + PART_CLASSES, n_classes)) for start in starts]


def progress_of(run: Run, n_classes: int) -> Callable[[int], None]:
    """Reports the progress every ten seconds."""
    start, done, reported = time.perf_counter(), 0, 0.0

    def progress(more: int) -> None:
        nonlocal done, reported
        done += more
        took = time.perf_counter() - start
        if took - reported > 10:
            reported = took
            say(f"cells per stage {run[0]}, seed {run[1]}: {done} of these {n_classes}, {took:.1f} s")

    return progress


def raw_file(raw: Path, space: Space, run: Run, part: int) -> Path:
    """File of one part of a run; the only part of a small space has no number."""
    suffix = f"_part{part}" if space.n_classes > PART_CLASSES else ""
    return raw / f"{space.name}_cells{run[0]}_seed{run[1]}{suffix}.npz"


def about(space: Space, run: Run) -> np.ndarray:
    """What a raw run was made from: the classes and the settings."""
    numbers = {"cells_per_stage": run[0], "seed": run[1], **fixed()}
    return np.array([space.classes_sha256(), *(f"{name}={value}" for name, value in numbers.items())])


def read(space: Space, run: Run, path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as kept:
        if not np.array_equal(kept["about"], about(space, run)) or tuple(kept["names"]) != PROBE_NAMES:
            sys.exit(f"{path} was made with other cells, probes or settings; remove it")
        values: np.ndarray = kept["probes"]
    return values


def check(space: Space, runs: list[Run], raw: Path, classes: int) -> int:
    """Compute some classes of every raw run again on the CPU. Returns 0 if they are equal up to rounding."""
    every = space.first_of_class
    rows = np.sort(np.random.default_rng(0).choice(len(every), min(classes, len(every)), replace=False))
    graphs = [space.graph(space.parse(index)) for index in every[rows]]
    worst = 0.0
    parts = range(len(parts_of(len(every))))
    there = [run for run in runs if all(raw_file(raw, space, run, part).is_file() for part in parts)]
    for cells, seed in there:
        kept = measured(space, (cells, seed), "cpu", raw)
        again = probe(graphs, seed=seed, cells_per_stage=cells, space=space.name, **fixed(), device="cpu")
        apart = (np.abs(again - kept[rows]) / np.where(kept.std(axis=0) > 0, kept.std(axis=0), 1)).max(axis=0)
        worst = max(worst, apart.max())
        most = PROBE_NAMES[int(apart.argmax())]
        say(f"cells per stage {cells}, seed {seed}: at most {apart.max():.1e} deviations apart, in {most!r}")
    if not there:
        say(f"no raw run of these settings is in {raw}")
    return 0 if there and worst <= TOLERANCE else 1


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()


def say(line: Any) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
