"""The weights of a network: their shapes without memory, saved ones checked, and the random numbers they start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from nassurrogate.errors import InputError


def structure(build: Callable[[], nn.Module]) -> nn.Module:
    """A network in evaluation mode whose weights have no memory."""
    with torch.device("meta"):
        return build().eval()


def checked_weights(shapes: Mapping[str, tuple[int, ...]], saved: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Copies of saved weights, by name. Raises `InputError` unless each is finite, float32 and of its shape.

    Weights that have no shape are of another network, and are refused too.
    """
    for name, shape in shapes.items():
        value = saved.get(name)
        if value is None or value.shape != shape or value.dtype != np.float32:
            found = "missing" if value is None else f"{value.dtype}{value.shape}"
            raise InputError(f"weights {name!r} are {found}, expected float32{shape}")
        if not np.isfinite(value).all():
            raise InputError(f"weights {name!r} are not finite")
    for name in saved:
        if name not in shapes:
            raise InputError(f"weights {name!r} are of another network: this one has none of this name")
    return {name: saved[name].copy() for name in shapes}


def require_finite(weights: Mapping[str, Tensor], learning_rate: float) -> None:
    """Raise `InputError` if a training has diverged."""
    if not all(bool(value.isfinite().all()) for value in weights.values()):
        raise InputError(
            f"training diverged: a weight is no longer finite; the learning rate of {learning_rate:g} may be too high"
        )


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """PyTorch's generators start from `seed` inside, and resume afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        # Not torch.manual_seed, which would seed the generators of all GPUs.
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            torch.cuda.manual_seed(seed)
        yield
