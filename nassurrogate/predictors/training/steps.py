"""The steps of gradient descent of an ensemble, one after another, or on a GPU recorded once and repeated."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

Record: TypeAlias = Callable[[Callable[[], None], torch.device], Callable[[], None]]
"""Makes of a function and the device what repeats it, such as `Recorded`."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: epochs, labels a batch, peak learning rate, share of the steps that warms up linearly.

    The learning rate then falls linearly to 0. Training ends early after `patience` epochs without a better loss on the
    held-out labels, where there are some; the best weights are kept.

    With `averaging`, a decay, what is learned is the running average of the weights.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    warmup: float
    patience: int
    averaging: float = 0.0

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of a step, as a share of the peak."""
        warm = max(1, round(steps * self.warmup))
        return min((step + 1) / warm, (steps - step) / max(1, steps - warm))

    def rates(self, n_labels: int) -> list[float]:
        """Learning rate of every step."""
        steps = self.epochs * len(self.batch_sizes(n_labels))
        return [self.learning_rate * self.rate(step, steps) for step in range(steps)]

    def batch_sizes(self, n_labels: int) -> list[int]:
        """Labels in each batch of an epoch: all labels once, the sizes differ by one at most."""
        per_epoch = max(1, round(n_labels / self.batch))
        return [len(part) for part in np.array_split(np.empty(n_labels), per_epoch)]


def growing_batch(batch: int, n_labels: int, epochs: int, max_steps: int) -> int:
    """Labels a batch: as many as are asked for, more where more than `max_steps` steps would be needed; 0: never more.

    >>> [growing_batch(32, n_labels, epochs=60, max_steps=1200) for n_labels in (50, 1563)]
    [32, 79]
    """
    return max(batch, math.ceil(n_labels * epochs / max_steps)) if max_steps else batch


class Steps:
    """Takes the steps of AdamW, an epoch at a time.

    With `record` the step is recorded for each size of batch, and repeated without the CPU: the order of the epoch, the
    place in it and the learning rates lie on the device.

    Args:
        weights: by name; leaves, changed in place.
        loss_of: rows (M, B) on the device → the loss to minimise, summed over the members.
        schedule: how fast.
        n_labels: labels of a member.
        device: where the weights live.
        members: M.
        record: records the step, on a GPU; by default every step is run anew.

    What is learned stands in `learned`: the weights, or their running average.
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
        record: Record | None = None,
    ) -> None:
        self._loss_of = loss_of
        self._weights = weights
        self._averaging = schedule.averaging
        self.learned = weights
        if schedule.averaging:
            self.learned = {name: value.detach().clone() for name, value in weights.items()}
        self._sizes = schedule.batch_sizes(n_labels)
        self._rates = iter(schedule.rates(n_labels))
        self._order = torch.zeros(members, n_labels, dtype=torch.int64, device=device)
        self._place = torch.zeros(1, dtype=torch.int64, device=device)  # where in the order the next batch begins
        self._ahead = torch.arange(max(self._sizes), device=device)
        rate = torch.zeros((), device=device) if record else 0.0
        self._optimizer = torch.optim.AdamW(
            list(weights.values()),
            lr=rate,
            weight_decay=schedule.weight_decay,
            fused=True,
            capturable=record is not None,
        )
        self._recorded: dict[int, Callable[[], None]] = {}
        if record is not None and isinstance(rate, Tensor):
            self._record(record, weights, rate, torch.tensor(schedule.rates(n_labels), device=device))

    def epoch(self, order: np.ndarray) -> None:
        """Go through the rows (M, n) from left to right, a batch a step."""
        self._order.copy_(torch.from_numpy(order))
        self._place.zero_()
        for size in self._sizes:
            if self._recorded:
                self._recorded[size]()
            else:
                self._optimizer.param_groups[0]["lr"] = next(self._rates)
                self._step(size)

    def _step(self, size: int) -> None:
        start = self._place.clamp(max=self._order.shape[1] - size)  # only a warm-up goes too far
        rows = self._order.index_select(1, start + self._ahead[:size])
        self._optimizer.zero_grad(set_to_none=True)
        self._loss_of(rows).backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        if self._averaging:
            with torch.no_grad():
                for name, average in self.learned.items():
                    average.lerp_(self._weights[name], 1 - self._averaging)
        self._place += size

    def _record(
        self,
        record: Record,
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
            self._recorded[size] = record(partial(step, size), rate.device)
        with torch.no_grad():
            for name, value in weights.items():
                value.copy_(before[name])
                self.learned[name].copy_(before[name])
            for state in self._optimizer.state.values():
                for tensor in state.values():
                    tensor.zero_()
        done.zero_()
