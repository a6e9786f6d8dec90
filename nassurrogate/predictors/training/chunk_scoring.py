"""Scores of rows, each independent of the other rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from nassurrogate.predictors.training.cuda_graph import CudaGraph


class ChunkScorer:
    """Calls a function with the same number of rows each time; on a GPU it replays a CUDA graph.

    The last digits of a row's score depend on the number of rows, not on the other rows.

    Args:
        function: takes tensors of shape (chunk, …), returns (M, chunk).
        chunk: the number of rows.
        device: where the function runs.
    """

    def __init__(self, function: Callable[..., Tensor], chunk: int, device: torch.device) -> None:
        self._function = function
        self._chunk = chunk
        self._device = device
        self._buffers: tuple[Tensor, ...] = ()
        self._graph: CudaGraph[Tensor] | None = None

    def __call__(self, *parts: np.ndarray) -> np.ndarray:
        """(n, …) arrays with n > 0 → (M, n)."""
        n = len(parts[0])
        # All rows travel at once: a copy to a GPU waits for the work before it.
        there = [torch.from_numpy(part).to(self._device) for part in parts]
        scores = [self._score([self._rows(part, start) for part in there]) for start in range(0, n, self._chunk)]
        return torch.cat(scores, dim=1)[:, :n].cpu().numpy()

    def _rows(self, part: Tensor, start: int) -> Tensor:
        """A chunk; after the last row come copies of the first."""
        rows = part[start : start + self._chunk]
        missing = self._chunk - len(rows)
        return torch.cat([rows, part[:1].expand(missing, *part.shape[1:])]) if missing else rows

    def _score(self, chunk: list[Tensor]) -> Tensor:
        with torch.no_grad():
            if self._device.type != "cuda":
                return self._function(*chunk)
            if self._graph is None:
                self._buffers = tuple(part.clone() for part in chunk)
                self._graph = CudaGraph(lambda: self._function(*self._buffers), self._device)
            for buffer, part in zip(self._buffers, chunk, strict=True):
                buffer.copy_(part)
            return self._graph().clone()  # the next replay overwrites the result
