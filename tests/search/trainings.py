"""Trainings of `SPACE`, at module level, so that they go to other processes."""

from __future__ import annotations

import os
import signal
import time
import zlib
from pathlib import Path

from nassurrogate.architecture import Architecture
from nassurrogate.spaces import CategoricalSpace

SPACE = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64], "depth": [1, 2, 3, 4]})
DEADLY = "kernel=3 width=16 depth=1"
FOLDER = "NASSURROGATE_TEST_TRAININGS"
"""Environment variable that names the folder in which trainings leave their marks."""


def accuracy(arch: Architecture) -> float:
    """A training that takes no time."""
    depth = arch.choices["depth"]
    return 90.0 + arch.choices["width"] / 64 + arch.choices["kernel"] / 10 - (depth - 2.5) ** 2


def uneven(arch: Architecture) -> float:
    """A training of up to 20 ms."""
    time.sleep(zlib.crc32(arch.string.encode()) % 20 / 1000)
    return accuracy(arch)


def kills_its_process(arch: Architecture) -> float:
    """Kills its process for one architecture."""
    if arch.string == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    return accuracy(arch)


def kills_its_process_once(arch: Architecture) -> float:
    """Kills its process for one architecture, the first time that it is called with it."""
    mark = Path(os.environ[FOLDER], "killed")
    if arch.string == DEADLY and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return accuracy(arch)


class Counts:
    """Says in which process it was called, and how often before in that process."""

    def __init__(self) -> None:
        self.n_calls = 0

    def __call__(self, arch: Architecture) -> dict[str, float]:
        self.n_calls += 1
        return {"val_accuracy_pct": accuracy(arch), "n_calls": self.n_calls, "process": os.getpid()}


def takes_hours_for_one(arch: Architecture) -> float:
    """Takes hours for the architecture in the file `slow`, and leaves a mark when it begins."""
    folder = Path(os.environ[FOLDER])
    if arch.string == (folder / "slow").read_text():
        (folder / "begun").touch()
        time.sleep(3600)
    return accuracy(arch)
