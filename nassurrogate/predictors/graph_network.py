"""What predictors that train an ensemble of small networks on cells as graphs have in common.

Shapes: B cells, V views of a cell (the cell itself, then relabelled ones), M members of the ensemble.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nassurrogate.architecture import Architecture, CellGraph
from nassurrogate.errors import InputError, brief
from nassurrogate.predictors.base import Predictor, Progress, check_ranges
from nassurrogate.predictors.ensemble_training import Ensemble, Inputs, Labelled, Loss, Schedule
from nassurrogate.predictors.graph_batch import encode, relabelled
from nassurrogate.predictors.label_scale import FractionScale, RankScale
from nassurrogate.predictors.torch_device import one_thread, torch_device
from nassurrogate.spaces import Space

SCORE_CHUNK = 64
"""Rows that are always scored together: the last digits of a row depend on how many there are, not on which."""


@dataclass(frozen=True)
class TrainingConfig:
    """Hyper-parameters of the ensemble and its training.

    labels: `rank` learns normal scores of the labels' ranks; `fraction` learns labels / 100.
    max_steps: batches grow where more steps than this would be needed; 0 never.
    averaging: decay of the running average of the weights that is kept; 0 keeps the weights themselves.
    holdout: share of the labels held out to stop early; 0 trains for all epochs and keeps the last weights.
    """

    labels: str = "rank"
    members: int = 4
    epochs: int = 50
    batch: int = 32
    max_steps: int = 1500
    learning_rate: float = 4e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    averaging: float = 0.0
    holdout: float = 0.0
    patience: int = 20

    def __post_init__(self) -> None:
        check_choices(self, {"labels": ("rank", "fraction")})
        check_ranges(self, _RANGES)

    def schedule(self, labels: int) -> Schedule:
        """How to train on so many labels."""
        grown = math.ceil(labels * self.epochs / self.max_steps) if self.max_steps else 0
        return Schedule(
            epochs=self.epochs,
            batch=max(self.batch, grown),
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            warmup=self.warmup,
            patience=self.patience,
            averaging=self.averaging,
        )


# The upper bounds keep a file from asking for more memory than there is.
_RANGES = {
    "members": (1, 100),
    "epochs": (1, 10_000_000),
    "batch": (1, 1_000_000),
    "max_steps": (0, 1_000_000_000),
    "learning_rate": (0.0, 1e3),
    "weight_decay": (0.0, 1e3),
    "warmup": (0.0, 0.99),
    "averaging": (0.0, 0.9999),
    "holdout": (0.0, 0.99),
    "patience": (1, 10_000_000),
}


def check_choices(config: object, choices: Mapping[str, tuple[str, ...]]) -> None:
    """Raise `InputError` for the first field of a configuration that is none of its choices."""
    for name, known in choices.items():
        if getattr(config, name) not in known:
            raise InputError(f"{name} is one of {', '.join(known)}, got {brief(getattr(config, name))}")


class GraphNetworkPredictor(Predictor):
    """An ensemble of networks that read a cell as a graph, trained together.

    A subclass builds one network (`_network`), turns encoded cells into what it reads (`_read`) and names the loss
    (`_loss`); its presets are `TrainingConfig`s. The deviation is the spread of the members; with one member it is 0.

    Its network has to compute a row from that row of its inputs alone.
    """

    def __init__(self, space: Space, **options: Any) -> None:
        super().__init__(space, **options)
        torch_device(self.device)  # a device that is not there is refused now, not after labels were paid for

    @abstractmethod
    def _network(self) -> nn.Module:
        """One network, untrained: inputs with rows in front → (rows,) predictions."""

    @abstractmethod
    def _read(self, op: Tensor, adjacency: Tensor, mask: Tensor) -> Inputs:
        """What the network reads of operations (…, N), adjacency (…, N, N) and mask (…, N): (…, …) tensors."""

    @property
    @abstractmethod
    def _loss(self) -> Loss:
        """What is minimised."""

    @property
    @abstractmethod
    def _width(self) -> int:
        """Width of the network: a narrow one runs on one thread."""

    @property
    @abstractmethod
    def _vocabulary(self) -> tuple[str, ...]:
        """Names of the operations, in the order of their numbers."""

    @property
    def reads_canonical_cells(self) -> bool:
        """Whether the network sees what a cell computes; otherwise it sees how the cell is wired."""
        return True

    @property
    def _relabels(self) -> bool:
        """Whether training shows an isomorphic relabelling beside each cell."""
        return False

    def _check_targets(self, targets: np.ndarray) -> None:
        """Raise `InputError` for targets that the configuration cannot learn."""

    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        config: TrainingConfig = self.config
        targets = np.array(targets, dtype=np.float64)
        self._check_targets(targets)
        device = torch_device(self.device)
        ensemble = Ensemble.untrained(self._network, config.members, self.seed, device)
        scale = RankScale.of(targets) if config.labels == "rank" else FractionScale()
        rng = np.random.default_rng(self.seed)
        data = Labelled(
            self._inputs(self._graphs(archs), rng), torch.from_numpy(scale.encode(targets)).float().to(device)
        )
        order = torch.from_numpy(rng.permutation(len(data)))
        n_held = min(round(config.holdout * len(data)), len(data) - 1)
        with one_thread(device, self._width):
            ensemble.fit(
                _subset(data, order[n_held:]),
                config.schedule(len(data)),
                self._loss,
                held_out=_subset(data, order[:n_held]) if n_held else None,
                progress=progress,
            )
        self._ensemble, self._scale = ensemble, scale

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        if not archs:
            return np.empty(0), np.empty(0)
        rows: dict[CellGraph, int] = {}
        place = np.array([rows.setdefault(graph, len(rows)) for graph in self._graphs(archs)])
        scores = self._scores(list(rows))
        mean, spread = scores.mean(axis=0), scores.std(axis=0)
        std = (self._scale.decode(mean + spread) - self._scale.decode(mean - spread)) / 2
        return self._scale.decode(mean)[place], std[place]

    def _scores(self, graphs: list[CellGraph]) -> np.ndarray:
        """(M, B) what the members say of B graphs, on the scale they learned."""
        device = self._ensemble.device
        filled = graphs + graphs[:1] * (-len(graphs) % SCORE_CHUNK)
        parts = []
        with one_thread(device, self._width):
            for start in range(0, len(filled), SCORE_CHUNK):
                chunk = self._inputs(filled[start : start + SCORE_CHUNK], None)
                parts.append(self._ensemble.predict(tuple(_single_view(part) for part in chunk)))
        # Rounded too, for libraries of linear algebra that compute a row by its place.
        return np.round(torch.cat(parts, dim=1).cpu().numpy(), 9)[:, : len(graphs)]

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        tensors = {f"weights.{name}": value.cpu().numpy() for name, value in self._ensemble.weights.items()}
        if isinstance(self._scale, RankScale):
            tensors |= {"labels.scores": self._scale.scores, "labels.values": self._scale.values}
        return tensors, {}

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        config: TrainingConfig = self.config
        ranked = config.labels == "rank"
        scale = RankScale(tensors["labels.scores"], tensors["labels.values"]) if ranked else FractionScale()
        saved = {name.removeprefix("weights."): value for name, value in tensors.items() if name.startswith("weights.")}
        device = torch_device(self.device)
        self._ensemble = Ensemble.restored(self._network, config.members, saved, self.seed, device)
        self._scale = scale

    def _graphs(self, archs: Sequence[Architecture]) -> list[CellGraph]:
        return [self.space.graph(arch, reduced=self.reads_canonical_cells) for arch in archs]

    def _inputs(self, graphs: Sequence[CellGraph], rng: np.random.Generator | None) -> Inputs:
        """(B, V, …) what the network reads. With `rng` the cells may get a second view, a relabelling."""
        n_nodes = max(self.space.max_nodes, *(graph.n_nodes for graph in graphs))
        cells = encode(graphs, self._vocabulary, n_nodes, depth_as_position=False)
        views = (
            [cells] if rng is None or not self._relabels else [cells, relabelled(cells, rng, depth_as_position=False)]
        )
        device = torch_device(self.device)

        def stacked(name: str) -> Tensor:
            return torch.from_numpy(np.stack([getattr(view, name) for view in views], axis=1)).to(device)

        return self._read(stacked("op"), stacked("adjacency"), stacked("mask"))


def _single_view(part: Tensor) -> Tensor:
    """(B, 1, …) → (B, …), in double precision where it is a number."""
    return part.squeeze(1).double() if part.is_floating_point() else part.squeeze(1)


def _subset(data: Labelled, rows: Tensor) -> Labelled:
    return Labelled(tuple(part[rows] for part in data.inputs), data.targets[rows])
