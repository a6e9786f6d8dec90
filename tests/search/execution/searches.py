"""Searches of `SPACE` that tests of workers share."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from nassurrogate.architecture import Architecture
from nassurrogate.search import run
from tests.search.trainings import SPACE, accuracy


def delayed(arch: Architecture) -> float:
    """Trainings of random length end in another order than they begin."""
    time.sleep(random.random() / 50)
    return accuracy(arch)


def searched(folder: Path, **options: Any) -> Path:
    """The folder of a run of twelve queries."""
    run(**{"space": SPACE, "budget": 12, "seed": 0, "run_dir": folder, "plots": False, **options})
    return folder
