"""The device and the number of threads that a network runs on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from nassurrogate.errors import InputError, brief

_NARROW = 128


def torch_device(name: str) -> torch.device:
    """The device of that name; `"auto"` is the GPU if there is one. Raises `InputError` for a missing device."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"unknown device {brief(name)}; expected auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise InputError(f"device {name!r} is missing; this machine has {torch.cuda.device_count()} CUDA devices")
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"unsupported device {name!r}; expected auto, cpu, cuda or cuda:N")
    return device


@contextmanager
def one_thread(device: torch.device, width: int) -> Iterator[None]:
    """One CPU thread inside, for a narrow network.

    Its operations are too short to share, and threads that wait for each other after each of them slow down tenfold
    once another program needs a core.
    """
    with one_thread_each() if device.type == "cpu" and width < _NARROW else nullcontext():
        yield


@contextmanager
def one_thread_each() -> Iterator[None]:
    """PyTorch uses one CPU thread per Python thread inside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
