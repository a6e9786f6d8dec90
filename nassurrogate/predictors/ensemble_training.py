"""Train the members of a small ensemble as one batched model: each has its own weights, order of batches and dropout.

Shapes: M members, n labels, B labels a batch, V views of each cell (the cell itself, then relabelled ones).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

Inputs: TypeAlias = tuple[Tensor, ...]
"""What a network reads, one tensor an argument, rows in front."""
Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Predictions (M, B, V) and targets (M, B) → one loss a member, (M,)."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: epochs, labels a batch, peak learning rate, share of the steps that warms up linearly.

    The learning rate then falls linearly to 0. Training ends early after `patience` epochs without a better loss on the
    held-out labels, where there are some; the best weights are kept.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    warmup: float
    patience: int

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of a step, as a share of the peak."""
        warm = max(1, round(steps * self.warmup))
        return min((step + 1) / warm, (steps - step) / max(1, steps - warm))


@dataclass(frozen=True)
class Labelled:
    """Inputs (n, V, …) with their targets (n,)."""

    inputs: Inputs
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def rows(self, picked: Tensor) -> tuple[Inputs, Tensor]:
        """Rows (M, B) → inputs (M, B, V, …) and targets (M, B)."""
        return tuple(part[picked] for part in self.inputs), self.targets[picked]


class Ensemble:
    """M copies of a network, run together; their weights have the members as leading dimension.

    Args:
        build: makes one network; its start is drawn from torch's generator, seeded here.
        members: M.
        seed: of the starts, the batches and the dropout.
        device: where the weights live.
    """

    def __init__(self, build: Callable[[], nn.Module], members: int, seed: int, device: torch.device) -> None:
        self.device = device
        self.members = members
        self.seed = seed
        with _seeded(seed, device):
            networks = [build() for _ in range(members)]
        stacked, _ = stack_module_state(networks)  # type: ignore[arg-type]
        self.weights = {name: value.detach().to(device) for name, value in stacked.items()}
        self._network = copy.deepcopy(networks[0]).to("meta")  # only its structure is used
        self._network.eval()

    def predict(self, inputs: Inputs) -> Tensor:
        """(B, …) inputs, the same for all members → (M, B), in double precision.

        In double precision a row's result does not depend on the batch it stands in, down to the ninth digit.
        """
        weights = {name: value.double() for name, value in self.weights.items()}
        with torch.no_grad():
            return self._run(weights, inputs, shared=True)

    def _run(self, weights: dict[str, Tensor], inputs: Inputs, *, shared: bool) -> Tensor:
        def one(member: dict[str, Tensor], *parts: Tensor) -> Tensor:
            return cast(Tensor, functional_call(self._network, member, parts))

        in_dims = (0, *((None if shared else 0) for _ in inputs))
        return cast(Tensor, vmap(one, in_dims=in_dims, randomness="different")(weights, *inputs))

    def _loss(self, weights: dict[str, Tensor], inputs: Inputs, targets: Tensor, loss: Loss) -> Tensor:
        batch, views = inputs[0].shape[1:3]
        flat = tuple(part.flatten(1, 2) for part in inputs)
        return loss(self._run(weights, flat, shared=False).unflatten(1, (batch, views)), targets)

    def fit(
        self,
        data: Labelled,
        schedule: Schedule,
        loss: Loss,
        *,
        held_out: Labelled | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Minimise the members' losses, each over its own random batches; see `Schedule` for when it ends."""
        rng = np.random.default_rng(self.seed)
        weights = {name: value.clone().requires_grad_() for name, value in self.weights.items()}
        optimizer = torch.optim.AdamW(
            list(weights.values()), lr=schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True
        )
        per_epoch = max(1, round(len(data) / schedule.batch))
        steps = schedule.epochs * per_epoch
        watch = _Watch(schedule.patience, self.members)
        with _seeded(self.seed, self.device):
            for epoch in range(schedule.epochs):
                self._network.train()
                order = np.stack([rng.permutation(len(data)) for _ in range(self.members)])
                for turn, rows in enumerate(np.array_split(order, per_epoch, axis=1)):
                    optimizer.param_groups[0]["lr"] = schedule.learning_rate * schedule.rate(
                        epoch * per_epoch + turn, steps
                    )
                    inputs, targets = data.rows(torch.from_numpy(rows).to(self.device))
                    optimizer.zero_grad(set_to_none=True)
                    self._loss(weights, inputs, targets, loss).sum().backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
                self._network.eval()
                if progress is not None:
                    progress(epoch + 1, schedule.epochs)
                if held_out is not None and watch.should_stop(self._held_out_loss(weights, held_out, loss), weights):
                    break
        kept = watch.best if held_out is not None else weights
        self.weights = {name: value.detach().clone() for name, value in kept.items()}

    def _held_out_loss(self, weights: dict[str, Tensor], held_out: Labelled, loss: Loss) -> Tensor:
        every = torch.arange(len(held_out), device=self.device).expand(self.members, -1)
        with torch.no_grad():
            return self._loss(weights, *held_out.rows(every), loss)


class _Watch:
    """Keeps every member's best weights, and says when none has improved for `patience` epochs."""

    def __init__(self, patience: int, members: int) -> None:
        self.patience = patience
        self.lowest = torch.full((members,), torch.inf)
        self.best: dict[str, Tensor] = {}
        self.waited = 0

    def should_stop(self, losses: Tensor, weights: dict[str, Tensor]) -> bool:
        better = losses.cpu() < self.lowest
        if not self.best:
            self.best = {name: value.detach().clone() for name, value in weights.items()}
        for name, value in weights.items():
            self.best[name][better] = value.detach()[better]
        self.lowest = torch.where(better, losses.cpu(), self.lowest)
        self.waited = 0 if bool(better.any()) else self.waited + 1
        return self.waited >= self.patience


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's generators start from `seed` inside, and go on as before afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
