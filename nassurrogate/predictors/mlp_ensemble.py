"""BANANAS's predictor (White et al., AAAI 2021, arXiv 1910.11858): an ensemble of feed-forward nets on path encodings.

Differences from the paper (sections 4 and 5): paths are those of the canonical cell; the nets learn normal scores of
the labels' ranks by the mean absolute error, not the labels by the error relative to a lower bound; the learning rate
falls linearly; batches grow, so that more labels do not take more steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nassurrogate.predictors.base import check_ranges
from nassurrogate.predictors.feature_predictor import FeaturePredictor, Scorer, Task, in_chunks
from nassurrogate.predictors.inputs.path_features import path_names
from nassurrogate.predictors.training.ensemble import Ensemble, Labelled, Schedule
from nassurrogate.runtime.device import one_thread
from nassurrogate.spaces import CellSpace, Space


@dataclass(frozen=True)
class MlpConfig:
    """Hyper-parameters; batches grow so that training takes at most `max_steps` steps."""

    members: int = 5
    layers: int = 10
    width: int = 20
    epochs: int = 150
    batch: int = 32
    max_steps: int = 1500
    learning_rate: float = 0.01

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)


# Loading a model refits it: the upper bounds keep a file from demanding days, or more memory than a machine has.
_RANGES = {
    "members": (1, 100),
    "layers": (1, 100),
    "width": (1, 1024),
    "epochs": (1, 100_000),
    "batch": (1, 1_000_000),
    "max_steps": (1, 1_000_000),
    "learning_rate": (1e-9, 10.0),
}


class PathNet(nn.Module):
    """(B, P) path encodings → (B,) predictions: `layers` layers of `width` with ReLU, then one linear output."""

    def __init__(self, n_paths: int, config: MlpConfig) -> None:
        super().__init__()
        widths = [n_paths, *[config.width] * config.layers]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.output = nn.Linear(config.width, 1)
        for layer in (*self.hidden, self.output):  # Keras's initialisation, with which so deep and narrow nets do learn
            nn.init.xavier_uniform_(cast(Tensor, layer.weight))
            nn.init.zeros_(cast(Tensor, layer.bias))

    def forward(self, paths: Tensor) -> Tensor:
        for layer in self.hidden:
            paths = F.relu(layer(paths))
        return cast(Tensor, self.output(paths)).squeeze(-1)


class MlpEnsemble(FeaturePredictor[MlpConfig]):
    """Five nets that differ in their initial weights and batches; their spread is the raw deviation.

    All members, including those of the folds, are trained as one batched model. Runs on the CPU.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> predictor = MlpEnsemble(space, config={"epochs": 5})
    >>> predictor.fit(space.parse_many([0, 1, 2]), np.array([85.5, 90.8, 72.1]))
    >>> mean, std = predictor.predict(space.parse_many([5, 6]))
    >>> mean.shape, std.shape
    ((2,), (2,))
    """

    requires = CellSpace
    space: CellSpace
    paths_alone = True
    name = "mlp-ensemble"
    description = "BANANAS: an ensemble of feed-forward nets on path encodings of the canonical cell; CPU, seconds"
    presets: ClassVar[Mapping[str, MlpConfig]] = {"default": MlpConfig()}

    def __init__(self, space: Space, **options: Any) -> None:
        super().__init__(space, **options)
        self._n_paths = len(path_names(self.space))

    def _learn(self, task: Task, like: Scorer | None = None) -> Scorer:
        return next(self._learn_each([task], like))

    def _learn_each(self, tasks: Sequence[Task], like: Scorer | None) -> Iterator[Scorer]:
        if not tasks:
            return
        config = self.config
        # Folds differ in size by at most one label: the larger ones leave it out.
        n_labels = min(len(scores) for _, scores in tasks)
        inputs = torch.cat([self._encoded(features[:n_labels]) for features, _ in tasks])
        targets = torch.from_numpy(np.concatenate([scores[:n_labels] for _, scores in tasks])).float()
        member_task = np.repeat(np.arange(len(tasks)), config.members)
        ensemble = Ensemble.untrained(self._network, len(member_task), self.seed, torch.device("cpu"))
        schedule = Schedule(
            epochs=config.epochs,
            batch=max(config.batch, -(-n_labels * config.epochs // config.max_steps)),
            learning_rate=config.learning_rate,
            weight_decay=0.0,
            warmup=0.0,
            patience=config.epochs,
        )
        with one_thread(ensemble.device, config.width):
            ensemble.fit(
                Labelled((inputs.unsqueeze(1),), targets),
                schedule,
                _mean_absolute_error,
                pools=member_task[:, None] * n_labels + np.arange(n_labels),
            )
        for start in range(0, len(member_task), config.members):
            members = {name: value[start : start + config.members] for name, value in ensemble.weights.items()}
            yield self._scorer(Ensemble(self._network, members, self.seed, ensemble.device))

    def _network(self) -> PathNet:
        return PathNet(self._n_paths, self.config)

    def _encoded(self, features: np.ndarray) -> Tensor:
        """(D, F) features → (D, P): 1 for the paths that occur, else 0."""
        return torch.from_numpy(features[:, : self._n_paths] > 0).float()

    def _scorer(self, ensemble: Ensemble) -> Scorer:
        return in_chunks(partial(self._scored, ensemble))

    def _scored(self, ensemble: Ensemble, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with one_thread(ensemble.device, self.config.width):
            each = ensemble.predict((self._encoded(features).double(),)).numpy()
        return each.mean(axis=0), each.std(axis=0)


def _mean_absolute_error(prediction: Tensor, target: Tensor) -> Tensor:
    """(M, B, V), (M, B) → (M,)."""
    return (prediction - target.unsqueeze(-1)).abs().mean(dim=(-1, -2))
