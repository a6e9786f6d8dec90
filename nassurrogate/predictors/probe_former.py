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
- The deviation is calibrated on labels that a part has not seen: the process predicts each without itself, and from
  some hundred labels on every member of the ensemble leaves some out.

A fit sees its labels; the space it belongs to gives probes and path counts, which are computed and not measured.

Shapes: n labels, B cells, D different ones, M members.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.predictors.base import Predictor, Progress, check_ranges
from nassurrogate.predictors.calibration import Calibration, HeldOut
from nassurrogate.predictors.cell_process import CellProcess, kernel_inputs
from nassurrogate.predictors.cell_reading import ReadCells, is_tabulated, probe_count, read, vocabulary
from nassurrogate.predictors.ensemble_training import Ensemble, Inputs, Labelled, Schedule
from nassurrogate.predictors.kept_labels import label_arrays, read_labels
from nassurrogate.predictors.label_scale import RankScale
from nassurrogate.predictors.losses import rank_loss
from nassurrogate.predictors.relation_transformer import RelationTransformer, node_features, relation_bias
from nassurrogate.predictors.torch_device import one_thread, torch_device
from nassurrogate.predictors.training_steps import growing_batch
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
    cross_fit_labels: labels from which on each member leaves some out, so that its errors there set the deviation.
    process_labels: labels that the process learns at most, a random choice.
    """

    network_share: float = 1.0
    even_labels: int = 150
    cross_fit_labels: int = 256
    probes: bool = True
    relations: bool = True
    pairwise: bool = True
    width: int = 64
    blocks: int = 2
    ffn_ratio: int = 2
    members: int = 4
    epochs: int = 60
    batch: int = 32
    max_steps: int = 1200
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
    "cross_fit_labels": (2, 1_000_000_000),
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
_Parts: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]
"""In normal scores: the process's means (B,), the members' predictions (M, B), the process's spreads (B,)."""
_MOST_UNSEEN = 64
"""Labels that a member leaves out at most: four members' tell the coverage to 2 points."""
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
        held = self._process.held_out()
        unseen = self._unseen(held.place)
        self._ensemble = self._trained(unseen, progress) if self.config.network_share > 0 else None
        if self._ensemble is None and progress is not None:
            progress(1, 1)
        self._freeze()
        self._calibration = self._calibrated(held, unseen)

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        if not archs:
            return np.empty(0), np.empty(0)
        process, members, spread = self._parts(archs)
        mean, raw = self._decoded(self._average(process, _member_mean(members)), spread)
        return mean, self._calibration.std(raw)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        tensors = label_arrays(self.space, self._archs, self._targets)
        if self._ensemble is not None:
            tensors |= {f"weights.{name}": value.cpu().numpy() for name, value in self._ensemble.weights.items()}
        return tensors, {"calibration": self._calibration.as_dict()}

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        archs, targets = read_labels(self.space, tensors)
        calibration = Calibration.from_dict(meta["calibration"])
        ensemble = None
        if self.config.network_share > 0:
            saved = {name.removeprefix("weights."): t for name, t in tensors.items() if name.startswith("weights.")}
            device = torch_device(self.device)
            ensemble = Ensemble.restored(self._network, self.config.members, saved, self.seed, device)
        self._learn_process(archs, targets)
        self._ensemble = ensemble
        self._freeze()
        self._calibration = calibration

    # --- the process ---------------------------------------------------------------------------------------------

    def _learn_process(self, archs: list[Architecture], targets: np.ndarray) -> None:
        self._archs, self._targets = archs, targets
        self._scale = RankScale.of(targets)
        self._order = np.random.default_rng(self.seed).permutation(len(targets))[: self.config.process_labels]
        cells, place = read(self.space, [archs[label] for label in self._order])
        inputs = self._kernel_inputs(cells.take(place))
        self._process = CellProcess(inputs, self._scale.encode(targets[self._order]))

    def _kernel_inputs(self, cells: ReadCells) -> np.ndarray:
        return kernel_inputs(self.space, cells.paths, cells.probes if self.config.probes else None)

    # --- deviations ----------------------------------------------------------------------------------------------

    def _unseen(self, known: np.ndarray) -> np.ndarray:
        """(M, k) labels that each member does not learn, among those that the process predicts as if unknown.

        With few labels every one counts, and the process weighs most: k is 0, and its errors stand for the average's.
        """
        config: ProbeFormerConfig = self.config
        n = len(self._targets)
        cross_fit = config.network_share > 0 and n >= config.cross_fit_labels
        k = min(n // 8, _MOST_UNSEEN, len(known) // config.members) if cross_fit else 0
        unseen: np.ndarray = self._order[known[len(known) - k * config.members :]].reshape(config.members, k)
        return unseen

    def _calibrated(self, held: HeldOut, unseen: np.ndarray) -> Calibration:
        """From the labels that a member has not seen, or where all members saw all, from those the process left out."""
        label, process, spread = self._order[held.place], held.mean, held.spread
        if unseen.size:
            label, process, spread = (part[len(part) - unseen.size :] for part in (label, process, spread))
            _, members, _ = self._parts([self._archs[index] for index in label])
            member = np.repeat(np.arange(len(unseen)), unseen.shape[1])
            process = self._average(process, members[member, np.arange(len(label))])
        mean, raw = self._decoded(process, spread)
        return Calibration.of(HeldOut(label, mean, raw), self._targets)

    # --- the transformer -----------------------------------------------------------------------------------------

    def _network(self) -> RelationTransformer:
        config: ProbeFormerConfig = self.config
        n_ops = len(vocabulary(self.space))
        return RelationTransformer(
            n_ops, probe_count(self.space) if config.probes else 0, config.width, config.blocks, config.ffn_ratio
        )

    def _trained(self, unseen: np.ndarray, progress: Progress | None) -> Ensemble:
        config: ProbeFormerConfig = self.config
        device = torch_device(self.device)
        ensemble = Ensemble.untrained(self._network, config.members, self.seed, device)
        cells, place = read(self.space, self._archs)
        inputs = tuple(part.unsqueeze(1).to(device) for part in self._inputs(cells.take(place)))
        scores = torch.from_numpy(self._scale.encode(self._targets)).float().to(device)
        schedule = Schedule(
            epochs=config.epochs,
            batch=growing_batch(config.batch, len(scores), config.epochs, config.max_steps),
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            warmup=config.warmup,
            patience=config.epochs,
        )
        loss = partial(rank_loss, pairwise=float(config.pairwise))
        pools = np.stack([np.setdiff1d(np.arange(len(scores)), part) for part in unseen])
        with one_thread(device, config.width):
            ensemble.fit(Labelled(inputs, scores), schedule, loss, pools=pools, progress=progress)
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
        return feature, bias, mask, torch.tensor(told, dtype=torch.float32)

    def _member_scores(self, cells: ReadCells) -> np.ndarray:
        """(M, D) normal scores; one row of zeros without a network."""
        if self._ensemble is None:
            return np.zeros((1, len(cells)))
        function, inputs = self._ensemble.frozen(torch.float32), self._inputs(cells)
        scores = torch.empty(self.config.members, len(cells))
        with torch.no_grad():
            for rows, n_nodes in self._chunks(cells.graph.mask):
                feature, bias, mask, probe = (part[rows].to(self._ensemble.device) for part in inputs)
                part = function(feature[:, :n_nodes], bias[..., :n_nodes, :n_nodes], mask[:, :n_nodes], probe)
                scores[:, rows] = part.cpu()
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

    def _freeze(self) -> None:
        """Score what later scores are relative to: all classes of a small space, some cells of a large one."""
        self._table: _Parts | None = None
        if is_tabulated(self.space):  # once and for all: no score depends on what is asked beside it
            cells, place = read(self.space, self.space.all())
            self._table = self._scored(cells)
            reference = _taken(self._table, place)
        else:
            reference = self._parts(self.space.sample(_REFERENCE_CELLS, np.random.default_rng(0)))
        both = (reference[0], _member_mean(reference[1]))
        self._standards = [(part.mean(), part.std() if part.std() > 1e-9 else 1.0) for part in both]

    def _average(self, process: np.ndarray, network: np.ndarray) -> np.ndarray:
        """(B,) each: both, standardised and averaged, on the average of their scales.

        The network needs more labels than the process, so its weight grows with them.
        """
        n = len(self._targets)
        share = self.config.network_share * n / (n + self.config.even_labels)
        weights = (1 - share, share)
        centre = sum(weight * mean for weight, (mean, _) in zip(weights, self._standards, strict=True))
        scale = sum(weight * deviation for weight, (_, deviation) in zip(weights, self._standards, strict=True))
        # One by one: a product with a matrix would round a row by how many there are.
        standard = np.zeros(len(process))
        for weight, part, (mean, deviation) in zip(weights, (process, network), self._standards, strict=True):
            standard += weight * (part - mean) / deviation
        return np.asarray(centre + scale * standard)

    def _parts(self, archs: Sequence[Architecture]) -> _Parts:
        """What is known of B cells."""
        cells, place = read(self.space, archs)
        return _taken(self._scored(cells) if self._table is None else self._table, place)

    def _scored(self, cells: ReadCells) -> _Parts:
        inputs = self._kernel_inputs(cells)
        mean, spread = np.empty(len(cells)), np.empty(len(cells))
        for rows, _ in self._chunks(cells.graph.mask):
            mean[rows], spread[rows] = self._process.predict(inputs[rows])
        # Rounded, for libraries of linear algebra that compute a row by its place.
        return np.round(mean, 9), self._member_scores(cells), np.round(spread, 9)

    def _decoded(self, mean: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Normal scores and spreads in the labels' unit."""
        high, low = self._scale.decode(mean + spread), self._scale.decode(mean - spread)
        return self._scale.decode(mean), (high - low) / 2


def _taken(parts: _Parts, place: np.ndarray) -> _Parts:
    process, members, spread = parts
    return process[place], members[:, place], spread[place]


def _member_mean(members: np.ndarray) -> np.ndarray:
    """(M, B) → (B,), added up member by member: NumPy's mean rounds a single column otherwise than one of many."""
    return np.asarray(sum(members[1:], start=members[0]) / len(members))
