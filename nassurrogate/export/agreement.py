"""Whether two forms of a network compute the same."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import nn

from nassurrogate.runtime.device import one_thread_each
from nassurrogate.runtime.generators import global_generators_kept

TOLERANCE: Final = 1e-5
"""The most by which outputs may differ: absolute for numbers below 1, else relative to the largest."""
_TOLERANCES: Final = {torch.float16: 1e-2, torch.bfloat16: 1e-1}
"""The same for modules of these types."""


def tolerance(module: nn.Module) -> float:
    """The most by which outputs of forms of a module may differ."""
    dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
    return _TOLERANCES.get(dtype, TOLERANCE)


def example(shape: Sequence[int], dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    """Random inputs: normally distributed, or indices 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    if dtype.is_floating_point:
        return torch.randn(tuple(shape), generator=generator).to(dtype)
    return torch.randint(2, tuple(shape), generator=generator).to(dtype)


def outputs(network: Callable[[torch.Tensor], Any], inputs: torch.Tensor) -> list[torch.Tensor]:
    """All tensors that a network returns, on one core and with generators of its own."""
    with torch.no_grad(), one_thread_each(), global_generators_kept():
        return tensors_in(network(inputs.clone()))


def tensors_in(tree: Any) -> list[torch.Tensor]:
    """All tensors in nested lists, tuples and dicts."""
    if isinstance(tree, torch.Tensor):
        return [tree.detach()]
    if isinstance(tree, dict):
        tree = [*tree.values()]
    return [tensor for part in tree for tensor in tensors_in(part)] if isinstance(tree, list | tuple) else []


def difference(expected: Sequence[torch.Tensor], found: Sequence[torch.Tensor]) -> float:
    """The largest difference, relative where numbers exceed 1; infinite for other shapes.

    >>> difference([torch.tensor([2.0, 10.0])], [torch.tensor([2.0, 11.0])])
    0.1
    """
    if [tensor.shape for tensor in expected] != [tensor.shape for tensor in found]:
        return float("inf")
    largest = 0.0
    for first, second in zip(expected, found, strict=True):
        if not first.numel():
            continue
        a, b = first.double(), second.double()
        if not torch.equal(a.isfinite(), b.isfinite()):
            return float("inf")
        a, b = a.nan_to_num(0, 0, 0), b.nan_to_num(0, 0, 0)
        largest = max(largest, ((a - b).abs().max() / a.abs().max().clamp(min=1)).item())
    return largest


def trained_difference(first: nn.Module, second: nn.Module, inputs: torch.Tensor) -> float:
    """The difference in training mode, of the outputs and then of the buffers in the state dict; copies are run."""
    results = []
    for module in (first, second):
        run = copy.deepcopy(module).train()
        results.append([*outputs(run, inputs), *(tensor for _, tensor in sorted(run.state_dict().items()))])
    return difference(*results)
