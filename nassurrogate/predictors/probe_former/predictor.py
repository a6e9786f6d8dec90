"""Probe-Former: a transformer along the relations of the canonical cell and a Gaussian process, both taught by proxies.

It started from NAR-Former V2 (arXiv 2306.10792) and differs from it as follows:

- It reads the canonical graph, directed, with multiplicities; V2 reads the raw graph, undirected.
- It knows zero-cost proxies: statistics of the signals and gradients in networks of the cell with random weights
  (`untrained_networks`), which need no training, data or label. If all cells of equal function have equal costs
  (NAS-Bench-101), it also knows the network's parameters and FLOPs. The process reads them, and the sum of some is what
  it expects before any label (`prior`). The transformers learn to predict them from the graph, for unlabelled cells
  too, which teaches them what a cell does. V2 knows neither.
- It has heads for parents, children, ancestors and descendants, with softmax, and feed-forward networks that read the
  neighbours (`relation_transformer`); V2 has one undirected attention without softmax, and grouped feed-forward
  networks.
- It learns normal scores of the labels' ranks, by squared error and a pairwise logistic loss; V2 learns fractions by
  relative error, sequence ranking and consistency with a relabelled view.
- It is an ensemble, trained as one batched model and averaged with a Gaussian process of fixed kernel (`cell_process`),
  with a weight that grows with the number of labels; V2 is a single network.
- Its deviation is calibrated on unseen labels: the process predicts each label without it, and from a few hundred
  labels on every member of the ensemble leaves some out, which it learns at the end.

A fit uses its labels, and of the space the proxies and path counts, which are computed and not measured.

Shapes: n labels, B cells, D different ones, M members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.predictors.base import Predictor, Progress, check_ranges
from nassurrogate.predictors.calibration import Calibration, HeldOut
from nassurrogate.predictors.cell_kernel import kernel_inputs
from nassurrogate.predictors.inputs.cells import CHUNK, ReadCells, chunks, is_tabulated, read, read_parts
from nassurrogate.predictors.inputs.path_features import class_numbers
from nassurrogate.predictors.labels.saved import label_arrays, read_labels
from nassurrogate.predictors.labels.scale import RankScale
from nassurrogate.predictors.probe_former.cell_process import CellPosterior, CellProcess
from nassurrogate.predictors.probe_former.network_config import RelationConfig
from nassurrogate.predictors.probe_former.part_average import PartAverage
from nassurrogate.predictors.probe_former.prior import PRIOR, class_prior
from nassurrogate.predictors.probe_former.relation_ensemble import RelationEnsemble
from nassurrogate.predictors.probe_former.scored_classes import ScoredClasses
from nassurrogate.predictors.proxy_process.prior import prior_scores, prior_slope
from nassurrogate.runtime.core_threads import on_all_cores
from nassurrogate.runtime.device import torch_device
from nassurrogate.spaces import CellSpace, Space


@dataclass(frozen=True)
class ProbeFormerConfig(RelationConfig):
    """Hyper-parameters, chosen on a third of cifar10's classes; an ablation switches parts off.

    network_share: limit of the transformers' weight in the average with the process for many labels; 0 leaves them out.
    even_labels: number of labels at which they have half of that weight.
    cross_fit_labels: from this many labels on, each member at first leaves some out, whose errors calibrate the
        deviation.
    process_labels: most labels that the process learns, a random choice.
    """

    network_share: float = 1.0
    even_labels: int = 100
    cross_fit_labels: int = 256
    process_labels: int = 5000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, _RANGES)


_RANGES = {
    "network_share": (0.0, 1.0),
    "even_labels": (0, 1_000_000_000),
    "cross_fit_labels": (2, 1_000_000_000),
    "process_labels": (1, 10_000),
}
_Parts: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]
"""In normal scores: the process's means (B,), the members' predictions (M, B), the process's spreads (B,)."""
_MOST_UNSEEN = 64
"""Most labels that a member leaves out: those of four members determine the coverage to within 2 points."""
_REFERENCE_CELLS = 512
_GPU_CHUNK = 4096
"""Cells that a GPU scores together."""
_OF_EVERY_GENERATION = ("network_share", "process_labels", "probes", "relations", "pairwise")
"""Hyper-parameters whose meaning has never changed."""
_GENERATION, _THIS_GENERATION = "generation", 2
"""A key of the state, and its value: of the first generation, the networks read the proxies."""
_SCALE = "labels.scores"


@dataclass(frozen=True)
class _Labels:
    """The training labels.

    Args:
        archs: n architectures.
        targets: (n,) in the metric's unit.
        classes: (n,) their class numbers.
        order: (k,) positions of the labels that the process learns, in its order.
    """

    archs: list[Architecture]
    targets: np.ndarray
    classes: np.ndarray
    order: np.ndarray


class ProbeFormer(Predictor[ProbeFormerConfig]):
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
    description = "relation transformer and Gaussian process on canonical cells and zero-cost proxies; seconds"
    presets: ClassVar[Mapping[str, ProbeFormerConfig]] = {"default": ProbeFormerConfig()}
    requires = CellSpace
    space: CellSpace
    _labels: _Labels
    _scale: RankScale
    _process: CellPosterior

    def __init__(self, space: Space, **options: Any) -> None:
        super().__init__(space, **options)
        torch_device(self.device)  # a missing device is refused now, not after labels have been evaluated

    def uses(self) -> list[str]:
        return read_parts(self.space, probes=self.config.probes)

    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        self._labels = self._ordered(list(archs), np.array(targets, dtype=np.float64))
        held = self._learn_process().held_out()
        unseen = self._unseen(held.place)
        self._network: RelationEnsemble | None = None
        if self.config.network_share > 0:
            self._network = RelationEnsemble.untrained(self.space, self._sized, self.seed, self.device)
            scores = self._scale.encode(self._labels.targets)
            self._network.learn(self._labels.classes, scores, unseen, progress)
        elif progress is not None:
            progress(1, 1)
        if unseen.size:
            self._freeze()
        self._calibration = self._calibrated(held, unseen)
        if self._network is not None and unseen.size and self.config.closing_epochs:
            self._network.learn_all(self._labels.classes, scores, progress)
        self._freeze()

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        if not archs:
            return np.empty(0), np.empty(0)
        process, members, spread = self._parts(class_numbers(self.space, archs))
        mean, raw = self._scale.decode_with_spread(self._average((process, _member_mean(members))), spread)
        return mean, self._calibration.std(raw)

    def posterior(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        if not archs:
            return np.empty(0), np.empty(0)
        process, members, spread = self._parts(class_numbers(self.space, archs))
        of_function = np.sqrt(np.maximum(spread**2 - self._process.noise, 0.0))
        return self._average((process, _member_mean(members))), of_function

    def encoded(self, targets: np.ndarray) -> np.ndarray:
        return self._scale.encode(np.asarray(targets, dtype=np.float64))

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        tensors = label_arrays(self.space, self._labels.archs, self._labels.targets)
        tensors |= {_SCALE: self._scale.scores} | self._process.state()
        if self._network is not None:
            tensors |= self._network.state()
        about = {"calibration": self._calibration.as_dict(), "average": self._average.as_dict()}
        return tensors, {**about, _GENERATION: _THIS_GENERATION}

    def learns_again(self, meta: Mapping[str, Any]) -> bool:
        return meta.get(_GENERATION) != _THIS_GENERATION  # a file of an earlier release

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        archs, targets = read_labels(self.space, tensors)
        if self.learns_again(meta):
            # Sizes and rates were those of other networks.
            self.config = ProbeFormerConfig(**{name: getattr(self.config, name) for name in _OF_EVERY_GENERATION})
            self.fit(archs, targets)
            return
        calibration = Calibration.from_dict(meta["calibration"])
        network = None
        if self.config.network_share > 0:
            sized = self.config.for_labels(len(targets))
            network = RelationEnsemble.restored(self.space, sized, tensors, self.seed, self.device)
        labels = self._ordered(archs, targets)
        average = PartAverage.from_dict(meta["average"], self._shares(len(targets)))
        scale = RankScale(tensors[_SCALE].copy(), np.unique(targets))
        process = CellPosterior.restored(self._labelled_inputs(labels), tensors, self._slope)
        self._labels, self._scale, self._process = labels, scale, process
        self._network, self._calibration, self._average = network, calibration, average
        self._forget_scores()

    def prior_scores(self, archs: Sequence[Architecture]) -> np.ndarray | None:
        return prior_scores(self.space, self.metric, archs, class_prior) if self.config.probes else None

    # --- the process ---------------------------------------------------------------------------------------------

    def _ordered(self, archs: list[Architecture], targets: np.ndarray) -> _Labels:
        order = np.random.default_rng(self.seed).permutation(len(targets))[: self.config.process_labels]
        return _Labels(archs, targets, class_numbers(self.space, archs), order)

    def _learn_process(self) -> CellProcess:
        labels = self._labels
        self._scale = RankScale.of(labels.targets)
        scores = self._scale.encode(labels.targets[labels.order])
        process = CellProcess(self._labelled_inputs(labels), scores, self._slope)
        self._process = process
        return process

    @property
    def _slope(self) -> float:
        """The expected slope of a label in the prior score."""
        return prior_slope(self.metric, PRIOR.slope)

    def _labelled_inputs(self, labels: _Labels) -> np.ndarray:
        classes = labels.classes[labels.order]
        return self._process_inputs(classes, read(self.space, classes))

    def _process_inputs(self, classes: np.ndarray, cells: ReadCells) -> np.ndarray:
        """(D, F): the features of the kernel, and the prior score."""
        knows = self.config.probes and self._slope != 0
        prior = class_prior(self.space)[classes] if knows else np.zeros(len(classes))
        probes = cells.probes if self.config.probes else None
        return np.column_stack([kernel_inputs(self.space, cells.paths, probes), prior])

    # --- deviations ----------------------------------------------------------------------------------------------

    def _unseen(self, known: np.ndarray) -> np.ndarray:
        """(M, k) labels that each member leaves out, among those that the process can predict without themselves.

        With few labels, all are needed and the process has most of the weight: k is 0, and its errors are used alone.
        """
        config, n = self._sized, len(self._labels.targets)
        cross_fit = config.network_share > 0 and n >= config.cross_fit_labels
        k = min(n // 8, _MOST_UNSEEN, len(known) // config.members) if cross_fit else 0
        unseen: np.ndarray = self._labels.order[known[len(known) - k * config.members :]].reshape(config.members, k)
        return unseen

    def _calibrated(self, held: HeldOut, unseen: np.ndarray) -> Calibration:
        """Calibrate on the labels that a member has not seen, or if there are none, on those the process left out."""
        label, process, spread = self._labels.order[held.place], held.mean, held.spread
        if unseen.size:
            label, process, spread = (part[len(part) - unseen.size :] for part in (label, process, spread))
            _, members, _ = self._parts(self._labels.classes[label])
            member = np.repeat(np.arange(len(unseen)), unseen.shape[1])
            process = self._average((process, members[member, np.arange(len(label))]))
        mean, raw = self._scale.decode_with_spread(process, spread)
        return Calibration.of(HeldOut(label, mean, raw), self._labels.targets)

    # --- both ----------------------------------------------------------------------------------------------------

    def _freeze(self) -> None:
        """Standardise the parts over a sample of the space."""
        self._forget_scores()
        reference = class_numbers(self.space, self.space.sample(_REFERENCE_CELLS, np.random.default_rng(0)))
        process, members, _ = self._parts(reference)
        self._average = PartAverage.over((process, _member_mean(members)), self._shares(len(self._labels.targets)))

    def _shares(self, n: int) -> tuple[float, float]:
        """The weights of the process and the networks after n labels; the networks need more labels."""
        share = self.config.network_share * n / (n + self.config.even_labels)
        return 1 - share, share

    def _forget_scores(self) -> None:
        self._known: ScoredClasses | None = None
        if is_tabulated(self.space):
            self._known = ScoredClasses(self.space.class_graphs.n_nodes, self._n_members + 2)

    @property
    def _n_members(self) -> int:
        """M; without networks, a single member that always predicts 0."""
        return 1 if self._network is None else self._sized.members

    @property
    def _sized(self) -> ProbeFormerConfig:
        """The configuration with every hyper-parameter set, for the labels of the last fit."""
        return self.config.for_labels(len(self._labels.targets))

    def _parts(self, classes: np.ndarray) -> _Parts:
        """The parts' predictions for (B,) classes."""
        if self._known is not None:
            scores = self._known.take(classes, self._scored)
        else:
            different, place = np.unique(classes, return_inverse=True)
            scores = self._scored(different)[:, place]
        return scores[0], scores[1:-1], scores[-1]

    def _scored(self, classes: np.ndarray) -> np.ndarray:
        """(M + 2, D) predictions for D different classes, in the order of `_Parts`; each independent of the others."""
        scores = np.zeros((self._n_members + 2, len(classes)))
        self._process.device = torch_device(self.device)
        scorer = None if self._network is None else self._network.scorer()

        def score(rows: np.ndarray) -> None:
            cells = read(self.space, classes[rows])
            mean, spread = self._process.predict(self._process_inputs(classes[rows], cells))
            # Rounded, as in some linear-algebra libraries the last digits of a row depend on its position.
            scores[0, rows], scores[-1, rows] = np.round(mean, 9), np.round(spread, 9)
            if scorer is not None:
                scores[1:-1, rows] = scorer(cells.graph)

        on_gpu = torch_device(self.device).type == "cuda"
        on_all_cores(score, chunks(self.space.class_graphs.n_nodes[classes], _GPU_CHUNK if on_gpu else CHUNK))
        return scores


def _member_mean(members: np.ndarray) -> np.ndarray:
    """(M, B) → (B,), summed member by member: NumPy's mean rounds a single column differently from one of many."""
    return np.asarray(sum(members[1:], start=members[0]) / len(members))
