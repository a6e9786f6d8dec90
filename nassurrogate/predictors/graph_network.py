"""The base class of predictors that train an ensemble of small networks on cells as graphs.

Shapes: B cells, V views of a cell (the cell itself, then relabelled ones), M members of the ensemble.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.predictors.base import Predictor, Progress, check_ranges
from nassurrogate.predictors.calibration import Calibration, Fold, HeldOut, split_folds
from nassurrogate.predictors.inputs.cell_cache import CellTable, cell_table
from nassurrogate.predictors.inputs.graph_batch import GraphBatch, relabelled
from nassurrogate.predictors.labels.scale import FractionScale, RankScale
from nassurrogate.predictors.training.checkpoint_choice import minus_tau
from nassurrogate.predictors.training.chunk_scoring import ChunkScorer
from nassurrogate.predictors.training.config import EnsembleConfig, check_choices
from nassurrogate.predictors.training.ensemble import Ensemble, Inputs, Labelled, Loss, Schedule
from nassurrogate.runtime.device import one_thread, torch_device
from nassurrogate.spaces import CellSpace, Space

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    TrainingT = TypeVar("TrainingT", bound="TrainingConfig", default=Any)
else:
    from typing import TypeVar

    TrainingT = TypeVar("TrainingT")

# Rows that are scored together, and their precision, by kind of device.
_SCORING = {"cpu": (64, torch.float64), "cuda": (2048, torch.float32)}
_FOLD_MEMBERS = 2
"""Members that learn all folds but one: the fewest that have a spread."""


@dataclass(frozen=True)
class TrainingConfig(EnsembleConfig):
    """Hyper-parameters of the ensemble and its training.

    labels: `rank` learns normal scores of the labels' ranks; `fraction` learns labels / 100.
    averaging: decay of the moving average of the weights, which is the result; 0: no average.
    folds: parts of the labels that additional members leave out, whose errors calibrate the deviation; 0: the deviation
        is the spread of the members.
    holdout: share of the labels held out for early stopping; 0 trains for all epochs and keeps the last weights.
    patience: epochs without a lower loss on the held-out labels after which training stops.
    """

    labels: str = "rank"
    averaging: float = 0.0
    folds: int = 3
    holdout: float = 0.0
    patience: int = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self, {"labels": ("rank", "fraction")})
        check_ranges(self, _RANGES)
        if self.folds == 1:
            raise InputError("folds must be 0 or at least 2, got 1: a single fold leaves no labels to learn")

    def schedule(self, labels: int) -> Schedule:
        """The schedule for this many labels."""
        return replace(super().schedule(labels), patience=self.patience, averaging=self.averaging)


_RANGES = {"averaging": (0.0, 0.9999), "folds": (0, 20), "holdout": (0.0, 0.99), "patience": (1, 10_000_000)}


class GraphNetworkPredictor(Predictor[TrainingT]):
    """An ensemble of networks that read a cell as a graph, trained together.

    A subclass builds one network (`_network`), turns encoded cells into its inputs (`_read`) and defines the loss
    (`_loss`); its presets are `TrainingConfig`s. The network must compute a row from that row of its inputs alone.

    `calibration` turns the spread of the members into a deviation. The members that learn all folds of the labels but
    one are trained together with the others, and then discarded.
    """

    requires = CellSpace
    space: CellSpace

    def __init__(self, space: Space, **options: Any) -> None:
        super().__init__(space, **options)
        self._scorer: ChunkScorer | None = None
        self._selection: Labelled | None = None
        torch_device(self.device)  # a missing device is refused now, not after labels have been evaluated

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_scorer": None}  # a CUDA graph cannot be pickled: it is captured again

    def uses(self) -> list[str]:
        return ["canonical graph" if self.reads_canonical_cells else "raw graph"]

    @abstractmethod
    def _network(self) -> nn.Module:
        """An untrained network: inputs with rows first → (rows,) predictions."""

    @abstractmethod
    def _read(self, op: Tensor, adjacency: Tensor, position: Tensor, mask: Tensor) -> Inputs:
        """The network's inputs from operations (…, N), adjacency (…, N, N), positions (…, N) and mask (…, N).

        The position of a node is its depth in a canonical graph, and its number in a raw one.
        """

    @property
    @abstractmethod
    def _loss(self) -> Loss:
        """The loss to minimise."""

    @property
    @abstractmethod
    def _width(self) -> int:
        """Width of the network; a narrow one runs on one thread."""

    @property
    @abstractmethod
    def _vocabulary(self) -> tuple[str, ...]:
        """Names of the operations, in the order of their numbers."""

    @property
    def reads_canonical_cells(self) -> bool:
        """Whether the network reads the canonical graph of a cell; otherwise it reads the raw graph."""
        return True

    @property
    def _relabels(self) -> bool:
        """Whether training pairs each cell with an isomorphic relabelling."""
        return False

    def _check_targets(self, targets: np.ndarray) -> None:
        """Raise `InputError` for targets that the configuration cannot learn."""

    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        config = self.config
        targets = np.array(targets, dtype=np.float64)
        self._check_targets(targets)
        device = torch_device(self.device)
        rng = np.random.default_rng(self.seed)
        scale = RankScale.of(targets) if config.labels == "rank" else FractionScale()
        data = Labelled(self.inputs(archs, rng), torch.from_numpy(scale.encode(targets)).float().to(device))
        order = rng.permutation(len(data))
        n_stopping = 0 if self._selection else min(round(config.holdout * len(data)), len(data) - 1)
        stopping, learned = order[:n_stopping], order[n_stopping:]
        folds = split_folds(len(learned), self.seed, folds=config.folds) if config.folds else []
        members = config.members + len(folds) * _FOLD_MEMBERS
        ensemble = Ensemble.untrained(self._network, members, self.seed, device)
        schedule = config.schedule(len(data))
        with one_thread(device, self._width):
            ensemble.fit(
                _subset(data, learned),
                replace(schedule, patience=schedule.epochs) if self._selection else schedule,
                self._loss,
                held_out=_subset(data, stopping) if n_stopping else self._selection,
                criterion=minus_tau if self._selection else None,
                pools=_pools(config.members, folds, len(learned), rng),
                progress=progress,
            )
        self._ensemble = self._part(ensemble, slice(config.members))
        self._scale, self._scorer = scale, None
        self._calibration = Calibration(1.0, 0.0)
        if folds:
            cells = self._table.take(self._table.rows([archs[label] for label in learned]))
            scorer = self._scorer_of(self._part(ensemble, slice(config.members, None)), *_SCORING[device.type])
            self._calibration = Calibration.of(self._held_out(self._scores(scorer, cells), folds), targets[learned])

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        if not archs:
            return np.empty(0), np.empty(0)
        scores, place = self._different_scores(archs, None)
        mean, spread = self._in_units(scores)
        return mean[place], self._calibration.std(spread)[place]

    def posterior(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        """On the scale of the members, with their own spread: in the labels' unit, it is widest for the worst cells."""
        if not archs:
            return np.empty(0), np.empty(0)
        scores, place = self._different_scores(archs, None)
        mean, spread = _over_members(scores)
        return mean[place], spread[place]

    def encoded(self, targets: np.ndarray) -> np.ndarray:
        return self._scale.encode(np.asarray(targets, dtype=np.float64))

    def member_scores(self, archs: Sequence[Architecture], scorer: ChunkScorer | None = None) -> np.ndarray:
        """(M, B) predictions of the members for B > 0 architectures, on the scale they learned; see `scorer`."""
        scores, place = self._different_scores(archs, scorer)
        return scores[:, place]

    def scorer(self, chunk: int | None = None, dtype: torch.dtype | None = None) -> ChunkScorer:
        """A scorer of encoded cells (op, adjacency, position, mask); by default that of `predict`.

        Args:
            chunk: how many cells are scored together.
            dtype: in which precision.
        """
        usual_chunk, usual_dtype = _SCORING[self._ensemble.device.type]
        return self._scorer_of(self._ensemble, chunk or usual_chunk, dtype or usual_dtype)

    def different_cells(self, archs: Sequence[Architecture]) -> GraphBatch:
        """The graphs of architectures, each once: what is scored."""
        return self._table.take(np.unique(self._table.rows(archs)))

    def inputs(self, archs: Sequence[Architecture], rng: np.random.Generator | None = None) -> Inputs:
        """(B, V, …) inputs of the network: the cells and, with `rng`, the relabelled views that training adds."""
        cells = self._table.take(self._table.rows(archs))
        views = [cells]
        if rng is not None and self._relabels:
            views.append(relabelled(cells, rng, depth_as_position=self.reads_canonical_cells))
        device = torch_device(self.device)
        parts = (np.stack(parts, axis=1) for parts in zip(*(vars(view).values() for view in views), strict=True))
        return self._read(*(torch.from_numpy(part).to(device) for part in parts))

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        tensors = {f"weights.{name}": value.cpu().numpy() for name, value in self._ensemble.weights.items()}
        if isinstance(self._scale, RankScale):
            tensors |= {"labels.scores": self._scale.scores, "labels.values": self._scale.values}
        return tensors, {"calibration": self._calibration.as_dict()}

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        config = self.config
        ranked = config.labels == "rank"
        scale = RankScale(tensors["labels.scores"], tensors["labels.values"]) if ranked else FractionScale()
        calibration = Calibration.from_dict(meta["calibration"])
        saved = {name.removeprefix("weights."): value for name, value in tensors.items() if name.startswith("weights.")}
        device = torch_device(self.device)
        self._ensemble = Ensemble.restored(self._network, config.members, saved, self.seed, device)
        self._scale, self._calibration, self._scorer = scale, calibration, None

    @property
    def _table(self) -> CellTable:
        return cell_table(self.space, self._vocabulary, canonical=self.reads_canonical_cells)

    def _different_scores(
        self, archs: Sequence[Architecture], scorer: ChunkScorer | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(M, D) scores of the different cells among B > 0, and (B,) the position of each cell among them."""
        different, place = np.unique(self._table.rows(archs), return_inverse=True)
        device = self._ensemble.device
        if scorer is None:
            scorer = self._scorer or self.scorer()
            if device.type == "cuda":
                self._scorer = scorer  # one CUDA graph per fit
        return self._scores(scorer, self._table.take(different)), place

    def _scores(self, scorer: ChunkScorer, cells: GraphBatch) -> np.ndarray:
        """(M, B) predictions of a scorer's members for B cells, on the scale they learned."""
        with one_thread(torch_device(self.device), self._width):
            scores = scorer(*vars(cells).values())
        # Rounded, as in some linear-algebra libraries the last digits of a row depend on its position.
        return np.round(scores.astype(np.float64), 9)

    def _scorer_of(self, ensemble: Ensemble, chunk: int, dtype: torch.dtype) -> ChunkScorer:
        frozen = ensemble.frozen(dtype)

        def score(op: Tensor, adjacency: Tensor, position: Tensor, mask: Tensor) -> Tensor:
            read = self._read(op, adjacency, position, mask)
            return frozen(*(part.to(dtype) if part.is_floating_point() else part for part in read))

        return ChunkScorer(score, chunk, ensemble.device)

    def _in_units(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(M, B) scores of members → (B,) means and (B,) spreads, in the unit of the labels."""
        return self._scale.decode_with_spread(*_over_members(scores))

    def _held_out(self, scores: np.ndarray, folds: Sequence[Fold]) -> HeldOut:
        """Predictions of the labels that each fold leaves out, by its members: scores (folds · members of one, n)."""
        by_fold = np.split(scores, len(folds))
        parts = [self._in_units(each[:, fold.held]) for each, fold in zip(by_fold, folds, strict=True)]
        mean, spread = (np.concatenate(each) for each in zip(*parts, strict=True))
        return HeldOut(np.concatenate([fold.held for fold in folds]), mean, spread)

    def _part(self, ensemble: Ensemble, members: slice) -> Ensemble:
        weights = {name: value[members].clone() for name, value in ensemble.weights.items()}
        return Ensemble(self._network, weights, ensemble.seed, ensemble.device)


def _over_members(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(M, B) scores → (B,) means and (B,) standard deviations."""
    by_cell = np.ascontiguousarray(scores.T)  # NumPy adds along rows in one order, however many there are
    mean = by_cell.mean(axis=1)
    return mean, by_cell.std(axis=1, ddof=1) if len(scores) > 1 else np.zeros_like(mean)


def _pools(members: int, folds: Sequence[Fold], n: int, rng: np.random.Generator) -> np.ndarray:
    """(M, n) rows that each member learns: all, or those that its fold knows, some of them repeated."""
    pools = [np.arange(n)] * members
    for fold in folds:
        for _ in range(_FOLD_MEMBERS):
            pools.append(np.concatenate([fold.known, rng.choice(fold.known, len(fold.held))]))
    return np.stack(pools)


def _subset(data: Labelled, rows: np.ndarray) -> Labelled:
    picked = torch.from_numpy(rows).to(data.targets.device)
    return Labelled(tuple(part[picked] for part in data.inputs), data.targets[picked])
