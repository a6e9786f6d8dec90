"""Probe-Former: a transformer along the relations of the canonical cell and a Gaussian process, both told by probes.

What it is made of, and what NAR-Former V2 (arXiv 2306.10792), from which it set out, has instead:

- Cells are canonical and directed, an edge counts as often as it is there; V2 reads the wiring, without directions.
- *Probes*: how signals and gradients travel through networks of the cell with random weights (`random_networks`). No
  training, no data, no label is needed for them. V2 has nothing of the kind.
- Heads for parents, children, ancestors and descendants, with softmax (`relation_transformer`); V2 has one undirected
  attention without softmax and grouped feed-forward networks.
- Labels are learned as normal scores of their ranks, by squared error and a pairwise logistic loss; V2 learns fractions
  by relative error, sequence ranking and consistency with a relabelled view.
- An ensemble, trained as one batched model, averaged with a Gaussian process of fixed kernel (`cell_process`) by a
  weight that grows with the labels; V2 is one network.
- The deviation is calibrated on the process's leave-one-out predictions of the labels.

A fit sees its labels; the space it belongs to gives probes and path counts, which are computed and not measured.

Shapes: n labels, B cells, D different ones, M members.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.predictors.base import Predictor, Progress, check_ranges
from nassurrogate.predictors.calibration import Calibration, HeldOut
from nassurrogate.predictors.cell_process import CellProcess, kernel_inputs
from nassurrogate.predictors.cell_reading import ReadCells, is_tabulated, read, vocabulary
from nassurrogate.predictors.ensemble_training import Ensemble, Inputs, Labelled, Schedule
from nassurrogate.predictors.kept_labels import label_arrays, read_labels
from nassurrogate.predictors.label_scale import RankScale
from nassurrogate.predictors.losses import rank_loss
from nassurrogate.predictors.probe_table import has_probes
from nassurrogate.predictors.random_networks import PROBE_NAMES
from nassurrogate.predictors.relation_transformer import RelationTransformer, node_features, relation_bias
from nassurrogate.predictors.torch_device import one_thread, torch_device
from nassurrogate.spaces import Space


@dataclass(frozen=True)
class ProbeFormerConfig:
    """Hyper-parameters, chosen on a third of cifar10's classes; the ablation switches parts of it off.

    network_share: weight of the transformer in the average with the process after endless labels; 0 leaves it out.
    even_labels: labels after which it has half of that weight.
    probes: whether both are told the probes, where the space has them.
    relations: whether a head sees its relation only; otherwise all nodes.
    pairwise: whether the loss has its pairwise part.
    max_steps: batches grow where more steps than this would be needed; 0 never.
    process_labels: labels that the process learns at most, a random choice.
    """

    network_share: float = 1.0
    even_labels: int = 150
    probes: bool = True
    relations: bool = True
    pairwise: bool = True
    width: int = 64
    blocks: int = 2
    ffn_ratio: int = 2
    members: int = 4
    epochs: int = 40
    batch: int = 32
    max_steps: int = 800
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    process_labels: int = 5000

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)
        if self.width % 4:
            raise InputError(f"width must be a multiple of 4, one part a head, got {self.width}")
        if self.members * self.width * self.ffn_ratio > _MAX_BREADTH:
            raise InputError(f"members * width * ffn_ratio must be at most {_MAX_BREADTH}")


# The upper bounds keep a file from asking for more memory or time than there is.
_MAX_BREADTH = 1 << 16
_RANGES = {
    "network_share": (0.0, 1.0),
    "even_labels": (0, 1_000_000_000),
    "width": (4, 1024),
    "blocks": (1, 32),
    "ffn_ratio": (1, 16),
    "members": (1, 100),
    "epochs": (1, 1_000_000),
    "batch": (1, 1_000_000),
    "max_steps": (0, 1_000_000_000),
    "learning_rate": (0.0, 1e3),
    "weight_decay": (0.0, 1e3),
    "warmup": (0.0, 0.99),
    "process_labels": (1, 10_000),
}
_REFERENCE_CELLS = 2000
_CHUNK = 512


class ProbeFormer(Predictor):
    """The default predictor.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> predictor = ProbeFormer(space, config={"epochs": 5})
    >>> predictor.fit(space.parse_many([0, 1, 2]), np.array([85.5, 90.8, 72.1]))
    >>> mean, std = predictor.predict(space.parse_many([5, 6]))
    >>> mean.shape, std.shape
    ((2,), (2,))
    """

    name = "probe-former"
    description = "relation transformer and Gaussian process on canonical cells and random-network probes; seconds"
    presets: ClassVar[Mapping[str, Any]] = {"default": ProbeFormerConfig()}

    def __init__(self, space: Space, **options: Any) -> None:
        super().__init__(space, **options)
        torch_device(self.device)  # a device that is not there is refused now, not after labels were paid for

    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        self._learn_process(list(archs), np.array(targets, dtype=np.float64))
        self._ensemble = self._trained(progress) if self.config.network_share > 0 else None
        if self._ensemble is None and progress is not None:
            progress(1, 1)

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        if not archs:
            return np.empty(0), np.empty(0)
        parts = self._parts(archs)
        if self._standards is None:
            self._standards = _Standards.of(self._parts(self._reference_cells())[:2])
        mean, raw = self._decoded(self._standards.average(parts[:2], self._share), parts[2])
        return mean, self._calibration.std(raw)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        tensors = label_arrays(self.space, self._archs, self._targets)
        if self._ensemble is not None:
            tensors |= {f"weights.{name}": value.cpu().numpy() for name, value in self._ensemble.weights.items()}
        return tensors, {}

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        archs, targets = read_labels(self.space, tensors)
        ensemble = None
        if self.config.network_share > 0:
            saved = {name.removeprefix("weights."): t for name, t in tensors.items() if name.startswith("weights.")}
            device = torch_device(self.device)
            ensemble = Ensemble.restored(self._network, self.config.members, saved, self.seed, device)
        self._learn_process(archs, targets)
        self._ensemble = ensemble

    # --- the process ---------------------------------------------------------------------------------------------

    def _learn_process(self, archs: list[Architecture], targets: np.ndarray) -> None:
        self._archs, self._targets = archs, targets
        self._table: np.ndarray | None = None
        self._standards: _Standards | None = None
        self._scale = RankScale.of(targets)
        some = np.random.default_rng(self.seed).permutation(len(targets))[: self.config.process_labels]
        cells, place = read(self.space, [archs[label] for label in some])
        inputs = self._kernel_inputs(cells.take(place))
        self._process = CellProcess(inputs, self._scale.encode(targets[some]))
        held = self._process.held_out()
        mean, raw = self._decoded(held.mean, held.spread)
        self._calibration = Calibration.of(HeldOut(some[held.place], mean, raw), targets)

    def _kernel_inputs(self, cells: ReadCells) -> np.ndarray:
        return kernel_inputs(self.space, cells.paths, cells.probes if self.config.probes else None)

    # --- the transformer -----------------------------------------------------------------------------------------

    def _network(self) -> RelationTransformer:
        config: ProbeFormerConfig = self.config
        n_ops = len(vocabulary(self.space))
        n_probes = len(PROBE_NAMES) if config.probes and has_probes(self.space) else 0
        return RelationTransformer(n_ops, n_probes, config.width, config.blocks, config.ffn_ratio)

    def _trained(self, progress: Progress | None) -> Ensemble:
        config: ProbeFormerConfig = self.config
        device = torch_device(self.device)
        ensemble = Ensemble.untrained(self._network, config.members, self.seed, device)
        cells, place = read(self.space, self._archs)
        inputs = tuple(part.unsqueeze(1).to(device) for part in self._inputs(cells.take(place)))
        scores = torch.from_numpy(self._scale.encode(self._targets)).float().to(device)
        grown = math.ceil(len(scores) * config.epochs / config.max_steps) if config.max_steps else 0
        schedule = Schedule(
            epochs=config.epochs,
            batch=max(config.batch, grown),
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            warmup=config.warmup,
            patience=config.epochs,
        )
        loss = partial(rank_loss, pairwise=float(config.pairwise))
        with one_thread(device, config.width):
            ensemble.fit(Labelled(inputs, scores), schedule, loss, progress=progress)
        return ensemble

    def _inputs(self, cells: ReadCells) -> Inputs:
        """What the network reads: features, bias, mask and probes, rows in front."""
        graph = cells.graph
        op, adjacency, depth, mask = (
            torch.from_numpy(part) for part in (graph.op, graph.adjacency, graph.position, graph.mask)
        )
        feature = node_features(op, adjacency, depth, mask, len(vocabulary(self.space)))
        bias = relation_bias(adjacency, mask, masked=self.config.relations)
        told = cells.probes if self.config.probes and cells.probes is not None else np.empty((len(cells), 0))
        return feature, bias, mask, torch.from_numpy(told).float()

    def _network_scores(self, cells: ReadCells) -> np.ndarray:
        """(D,) means over the members; 0 without a network."""
        scores = torch.zeros(len(cells))
        if self._ensemble is None:
            return scores.double().numpy()
        function, inputs = self._ensemble.frozen(torch.float32), self._inputs(cells)
        with torch.no_grad():
            for rows, n_nodes in self._chunks(cells.graph.mask):
                picked = (part[rows].to(self._ensemble.device) for part in inputs)
                feature, bias, mask, probe = picked
                part = function(feature[:, :n_nodes], bias[..., :n_nodes, :n_nodes], mask[:, :n_nodes], probe)
                scores[rows] = part.mean(dim=0).cpu()
        # Rounded, for libraries of linear algebra that compute a row by its place.
        return np.round(scores.double().numpy(), 5)

    def _chunks(self, mask: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
        """Rows that are scored together, and how many nodes they are padded to.

        Of a small space all classes are scored, those of a size together. Of a large one so many rows of full size,
        whatever is asked for, as the last digits depend on that.
        """
        sizes = mask.sum(axis=1)
        if is_tabulated(self.space):
            order = np.argsort(sizes, kind="stable")
            for start in range(0, len(order), _CHUNK):
                rows = order[start : start + _CHUNK]
                yield rows, int(sizes[rows].max())
            return
        for start in range(0, len(mask), _CHUNK):
            rows = np.arange(start, start + _CHUNK)
            rows[rows >= len(mask)] = 0
            yield rows, mask.shape[1]

    # --- both ----------------------------------------------------------------------------------------------------

    @property
    def _share(self) -> float:
        """Weight of the network, which needs more labels than the process."""
        n = len(self._targets)
        return float(self.config.network_share * n / (n + self.config.even_labels))

    def _parts(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(3, B): the process's mean, the network's, the process's spread; in normal scores."""
        cells, place = read(self.space, archs)
        if not is_tabulated(self.space):
            return self._scored(cells)[:, place]
        if self._table is None:  # every class at once, so that no score depends on what is asked beside it
            self._table = self._scored(cells)
        return self._table[:, place]

    def _scored(self, cells: ReadCells) -> np.ndarray:
        """(3, D), see `_parts`."""
        inputs = self._kernel_inputs(cells)
        pieces = [self._process.predict(inputs[start : start + _CHUNK]) for start in range(0, len(inputs), _CHUNK)]
        mean, spread = (np.round(np.concatenate(each), 9) for each in zip(*pieces, strict=True))
        return np.stack([mean, self._network_scores(cells), spread])

    def _reference_cells(self) -> Sequence[Architecture]:
        """What both parts are standardised on: unlabelled cells of the space, the same ones always."""
        if is_tabulated(self.space):
            return self.space.all()
        return self.space.sample(_REFERENCE_CELLS, np.random.default_rng(0))

    def _decoded(self, mean: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Normal scores and spreads in the labels' unit."""
        high, low = self._scale.decode(mean + spread), self._scale.decode(mean - spread)
        return self._scale.decode(mean), (high - low) / 2


@dataclass(frozen=True)
class _Standards:
    """Means (2, 1) and deviations (2, 1) of the two parts over the reference cells."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, parts: np.ndarray) -> _Standards:
        deviation = parts.std(axis=1, keepdims=True)
        return cls(parts.mean(axis=1, keepdims=True), np.where(deviation > 1e-9, deviation, 1.0))

    def average(self, parts: np.ndarray, share: float) -> np.ndarray:
        """(2, B) → (B,): the parts, standardised and averaged, on the average of their scales."""
        weight = np.array([[1 - share], [share]])
        standard = (weight * (parts - self.mean) / self.deviation).sum(axis=0)
        return np.asarray((weight * self.mean).sum() + (weight * self.deviation).sum() * standard)
