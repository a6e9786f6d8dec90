"""The relation transformers of Probe-Former, trained together, and their scores.

They read graphs only. Beside the labels they learn the zero-cost proxies of unlabelled cells, and start from networks
that have learned nothing else, if some ship with the space.

Shapes: n labels, D different cells, M members, k labels that a member leaves out at first, P proxies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from nassurrogate.graphs.codes import op_vocabulary
from nassurrogate.predictors.base import Progress
from nassurrogate.predictors.inputs.cells import class_scores
from nassurrogate.predictors.inputs.graph_batch import GraphBatch, from_codes
from nassurrogate.predictors.probe_former.network_config import RelationConfig
from nassurrogate.predictors.probe_former.pretrained_networks import pretrained_weights, starts_pretrained
from nassurrogate.predictors.probe_former.relation_scoring import RelationScorer
from nassurrogate.predictors.probe_former.relation_transformer import RelationTransformer, node_features, relation_bias
from nassurrogate.predictors.training.ensemble import Ensemble, Inputs, Labelled, Unlabelled
from nassurrogate.predictors.training.losses import rank_loss
from nassurrogate.runtime.device import one_thread, torch_device
from nassurrogate.spaces import CellSpace

_PREFIX = "weights."
_SCALE, _SCALE_IN_FILES = "norm.weight", "norm.scale"
"""Weights of the norms: their name in PyTorch, and in model files."""


MOST_UNLABELLED = 8192
"""Most unlabelled cells that a fit reads, a random choice."""


class RelationEnsemble:
    """M transformers on one device.

    Args:
        space: of the cells.
        config: of the networks and their training, with every hyper-parameter set.
        ensemble: the networks.
    """

    def __init__(self, space: CellSpace, config: RelationConfig, ensemble: Ensemble) -> None:
        self._space, self._config, self._ensemble = space, config, ensemble

    @classmethod
    def untrained(cls, space: CellSpace, config: RelationConfig, seed: int, device: str) -> RelationEnsemble:
        """Members that know no label: their weights are random, or those of the networks that ship."""
        build = partial(_network, space, config)
        ensemble = Ensemble.untrained(build, config.members, seed, torch_device(device))
        shipped = pretrained_weights(space, config.width, config.blocks) if starts_pretrained(config) else None
        for name, value in (shipped or {}).items():
            start = torch.from_numpy(value[np.arange(config.members) % len(value)])
            ensemble.weights[name] = start.to(ensemble.device)
        return cls(space, config, ensemble)

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

    def trunk(self) -> dict[str, np.ndarray]:
        """All weights but those of the head that scores, by name."""
        return {
            name: value.cpu().numpy() for name, value in self._ensemble.weights.items() if not name.startswith("head.")
        }

    def learn(self, classes: np.ndarray, scores: np.ndarray, unseen: np.ndarray, progress: Progress | None) -> None:
        """Learn n labels.

        Args:
            classes: (n,) class numbers.
            scores: (n,) to learn, about standard normal.
            unseen: (M, k) labels that each member leaves out.
            progress: called with (epochs done, total epochs); `learn_all` continues the count if any were left out.
        """
        epochs, closing = self._config.epochs, self._config.closing_epochs if unseen.size else 0
        pools = np.stack([np.setdiff1d(np.arange(len(scores)), part) for part in unseen])
        self._fit(classes, scores, pools, progress and (lambda done, _: progress(done, epochs + closing)))

    def learn_all(self, classes: np.ndarray, scores: np.ndarray, progress: Progress | None) -> None:
        """Continue training with all labels, including those that were left out."""
        epochs, closing = self._config.epochs, self._config.closing_epochs
        counted = progress and (lambda done, _: progress(epochs + done, epochs + closing))
        self._fit(classes, scores, None, counted, closing=True)

    def learn_proxies(self, classes: np.ndarray, epochs: int, batch: int, progress: Progress | None = None) -> None:
        """Learn the proxies of these classes, and no label; see `pretrained_networks`."""
        config = replace(self._config, epochs=epochs, batch=batch, max_steps=0)
        with one_thread(self._ensemble.device, config.width):
            self._ensemble.fit(self._unlabelled(classes), config.schedule(len(classes)), _proxy_loss, progress=progress)

    def _fit(
        self,
        classes: np.ndarray,
        scores: np.ndarray,
        pools: np.ndarray | None,
        progress: Progress | None,
        *,
        closing: bool = False,
    ) -> None:
        config = self._config
        schedule = config.schedule(len(scores))
        if closing:
            epochs, rate = config.closing_epochs, config.closing_rate * config.learning_rate
            schedule = replace(schedule, epochs=epochs, patience=epochs, learning_rate=rate)
        unlabelled = None
        if config.unlabelled and self._n_proxies:
            unlabelled = Unlabelled(self._unlabelled(self._some_classes()), config.unlabelled, _proxy_loss)
        loss = partial(_label_loss, pairwise=float(config.pairwise), with_proxies=unlabelled is None)
        with one_thread(self._ensemble.device, config.width):
            self._ensemble.fit(
                self._labelled(classes, scores), schedule, loss, pools=pools, unlabelled=unlabelled, progress=progress
            )

    def _labelled(self, classes: np.ndarray, scores: np.ndarray) -> Labelled:
        """The cells with their scores, and beside them their proxies."""
        device = self._ensemble.device
        inputs = tuple(part.unsqueeze(1).to(device) for part in self._inputs(_graphs(self._space, classes)))
        proxies = class_scores(self._space)[classes, : self._n_proxies]
        return Labelled(inputs, torch.from_numpy(np.column_stack([scores, proxies])).float().to(device))

    def _unlabelled(self, classes: np.ndarray) -> Labelled:
        return self._labelled(classes, np.zeros(len(classes)))

    def _some_classes(self) -> np.ndarray:
        n = self._space.n_classes
        return np.random.default_rng(self._ensemble.seed).permutation(n)[:MOST_UNLABELLED]

    @property
    def _n_proxies(self) -> int:
        return n_proxies(self._space, self._config)

    def scorer(self) -> Callable[[GraphBatch], np.ndarray]:
        """A function that gives the (M, D) scores of the present members for D cells of one size."""
        names = self._ensemble.weights
        members = [
            RelationScorer({name: names[name][number] for name in names}) for number in range(self._config.members)
        ]
        device = self._ensemble.device

        def scores(graphs: GraphBatch) -> np.ndarray:
            feature, bias, adjacency, mask = self._inputs(graphs)
            n = int(mask[0].sum())
            # Cells are the innermost dimension of a scorer's inputs.
            parts = (feature[:, :n].permute(2, 1, 0), *(part[..., :n, :n].movedim(0, -1) for part in (bias, adjacency)))
            on_device = [part.contiguous().to(device) for part in parts]
            with torch.no_grad():
                each = torch.stack([member(*on_device) for member in members])
            return np.round(each.double().cpu().numpy(), 5)

        return scores

    def _inputs(self, graphs: GraphBatch) -> Inputs:
        """The inputs of the network: features, bias, adjacency and mask, rows first."""
        op, adjacency, depth, mask = (
            torch.from_numpy(part) for part in (graphs.op, graphs.adjacency, graphs.position, graphs.mask)
        )
        feature = node_features(op, adjacency, depth, mask, len(op_vocabulary(self._space.computing_ops)))
        return feature, relation_bias(adjacency, mask, masked=self._config.relations), adjacency, mask


def n_proxies(space: CellSpace, config: RelationConfig) -> int:
    """P, of the networks of this configuration."""
    return class_scores(space).shape[1] if config.probes else 0


def _graphs(space: CellSpace, classes: np.ndarray) -> GraphBatch:
    return from_codes(space.class_graphs.take(classes))


def _network(space: CellSpace, config: RelationConfig) -> RelationTransformer:
    n_ops = len(op_vocabulary(space.computing_ops))
    return RelationTransformer(n_ops, n_proxies(space, config), config.width, config.blocks, config.ffn_ratio)


def _label_loss(prediction: Tensor, target: Tensor, *, pairwise: float, with_proxies: bool) -> Tensor:
    """`rank_loss` of the scores, and the error of the proxies. (M, B, 1, 1 + P), (M, B, 1 + P) → (M,)."""
    loss = rank_loss(prediction[..., 0], target[..., 0], pairwise=pairwise)
    return loss + _proxy_loss(prediction, target) if with_proxies and target.shape[-1] > 1 else loss


def _proxy_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of the proxies. (M, B, 1, 1 + P), (M, B, 1 + P) → (M,)."""
    return (prediction[..., 1:] - target.unsqueeze(2)[..., 1:]).square().mean(dim=(-1, -2, -3))
