"""Work that a GPU repeats many times, recorded once: the launches of its kernels cost more than the kernels."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import torch

Result = TypeVar("Result")
_WARM_UP = 3
"""Libraries choose kernels and take workspace in the first calls, which a recording must not contain."""


class Recorded(Generic[Result]):
    """A function without arguments, recorded as a CUDA graph; calling it repeats the kernels.

    The function reads and writes tensors that stay where they are; new values are copied into them between the calls.
    What it returns is written again by every call. It is run three times before it is recorded: the caller restores
    what it changes. Random numbers go on from the generator's state at each call.
    """

    def __init__(self, function: Callable[[], Result], device: torch.device) -> None:
        self._function = function  # the recording reads its tensors: freed, their memory would be somebody else's
        with torch.cuda.device(device):
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream), warnings.catch_warnings():
                # The optimizer wonders why it is made for recording and not recorded.
                warnings.filterwarnings("ignore", message="This instance was constructed with capturable=True")
                for _ in range(_WARM_UP):
                    function()
            torch.cuda.current_stream().wait_stream(stream)
            self._graph = torch.cuda.CUDAGraph()
            with _without_garbage_collection(), torch.cuda.graph(self._graph, stream=stream):
                self._result = function()

    def __call__(self) -> Result:
        self._graph.replay()
        return self._result


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """An earlier recording that is thrown away meanwhile would spoil this one."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def tensor_float_32() -> Iterator[None]:
    """Matrix products of single precision on a GPU's tensor cores inside: inputs keep 10 bits of the mantissa."""
    matmul = torch.backends.cuda.matmul
    newer = hasattr(matmul, "fp32_precision")
    before = matmul.fp32_precision if newer else ("tf32" if matmul.allow_tf32 else "ieee")
    if before == "tf32":
        yield
        return
    # The older name sets both; were only the newer one set, what reads the older one would fail.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matmul.allow_tf32 = True
    try:
        yield
    finally:
        matmul.allow_tf32 = False
        if newer:
            matmul.fp32_precision = before
