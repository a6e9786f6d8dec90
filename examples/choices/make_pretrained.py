"""Make the networks that Probe-Former starts from: transformers that learn the zero-cost proxies of a space.

    python examples/choices/make_pretrained.py --space nb201 --size 64x2
    python examples/choices/make_pretrained.py --space nb101 --size 128x4 --networks 2     # made for a GPU

No label is read: the proxies are those that ship, see `make_probes.py`. nb201 takes three minutes on two cores, nb101
a minute on an H200. Needs torch and numpy; from a checkout that is not installed, set PYTHONPATH to its top folder.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from pathlib import Path

import numpy as np
import torch

import nassurrogate
from nassurrogate.files.atomic_file import write_atomically
from nassurrogate.predictors.probe_former.network_config import RelationConfig
from nassurrogate.predictors.probe_former.pretrained_networks import write_pretrained
from nassurrogate.predictors.probe_former.relation_ensemble import RelationEnsemble
from nassurrogate.runtime.device import torch_device
from nassurrogate.spaces import get_space

FOLDER = Path(nassurrogate.__file__).parent / "predictors" / "probe_former" / "pretrained"
MOST_CELLS, BATCH, STEPS = 100_000, 256, {"nb201": 1000, "nb101": 4000}
RATE = {64: 3e-3, 128: 1.5e-3}
"""Peak learning rate, by width."""


def size(text: str) -> tuple[int, int]:
    """`64x2`: width and blocks."""
    width, _, blocks = text.partition("x")
    if not (width.isdecimal() and blocks.isdecimal() and int(width) in RATE):
        raise argparse.ArgumentTypeError(f"expected WIDTHxBLOCKS of a width in {sorted(RATE)}, got {text!r}")
    return int(width), int(blocks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", choices=sorted(STEPS), default="nb201")
    parser.add_argument("--size", type=size, default=(64, 2), metavar="WIDTHxBLOCKS", help="default: 64x2")
    parser.add_argument("--networks", type=int, default=4, help="default: 4")
    parser.add_argument("--steps", type=int, help=f"about how many; default: {STEPS}")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, metavar="DIR", default=FOLDER, help="default: the package's folder")
    given = parser.parse_args()
    width, blocks = given.size
    space, device = get_space(given.space), torch_device(given.device)
    classes = np.random.default_rng(0).permutation(space.n_classes)[:MOST_CELLS]
    epochs = max(1, round((given.steps or STEPS[given.space]) * BATCH / len(classes)))
    config = RelationConfig(
        members=given.networks,
        width=width,
        blocks=blocks,
        learning_rate=RATE[width],
        weight_decay=0.01,
        pretrained=False,
    )
    networks = RelationEnsemble.untrained(space, config.for_labels(1), 0, given.device)
    began = time.perf_counter()

    def report(done: int, total: int) -> None:
        print(f"epoch {done} of {total}, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)

    networks.learn_proxies(classes, epochs, BATCH, report)
    settings = {
        "cells": len(classes),
        "epochs": epochs,
        "batch": BATCH,
        "learning_rate": RATE[width],
        "measured_on": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "torch": torch.__version__,
    }
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / f"{given.space}_{width}x{blocks}.npz"
    weights = networks.trunk()
    write_atomically(path, lambda file: write_pretrained(file, space, weights, settings))
    print(f"{path}: {given.networks} networks, {path.stat().st_size / 1e3:.0f} kB", file=sys.stderr)


if __name__ == "__main__":
    main()
