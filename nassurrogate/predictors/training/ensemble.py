"""Trains the members of a small ensemble as one batched model: each has its own weights, batches and dropout.

Shapes: M members, n labels, B labels per batch, V views of each cell (the cell itself, then relabelled ones).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from nassurrogate.errors import InputError
from nassurrogate.predictors.training.checkpoint_choice import EarlyStopping
from nassurrogate.predictors.training.cuda_graph import CudaGraph, tensor_float_32
from nassurrogate.predictors.training.steps import Schedule, Steps
from nassurrogate.predictors.training.weights import checked_weights, require_finite, seeded, structure

__all__ = ["Ensemble", "Inputs", "Labelled", "Loss", "Schedule", "Unlabelled"]

logger = logging.getLogger(__name__)
_STEPS_WORTH_COMPILING = 50_000
"""Compiling takes about half a minute and saves 1 ms per step of NAR-Former V2's preset `paper`."""
Inputs: TypeAlias = tuple[Tensor, ...]
"""The arguments of a network: tensors, rows first."""
Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Predictions (M, B, V) and targets (M, B) → one loss per member, (M,); of K columns, (M, B, V, K) and (M, B, K)."""


@dataclass(frozen=True)
class Labelled:
    """Inputs (n, V, …) with their targets (n,), or (n, K) for a network with K columns."""

    inputs: Inputs
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def rows(self, picked: Tensor) -> tuple[Inputs, Tensor]:
        """Rows (M, B) → inputs (M, B, V, …) and targets (M, B)."""
        return tuple(part[picked] for part in self.inputs), self.targets[picked]


@dataclass(frozen=True)
class Unlabelled:
    """Rows that need no label, a random part of which each step learns beside the labels.

    Args:
        known: the rows, with targets that cost nothing.
        batch: how many of them each member learns in a step.
        loss: of them.
    """

    known: Labelled
    batch: int
    loss: Loss


class Ensemble:
    """M copies of a network that run together; the members are the leading dimension of their weights.

    Args:
        build: makes one network.
        weights: by name, (M, …) each, on the device.
        seed: of the batches and the dropout.
        device: of the weights.
    """

    def __init__(
        self, build: Callable[[], nn.Module], weights: Mapping[str, Tensor], seed: int, device: torch.device
    ) -> None:
        self.device = device
        self.seed = seed
        self.weights = dict(weights)
        self.members = len(next(iter(self.weights.values())))
        self._build = build

    @cached_property
    def _network(self) -> nn.Module:
        """The network without weights; those of a member are put into it."""
        return structure(self._build)

    def __getstate__(self) -> dict[str, Any]:
        # Plain arrays: every tensor sent to another process takes a file descriptor.
        kept = {name: value for name, value in vars(self).items() if name != "_network"}
        return {**kept, "weights": {name: value.cpu().numpy() for name, value in self.weights.items()}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.weights = {name: torch.from_numpy(value).to(self.device) for name, value in state["weights"].items()}

    @classmethod
    def untrained(cls, build: Callable[[], nn.Module], members: int, seed: int, device: torch.device) -> Ensemble:
        """Members with the random weights of `build`, from PyTorch's generator seeded with `seed`."""
        with seeded(seed, device):
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
        """Members with saved weights. Raises `InputError`, before it allocates, for weights that do not fit `build`."""
        shapes = {name: (members, *wanted.shape) for name, wanted in structure(build).state_dict().items()}
        weights = {name: torch.from_numpy(value).to(device) for name, value in checked_weights(shapes, saved).items()}
        return cls(build, weights, seed, device)

    def predict(self, inputs: Inputs) -> Tensor:
        """(B, …) inputs, the same for all members → (M, B), in double precision.

        The last digits of a row depend on B, not on the other rows.
        """
        with torch.no_grad():
            return self.frozen(torch.float64)(*inputs)

    def frozen(self, dtype: torch.dtype) -> Callable[..., Tensor]:
        """A function that computes `predict` with the present weights, in another precision."""
        weights = {name: value.to(dtype) for name, value in self.weights.items()}
        return lambda *inputs: self._run(weights, inputs, shared=True)

    def _run(self, weights: dict[str, Tensor], inputs: Inputs, *, shared: bool) -> Tensor:
        network = self._network  # built here: inside vmap, every member would initialise it

        def one(member: dict[str, Tensor], *parts: Tensor) -> Tensor:
            return cast(Tensor, functional_call(network, member, parts))

        if self.members == 1:  # nothing to batch: skip vmap's overhead
            alone = {name: value.squeeze(0) for name, value in weights.items()}
            return one(alone, *(inputs if shared else (part[0] for part in inputs))).unsqueeze(0)
        in_dims = (0, *((None if shared else 0) for _ in inputs))
        return vmap(one, in_dims=in_dims, randomness="different")(weights, *inputs)

    def _outputs(self, weights: dict[str, Tensor], inputs: Inputs) -> Tensor:
        """(M, B, V, …) → (M, B, V), or (M, B, V, K)."""
        batch, views = inputs[0].shape[1:3]
        flat = tuple(part.flatten(1, 2) for part in inputs)
        return torch.unflatten(self._run(weights, flat, shared=False), 1, (batch, views))

    def fit(
        self,
        data: Labelled,
        schedule: Schedule,
        loss: Loss,
        *,
        held_out: Labelled | None = None,
        criterion: Loss | None = None,
        pools: np.ndarray | None = None,
        unlabelled: Unlabelled | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Minimise each member's loss over its own random batches; see `Schedule` for when training stops.

        Args:
            data: the labels.
            schedule: how long and how fast to train.
            loss: of a batch.
            held_out: labels that no member learns; each member keeps the checkpoint that is best on them.
            criterion: of the held-out labels, lower is better; by default the loss.
            pools: (M, n) rows of `data` that each member learns; by default all rows.
            unlabelled: what each step learns besides.
            progress: called with (epochs done, total epochs).

        Raises `InputError` if a weight is not finite at the end.
        """
        rng = np.random.default_rng(self.seed)
        rows = np.tile(np.arange(len(data)), (self.members, 1)) if pools is None else _checked(pools, self, data)
        weights = {name: value.clone().requires_grad_() for name, value in self.weights.items()}

        def batch_loss(picked: Tensor) -> Tensor:
            inputs, targets = data.rows(picked)
            total = loss(self._outputs(weights, inputs), targets).sum()
            if unlabelled is None:
                return total
            known = unlabelled.known
            others = torch.randint(len(known), (self.members, unlabelled.batch), device=self.device)
            inputs, targets = known.rows(others)
            return total + unlabelled.loss(self._outputs(weights, inputs), targets).sum()

        with tensor_float_32() if self.device.type == "cuda" else nullcontext():
            with seeded(self.seed, self.device), self._training():
                on_gpu = self.device.type == "cuda"
                steps = Steps(
                    weights,
                    _fused(batch_loss, schedule, torch.from_numpy(rows).to(self.device)) if on_gpu else batch_loss,
                    schedule,
                    rows.shape[1],
                    self.device,
                    members=self.members,
                    capture=CudaGraph if on_gpu else None,
                )
            learned = steps.learned
            held_out_loss = None if held_out is None else self._held_out_loss(learned, held_out, criterion or loss)
            stopping = EarlyStopping(schedule.patience, self.members, self.device)
            with seeded(self.seed, self.device):
                for epoch in range(schedule.epochs):
                    order = np.stack([pool[rng.permutation(len(pool))] for pool in rows])
                    with self._training():
                        steps.epoch(order)
                    if progress is not None:
                        progress(epoch + 1, schedule.epochs)
                    if held_out_loss is not None and stopping.should_stop(held_out_loss(), learned):
                        if progress is not None and epoch + 1 < schedule.epochs:
                            progress(schedule.epochs, schedule.epochs)
                        break
        kept = stopping.checkpoint if held_out is not None else learned
        require_finite(kept, schedule.learning_rate)
        self.weights = {name: value.detach().clone() for name, value in kept.items()}

    @contextmanager
    def _training(self) -> Iterator[None]:
        """Dropout is on inside."""
        self._network.train()
        try:
            yield
        finally:
            self._network.eval()

    def _held_out_loss(self, weights: dict[str, Tensor], held_out: Labelled, criterion: Loss) -> Callable[[], Tensor]:
        """A function that evaluates each member's (M,) criterion on the held-out labels with the present weights."""
        inputs, targets = held_out.rows(torch.arange(len(held_out), device=self.device).expand(self.members, -1))

        def outputs() -> Tensor:
            with torch.no_grad():
                return self._outputs(weights, inputs)

        predictions = CudaGraph(outputs, self.device) if self.device.type == "cuda" else outputs

        def held_out_loss() -> Tensor:
            with torch.no_grad():
                return criterion(predictions(), targets)

        return held_out_loss


def _fused(batch_loss: Callable[[Tensor], Tensor], schedule: Schedule, rows: Tensor) -> Callable[[Tensor], Tensor]:
    """The loss with its kernels fused by the compiler, if the fit is long enough to be worth it.

    Only batches of the commonest size are compiled; none if the compiler fails.
    """
    sizes = Counter(schedule.batch_sizes(rows.shape[1]))
    size = sizes.most_common(1)[0][0]
    if schedule.epochs * sizes.total() < _STEPS_WORTH_COMPILING:
        return batch_loss
    compiled = torch.compile(batch_loss, dynamic=False)
    try:
        compiled(rows[:, :size]).backward()  # type: ignore[no-untyped-call]
    except RuntimeError as error:  # no C compiler or no Triton on this machine, most often
        reason = " ".join(str(error).split())
        logger.warning("the training step is not compiled and will take longer: %s", reason[:200])
        return batch_loss
    return lambda picked: compiled(picked) if picked.shape[1] == size else batch_loss(picked)


def _checked(pools: np.ndarray, ensemble: Ensemble, data: Labelled) -> np.ndarray:
    if pools.ndim != 2 or len(pools) != ensemble.members or pools.shape[1] == 0 or pools.dtype.kind not in "iu":
        raise InputError(
            f"pools hold the rows of {ensemble.members} members, (M, n) whole numbers, got {pools.dtype}{pools.shape}"
        )
    if pools.min() < 0 or pools.max() >= len(data):
        raise InputError(f"pools hold rows from 0 to {len(data) - 1}, got {pools.min()} to {pools.max()}")
    return pools.astype(np.int64)
