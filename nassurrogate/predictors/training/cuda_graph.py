"""CUDA graphs for work that a GPU repeats many times: its kernels are cheaper than their launches.

`torch.cuda.make_graphed_callables` captures the forward and backward pass of a module. Here a whole training step is
captured, optimizer and learning rate included, of weights that belong to no module; so `torch.cuda.graph` is used.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import torch

Result = TypeVar("Result")
_WARM_UP = 3
"""In the first calls libraries choose kernels and allocate workspace, which a CUDA graph must not contain."""


class CudaGraph(Generic[Result]):
    """A function without arguments, captured as a CUDA graph; a call replays its kernels.

    The function reads and writes tensors at fixed addresses; new values are copied into them between calls. Each call
    overwrites the result of the one before. The function runs three times before it is captured: the caller restores
    what these runs change. Random numbers continue from the generator's state at each call.
    """

    def __init__(self, function: Callable[[], Result], device: torch.device) -> None:
        self._function = function  # keeps the tensors alive that the graph reads
        with torch.cuda.device(device):
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream), warnings.catch_warnings():
                # The optimizer warns that it was made for capture and is run without.
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
    """Collecting an older CUDA graph during a capture would invalidate the capture."""
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
    """Single-precision matrix products run on a GPU's tensor cores inside: inputs keep 10 bits of the mantissa."""
    matmul = torch.backends.cuda.matmul
    newer = hasattr(matmul, "fp32_precision")
    before = matmul.fp32_precision if newer else ("tf32" if matmul.allow_tf32 else "ieee")
    if before == "tf32":
        yield
        return
    # The older setting changes both; code that reads it would fail if only the newer one were set.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matmul.allow_tf32 = True
    try:
        yield
    finally:
        matmul.allow_tf32 = False
        if newer:
            matmul.fp32_precision = before
