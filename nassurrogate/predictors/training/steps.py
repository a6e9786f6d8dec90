"""The gradient steps of an ensemble: run one by one, or on a GPU captured once as a CUDA graph and replayed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

Capture: TypeAlias = Callable[[Callable[[], None], torch.device], Callable[[], None]]
"""Turns a function on a device into one that replays it, such as `CudaGraph`."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train: epochs, labels per batch, peak learning rate, share of warm-up steps.

    The learning rate rises linearly during the warm-up and then falls linearly to 0. If there are held-out labels,
    training stops early after `patience` epochs without a lower loss on them, and the best weights are kept.

    `averaging` is the decay of an exponential moving average of the weights, which is then the result; 0: no average.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    warmup: float
    patience: int
    averaging: float = 0.0

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, as a share of the peak."""
        warm = max(1, round(steps * self.warmup))
        return min((step + 1) / warm, (steps - step) / max(1, steps - warm))

    def rates(self, n_labels: int) -> list[float]:
        """The learning rates of all steps."""
        steps = self.epochs * len(self.batch_sizes(n_labels))
        return [self.learning_rate * self.rate(step, steps) for step in range(steps)]

    def batch_sizes(self, n_labels: int) -> list[int]:
        """Labels in each batch of an epoch, which visits all labels once; the sizes differ by at most one."""
        per_epoch = max(1, round(n_labels / self.batch))
        return [len(part) for part in np.array_split(np.empty(n_labels), per_epoch)]


def growing_batch(batch: int, n_labels: int, epochs: int, max_steps: int) -> int:
    """Labels per batch: `batch`, or as many as keep training within `max_steps` steps; with 0 there is no limit.

    >>> [growing_batch(32, n_labels, epochs=60, max_steps=1200) for n_labels in (50, 1563)]
    [32, 79]
    """
    return max(batch, math.ceil(n_labels * epochs / max_steps)) if max_steps else batch


class Steps:
    """Takes AdamW steps, an epoch at a time.

    With `capture`, the step is captured once per batch size and replayed without the CPU: the order of the epoch, the
    position in it and the learning rates lie on the device.

    Args:
        weights: by name; leaves, changed in place.
        loss_of: rows (M, B) on the device → the loss to minimise, summed over the members.
        schedule: how fast to train.
        n_labels: labels of a member.
        device: of the weights.
        members: M.
        capture: captures the step as a CUDA graph; by default the steps run one by one.

    Attributes:
        learned: the result, by name: the weights, or their moving average.
    """

    def __init__(
        self,
        weights: dict[str, Tensor],
        loss_of: Callable[[Tensor], Tensor],
        schedule: Schedule,
        n_labels: int,
        device: torch.device,
        *,
        members: int,
        capture: Capture | None = None,
    ) -> None:
        self._loss_of = loss_of
        self._weights = weights
        self.learned = weights
        self._update_average: Callable[..., object] | None = None
        if schedule.averaging:
            self.learned = {name: value.detach().clone() for name, value in weights.items()}
            self._update_average = get_ema_multi_avg_fn(schedule.averaging)  # type: ignore[no-untyped-call]
        self._sizes = schedule.batch_sizes(n_labels)
        self._rates = iter(schedule.rates(n_labels))
        self._order = torch.zeros(members, n_labels, dtype=torch.int64, device=device)
        self._place = torch.zeros(1, dtype=torch.int64, device=device)  # of the next batch in the order
        self._ahead = torch.arange(max(self._sizes), device=device)
        rate = torch.zeros((), device=device) if capture else 0.0
        self._optimizer = torch.optim.AdamW(
            list(weights.values()),
            lr=rate,
            weight_decay=schedule.weight_decay,
            fused=True,
            capturable=capture is not None,
        )
        self._captured: dict[int, Callable[[], None]] = {}
        if capture is not None and isinstance(rate, Tensor):
            self._capture(capture, weights, rate, torch.tensor(schedule.rates(n_labels), device=device))

    def epoch(self, order: np.ndarray) -> None:
        """Visit the rows (M, n) from left to right, one batch per step."""
        self._order.copy_(torch.from_numpy(order))
        self._place.zero_()
        for size in self._sizes:
            if self._captured:
                self._captured[size]()
            else:
                self._optimizer.param_groups[0]["lr"] = next(self._rates)
                self._step(size)

    def _step(self, size: int) -> None:
        start = self._place.clamp(max=self._order.shape[1] - size)  # only warm-up runs go beyond the end
        rows = self._order.index_select(1, start + self._ahead[:size])
        self._optimizer.zero_grad(set_to_none=True)
        self._loss_of(rows).backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        if self._update_average is not None:
            self._update_average(list(self.learned.values()), list(self._weights.values()), None)
        self._place += size

    def _capture(
        self,
        capture: Capture,
        weights: dict[str, Tensor],
        rate: Tensor,
        rates: Tensor,
    ) -> None:
        done = torch.zeros(1, dtype=torch.int64, device=rate.device)
        before = {name: value.detach().clone() for name, value in weights.items()}

        def step(size: int) -> None:
            rate.copy_(rates.index_select(0, done).squeeze(0))
            self._step(size)
            done.add_(1).clamp_(max=len(rates) - 1)

        for size in set(self._sizes):
            self._captured[size] = capture(partial(step, size), rate.device)
        with torch.no_grad():
            for name, value in weights.items():
                value.copy_(before[name])
                self.learned[name].copy_(before[name])
            for state in self._optimizer.state.values():
                for tensor in state.values():
                    tensor.zero_()
        done.zero_()
