"""Train the members of a small ensemble as one batched model: each has its own weights, order of batches and dropout.

Shapes: M members, n labels, B labels a batch, V views of each cell (the cell itself, then relabelled ones).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from nassurrogate.errors import InputError

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
        build: makes one network.
        weights: by name, (M, …) each, on the device.
        seed: of the batches and the dropout.
        device: where the weights live.
    """

    def __init__(
        self, build: Callable[[], nn.Module], weights: Mapping[str, Tensor], seed: int, device: torch.device
    ) -> None:
        self.device = device
        self.seed = seed
        self.weights = dict(weights)
        self.members = len(next(iter(self.weights.values())))
        self._network = _structure(build)

    @classmethod
    def untrained(cls, build: Callable[[], nn.Module], members: int, seed: int, device: torch.device) -> Ensemble:
        """Members that start as `build` draws them from torch's generator, seeded here."""
        with _seeded(seed, device):
            stacked, _ = stack_module_state([build() for _ in range(members)])
        return cls(build, {name: value.detach().to(device) for name, value in stacked.items()}, seed, device)

    @classmethod
    def restored(
        cls,
        build: Callable[[], nn.Module],
        members: int,
        saved: Mapping[str, np.ndarray],
        seed: int,
        device: torch.device,
    ) -> Ensemble:
        """Members with saved weights. Raises `InputError`, before it takes memory, where they are not what is built."""
        weights = {}
        for name, wanted in _structure(build).state_dict().items():
            shape = (members, *wanted.shape)
            value = saved.get(name)
            if value is None or value.shape != shape or value.dtype != np.float32:
                given = "missing" if value is None else f"{value.dtype}{value.shape}"
                raise InputError(f"weights {name!r} are {given}, expected float32{shape}")
            if not np.isfinite(value).all():
                raise InputError(f"weights {name!r} are not finite")
            weights[name] = torch.from_numpy(value.copy()).to(device)
        return cls(build, weights, seed, device)

    def predict(self, inputs: Inputs) -> Tensor:
        """(B, …) inputs, the same for all members → (M, B), in double precision.

        The last digits of a row depend on B, not on the other rows.
        """
        weights = {name: value.double() for name, value in self.weights.items()}
        with torch.no_grad():
            return self._run(weights, inputs, shared=True)

    def _run(self, weights: dict[str, Tensor], inputs: Inputs, *, shared: bool) -> Tensor:
        def one(member: dict[str, Tensor], *parts: Tensor) -> Tensor:
            return cast(Tensor, functional_call(self._network, member, parts))

        if self.members == 1:  # nothing to batch, so none of vmap's overhead
            alone = {name: value[0] for name, value in weights.items()}
            return one(alone, *(inputs if shared else (part[0] for part in inputs))).unsqueeze(0)
        in_dims = (0, *((None if shared else 0) for _ in inputs))
        return vmap(one, in_dims=in_dims, randomness="different")(weights, *inputs)

    def _loss(self, weights: dict[str, Tensor], inputs: Inputs, targets: Tensor, loss: Loss) -> Tensor:
        batch, views = inputs[0].shape[1:3]
        flat = tuple(part.flatten(1, 2) for part in inputs)
        return loss(torch.unflatten(self._run(weights, flat, shared=False), 1, (batch, views)), targets)

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
                    if progress is not None and epoch + 1 < schedule.epochs:
                        progress(schedule.epochs, schedule.epochs)
                    break
        kept = watch.best if held_out is not None else weights
        if not all(bool(value.isfinite().all()) for value in kept.values()):
            raise InputError(
                f"training diverged: a weight is no longer finite; the learning rate of {schedule.learning_rate:g} "
                "may be too high"
            )
        self.weights = {name: value.detach().clone() for name, value in kept.items()}

    def _held_out_loss(self, weights: dict[str, Tensor], held_out: Labelled, loss: Loss) -> Tensor:
        every = torch.arange(len(held_out), device=self.device).expand(self.members, -1)
        with torch.no_grad():
            return self._loss(weights, *held_out.rows(every), loss)


def _structure(build: Callable[[], nn.Module]) -> nn.Module:
    """A network without memory for its weights, in evaluation mode."""
    with torch.device("meta"):
        return build().eval()


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
        # Not torch.manual_seed: that would seed the generators of all GPUs, used or not.
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            torch.cuda.manual_seed(seed)
        yield
