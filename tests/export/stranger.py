"""Run by the tests in a process of its own: loads exported files as somebody would who has PyTorch alone.

Argument: the folder with `NAME.py` and `NAME.pt`, which holds weights, inputs and expected outputs. Writes JSON to
stdout: for every name those of the weights, the largest difference from the expected outputs, the losses of a training.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import torch

sys.modules["nassurrogate"] = None  # type: ignore[assignment] # an import of it raises
STEPS = 12


def flat(tree: Any) -> list[torch.Tensor]:
    if isinstance(tree, torch.Tensor):
        return [tree]
    parts = tree.values() if isinstance(tree, dict) else tree
    return [tensor for part in parts for tensor in flat(part)]


def apart(expected: list[torch.Tensor], found: list[torch.Tensor]) -> float:
    assert [tensor.shape for tensor in expected] == [tensor.shape for tensor in found]
    return max(float((a - b).abs().max() / a.abs().max().clamp(min=1)) for a, b in zip(expected, found, strict=True))


def losses(network: torch.nn.Module, inputs: torch.Tensor) -> list[float]:
    """Mean squares of all outputs that can be trained, before every step of gradient descent."""
    torch.manual_seed(0)
    network.train()
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.01)
    found = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = sum((output - 1).pow(2).mean() for output in flat(network(inputs)) if output.requires_grad)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        found.append(float(loss))
    return found


def report(path: Path) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    stored = torch.load(path.with_suffix(".pt"), weights_only=True)
    fresh = module.Network()
    trained = losses(module.Network(), stored["inputs"][-1])
    fresh.load_state_dict(stored["weights"])
    fresh.eval()
    with torch.no_grad():
        differences = [
            apart(expected, flat(fresh(inputs)))
            for inputs, expected in zip(stored["inputs"], stored["outputs"], strict=True)
        ]
    return {"names": list(fresh.state_dict()), "difference": max(differences), "losses": trained}


torch.set_num_threads(1)
json.dump({path.stem: report(path) for path in sorted(Path(sys.argv[1]).glob("*.py"))}, sys.stdout)
