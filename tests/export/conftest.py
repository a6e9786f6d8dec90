"""What the tests of exported networks share."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch
from torch import nn

from nassurrogate.export.agreement import tensors_in

STRANGER = Path(__file__).with_name("stranger.py")
Used: TypeAlias = Callable[[Path], dict[str, dict[str, Any]]]


@pytest.fixture(autouse=True)
def one_core() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def store(module: nn.Module, inputs: list[torch.Tensor], path: Path) -> None:
    """Write the weights of a module, inputs, and what the module makes of them at inference."""
    module.eval()
    with torch.no_grad():
        outputs = [tensors_in(module(each)) for each in inputs]
    torch.save({"weights": module.state_dict(), "inputs": inputs, "outputs": outputs}, path)


@pytest.fixture(scope="session")
def used_by_a_stranger() -> Used:
    """Loads all `.py` files of a folder in a process that has PyTorch but not this package."""

    def used(folder: Path) -> dict[str, dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-I", str(STRANGER), str(folder)],
            cwd=folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, dict[str, Any]] = json.loads(done.stdout)
        return found

    return used
