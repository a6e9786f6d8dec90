"""Scores that do not depend on what else is scored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from nassurrogate.predictors.training.cuda_graph import Recorded


class ChunkScorer:
    """A function of rows that is always given the same number of them; on a GPU it is recorded and repeated.

    The last digits of a row's score depend on how many rows there are, not on which.

    Args:
        function: one tensor an argument, (chunk, …) each → (M, chunk).
        chunk: rows at a time.
        device: where the function computes.
    """

    def __init__(self, function: Callable[..., Tensor], chunk: int, device: torch.device) -> None:
        self._function = function
        self._chunk = chunk
        self._device = device
        self._buffers: tuple[Tensor, ...] = ()
        self._recorded: Recorded[Tensor] | None = None

    def __call__(self, *parts: np.ndarray) -> np.ndarray:
        """(n, …) arrays with n > 0 → (M, n)."""
        n = len(parts[0])
        scores = []
        for start in range(0, n, self._chunk):
            # Filled up with the first row.
            rows = np.arange(start, start + self._chunk)
            rows[rows >= n] = 0
            scores.append(self._score(tuple(torch.from_numpy(part[rows]) for part in parts)))
        return torch.cat(scores, dim=1)[:, :n].cpu().numpy()

    def _score(self, chunk: tuple[Tensor, ...]) -> Tensor:
        with torch.no_grad():
            if self._device.type != "cuda":
                return self._function(*chunk)
            if self._recorded is None:
                self._buffers = tuple(part.to(self._device) for part in chunk)
                self._recorded = Recorded(lambda: self._function(*self._buffers), self._device)
            for buffer, part in zip(self._buffers, chunk, strict=True):
                buffer.copy_(part)
            return self._recorded().clone()
