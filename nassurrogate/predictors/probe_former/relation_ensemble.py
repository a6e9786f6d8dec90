"""The relation transformers of Probe-Former, trained together, and their scores.

Shapes: n labels, D different cells, M members, k labels that a member leaves out at first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from nassurrogate.errors import InputError
from nassurrogate.graphs.codes import op_vocabulary
from nassurrogate.predictors.base import Progress, check_ranges
from nassurrogate.predictors.inputs.cells import ReadCells, class_scores
from nassurrogate.predictors.probe_former.relation_scoring import RelationScorer
from nassurrogate.predictors.probe_former.relation_transformer import RelationTransformer, node_features, relation_bias
from nassurrogate.predictors.training.config import EnsembleConfig
from nassurrogate.predictors.training.ensemble import Ensemble, Inputs, Labelled
from nassurrogate.predictors.training.losses import rank_loss
from nassurrogate.runtime.device import one_thread, torch_device
from nassurrogate.spaces import CellSpace

_PREFIX = "weights."
_SCALE, _SCALE_IN_FILES = "norm.weight", "norm.scale"
"""Weights of the norms: their name in PyTorch, and in model files."""


@dataclass(frozen=True)
class RelationConfig(EnsembleConfig):
    """Hyper-parameters of the networks and their training.

    probes: whether they read the probes, if the space has them.
    relations: whether each head attends along its relation only; otherwise to all nodes.
    pairwise: whether the loss has its pairwise term.
    closing_epochs: additional epochs at the end, in which every member also learns the labels it left out before.
    closing_rate: peak learning rate of these epochs.
    """

    members: int = 6
    epochs: int = 45
    max_steps: int = 900
    learning_rate: float = 3e-3
    probes: bool = True
    relations: bool = True
    pairwise: bool = True
    width: int = 64
    blocks: int = 2
    ffn_ratio: int = 2
    closing_epochs: int = 15
    closing_rate: float = 2e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, _RANGES)
        if self.width % 4:
            raise InputError(f"width must be a multiple of 4, the number of heads, got {self.width}")
        if self.members * self.width * self.ffn_ratio > _MAX_BREADTH:
            raise InputError(f"members * width * ffn_ratio must be at most {_MAX_BREADTH}")


# The upper bounds keep a model file from demanding more memory or time than there is.
_MAX_BREADTH = 1 << 16
_RANGES = {
    "width": (4, 1024),
    "blocks": (1, 32),
    "ffn_ratio": (1, 16),
    "closing_epochs": (0, 1_000_000),
    "closing_rate": (0.0, 1e3),
}


class RelationEnsemble:
    """M transformers on one device.

    Args:
        space: of the cells.
        config: of the networks and their training.
        ensemble: the networks.
    """

    def __init__(self, space: CellSpace, config: RelationConfig, ensemble: Ensemble) -> None:
        self._space, self._config, self._ensemble = space, config, ensemble

    @classmethod
    def untrained(cls, space: CellSpace, config: RelationConfig, seed: int, device: str) -> RelationEnsemble:
        """Members with random weights."""
        build = partial(_network, space, config)
        return cls(space, config, Ensemble.untrained(build, config.members, seed, torch_device(device)))

    @classmethod
    def restored(
        cls, space: CellSpace, config: RelationConfig, tensors: Mapping[str, np.ndarray], seed: int, device: str
    ) -> RelationEnsemble:
        """The inverse of `state`. Raises `InputError` for tensors that do not fit these networks."""
        saved = {
            name.removeprefix(_PREFIX).replace(_SCALE_IN_FILES, _SCALE): part
            for name, part in tensors.items()
            if name.startswith(_PREFIX)
        }
        build = partial(_network, space, config)
        return cls(space, config, Ensemble.restored(build, config.members, saved, seed, torch_device(device)))

    def state(self) -> dict[str, np.ndarray]:
        """The weights as named arrays."""
        return {
            _PREFIX + name.replace(_SCALE, _SCALE_IN_FILES): value.cpu().numpy()
            for name, value in self._ensemble.weights.items()
        }

    def learn(self, cells: ReadCells, scores: np.ndarray, unseen: np.ndarray, progress: Progress | None) -> None:
        """Learn n labels from scratch.

        Args:
            cells: n cells.
            scores: (n,) to learn, about standard normal.
            unseen: (M, k) labels that each member leaves out.
            progress: called with (epochs done, total epochs); `learn_all` continues the count.
        """
        epochs, closing = self._config.epochs, self._config.closing_epochs
        pools = np.stack([np.setdiff1d(np.arange(len(scores)), part) for part in unseen])
        self._fit(cells, scores, pools, progress and (lambda done, _: progress(done, epochs + closing)))

    def learn_all(self, cells: ReadCells, scores: np.ndarray, progress: Progress | None) -> None:
        """Continue training with all labels, including those that were left out."""
        epochs, closing = self._config.epochs, self._config.closing_epochs
        counted = progress and (lambda done, _: progress(epochs + done, epochs + closing))
        self._fit(cells, scores, None, counted, closing=True)

    def _fit(
        self,
        cells: ReadCells,
        scores: np.ndarray,
        pools: np.ndarray | None,
        progress: Progress | None,
        *,
        closing: bool = False,
    ) -> None:
        config, device = self._config, self._ensemble.device
        inputs = tuple(part.unsqueeze(1).to(device) for part in self._inputs(cells))
        targets = torch.from_numpy(scores).float().to(device)
        schedule = config.schedule(len(scores))
        if closing:
            epochs = config.closing_epochs
            schedule = replace(schedule, epochs=epochs, patience=epochs, learning_rate=config.closing_rate)
        loss = partial(rank_loss, pairwise=float(config.pairwise))
        with one_thread(device, config.width):
            self._ensemble.fit(Labelled(inputs, targets), schedule, loss, pools=pools, progress=progress)

    def scorer(self) -> Callable[[ReadCells], np.ndarray]:
        """A function that gives the (M, D) scores of the present members for D cells of one size."""
        names = self._ensemble.weights
        members = [
            RelationScorer({name: names[name][number] for name in names}) for number in range(self._config.members)
        ]
        device = self._ensemble.device

        def scores(cells: ReadCells) -> np.ndarray:
            feature, bias, mask, probe = self._inputs(cells)
            n_nodes = int(mask[0].sum())
            # Cells are the innermost dimension of a scorer's inputs.
            inputs = (feature[:, :n_nodes].permute(2, 1, 0), bias[..., :n_nodes, :n_nodes].movedim(0, -1), probe.T)
            on_device = [part.contiguous().to(device) for part in inputs]
            with torch.no_grad():
                each = torch.stack([member(*on_device) for member in members])
            return np.round(each.double().cpu().numpy(), 5)

        return scores

    def _inputs(self, cells: ReadCells) -> Inputs:
        """The inputs of the network: features, bias, mask and probes, rows first."""
        graph = cells.graph
        op, adjacency, depth, mask = (
            torch.from_numpy(part) for part in (graph.op, graph.adjacency, graph.position, graph.mask)
        )
        feature = node_features(op, adjacency, depth, mask, len(op_vocabulary(self._space.computing_ops)))
        bias = relation_bias(adjacency, mask, masked=self._config.relations)
        probes = cells.probes if self._config.probes and cells.probes is not None else np.empty((len(cells), 0))
        return feature, bias, mask, torch.tensor(probes, dtype=torch.float32)


def _network(space: CellSpace, config: RelationConfig) -> RelationTransformer:
    n_ops, n_probes = len(op_vocabulary(space.computing_ops)), class_scores(space).shape[1] if config.probes else 0
    return RelationTransformer(n_ops, n_probes, config.width, config.blocks, config.ffn_ratio)
