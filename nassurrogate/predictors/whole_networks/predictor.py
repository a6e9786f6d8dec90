"""The base class of predictors that train one network on the operator graphs of whole networks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
from nassurrogate.predictors.base import Predictor, Progress
from nassurrogate.predictors.calibration import Calibration, Fold, HeldOut, split_folds
from nassurrogate.predictors.training.steps import Schedule
from nassurrogate.predictors.training.weights import checked_weights, seeded, structure
from nassurrogate.predictors.whole_networks.batches import GraphSet
from nassurrogate.predictors.whole_networks.config import WholeNetworkConfig
from nassurrogate.predictors.whole_networks.training import train
from nassurrogate.runtime.device import one_thread, torch_device
from nassurrogate.spaces import Space
from nassurrogate.spaces.network_space import NetworkSpace

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    ConfigT = TypeVar("ConfigT", bound=WholeNetworkConfig, default=Any)
else:
    from typing import TypeVar

    ConfigT = TypeVar("ConfigT")

_ENOUGH = 50
"""Held-out labels after which no further fit is made for the deviation."""
_PIECE = 2048
"""Graphs that are encoded at a time."""
_NODES = 4096
"""Nodes of a batch that is scored, unless a single graph has more."""
_DIGITS = 9
"""Significant digits of a prediction. In double precision the sums of a batch differ, with its size, after 13."""
_UNIT_QUANTILE = 0.1
"""Of the labels, is the unit in which a network learns them if its configuration says `scaled`."""
_FINE_TUNING_EPOCHS = 50
_FINE_TUNING_RATE = 0.3


class WholeNetworkPredictor(Predictor[ConfigT]):
    """A network that reads a whole network as a graph of operators, trained by the mean squared relative error.

    Targets are above 0 (milliseconds, for a latency). The last weights are kept. The deviation is proportional to the
    prediction, or nearly so (see `Calibration`): relative errors of labels that further fits have not seen set its
    width. With equal labels the prediction is that label.

    A subclass builds the network and encodes operators and graphs.
    """

    requires = NetworkSpace
    space: NetworkSpace

    def __init__(self, space: Space, **options: Any) -> None:
        super().__init__(space, **options)
        self._weights: dict[str, np.ndarray] = {}
        self._unit = 1.0
        self._constant: float | None = None
        self._calibration = Calibration(0.0, 0.0)
        self._scoring: nn.Module | None = None
        torch_device(self.device)  # a missing device is refused now, not after labels have been measured

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_scoring": None}  # it is made again of the weights

    def uses(self) -> list[str]:
        return ["operator graph"]

    @property
    def reads_canonical_cells(self) -> bool:
        """False: networks that compute the same by other operators differ in their costs."""
        return False

    @abstractmethod
    def _network(self) -> nn.Module:
        """An untrained network: `GraphBatch` of G graphs → (G,) predictions above 0."""

    @abstractmethod
    def _node_features(self, operators: Sequence[Operator]) -> np.ndarray:
        """U operators → (U, F) float32."""

    @abstractmethod
    def _static_features(self, graphs: Sequence[OperatorGraph]) -> np.ndarray:
        """G graphs → (G, S) float32."""

    @property
    @abstractmethod
    def _width(self) -> int:
        """Width of the network; a narrow one runs on one thread."""

    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        self.fit_encoded(self.encoded_networks(archs), np.arange(len(archs)), targets, progress=progress)

    def fit_encoded(
        self, graphs: GraphSet, rows: np.ndarray, targets: np.ndarray, *, progress: Progress | None = None
    ) -> None:
        """`fit` on some of many encoded networks, for fits that share them.

        Args:
            graphs: on the predictor's device.
            rows: (n,) which of them to learn.
            targets: (n,) above 0.
            progress: called with (epochs done, epochs in all).
        """
        self._weights, self._constant, self._scoring = {}, None, None
        self._learn(graphs, rows, targets, self.config.schedule(len(rows)), progress)

    def adapt(self, archs: Sequence[Architecture], targets: np.ndarray) -> None:
        self.fine_tune(archs, targets)

    def fine_tune(
        self,
        archs: Sequence[Architecture],
        targets: np.ndarray,
        *,
        epochs: int = _FINE_TUNING_EPOCHS,
        learning_rate: float | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Learn further labels from the present weights on, for example those of 20 networks of a new family.

        The deviation is then that of such networks.

        Args:
            archs: n networks.
            targets: (n,) above 0.
            epochs: how often each is visited.
            learning_rate: at its peak; None: 0.3 times that of the fit.
            progress: called with (epochs done, epochs in all).

        Raises `InputError` before the first fit, and for targets that are not above 0.
        """
        graphs, rows = self.encoded_networks(archs), np.arange(len(archs))
        self.fine_tune_encoded(graphs, rows, targets, epochs=epochs, learning_rate=learning_rate, progress=progress)

    def fine_tune_encoded(
        self,
        graphs: GraphSet,
        rows: np.ndarray,
        targets: np.ndarray,
        *,
        epochs: int = _FINE_TUNING_EPOCHS,
        learning_rate: float | None = None,
        progress: Progress | None = None,
    ) -> None:
        """`fine_tune` on some of many encoded networks; see `fit_encoded`."""
        if not self._weights:
            if self._constant is None:
                raise InputError("fine_tune starts from a fitted predictor; call fit, or load a saved one")
            self.fit_encoded(graphs, rows, targets, progress=progress)  # a constant has no weights to start from
            return
        rate = _FINE_TUNING_RATE * self.config.learning_rate if learning_rate is None else learning_rate
        changed = replace(self.config, epochs=epochs, learning_rate=rate, max_steps=0)
        self._learn(graphs, rows, targets, changed.schedule(len(rows)), progress)

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        mean = np.empty(len(archs))
        for start in range(0, len(archs), _PIECE):
            piece = archs[start : start + _PIECE]
            mean[start : start + len(piece)] = self.predict_encoded(self.encoded_networks(piece))
        return mean, self._calibration.std(mean)

    def predict_encoded(self, graphs: GraphSet, rows: np.ndarray | None = None) -> np.ndarray:
        """(k,) predictions of encoded networks, each independent of the others.

        Args:
            graphs: on the predictor's device; they may come from any space.
            rows: (k,) which of them; None: all.
        """
        rows = np.arange(len(graphs)) if rows is None else rows
        if self._constant is not None:
            return np.full(len(rows), self._constant)
        if self._scoring is None:
            self._scoring = self._restored(self._weights).double()
        return self._unit * _scores(self._scoring, graphs, rows, self._width)

    def encoded_networks(self, archs: Sequence[Architecture]) -> GraphSet:
        """Architectures of the space as inputs of the network, on the predictor's device."""
        return self.encoded_graphs([self.space.operator_graph(arch) for arch in archs])

    def encoded_graphs(self, graphs: Sequence[OperatorGraph]) -> GraphSet:
        """Operator graphs, of any space, as inputs of the network, on the predictor's device."""
        return GraphSet.of(graphs, self._node_features, self._static_features, torch_device(self.device))

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        meta = {"calibration": self._calibration.as_dict()}
        if self._constant is not None:
            return {"constant": np.array([self._constant])}, meta
        weights = {f"weights.{name}": value for name, value in self._weights.items()}
        return {"unit": np.array([self._unit]), **weights}, meta

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        calibration = Calibration.from_dict(meta["calibration"])
        constant = _checked_number("constant", tensors) if "constant" in tensors else None
        unit = 1.0 if constant is not None else _checked_number("unit", tensors)
        weights: dict[str, np.ndarray] = {}
        if constant is None:
            shapes = {name: tuple(value.shape) for name, value in structure(self._network).state_dict().items()}
            saved = {
                key.removeprefix("weights."): value for key, value in tensors.items() if key.startswith("weights.")
            }
            weights = checked_weights(shapes, saved)
        self._weights, self._unit, self._constant = weights, unit, constant
        self._calibration, self._scoring = calibration, None

    def learns_again(self, meta: Mapping[str, Any]) -> bool:
        return False

    def _learn(
        self, graphs: GraphSet, rows: np.ndarray, targets: np.ndarray, schedule: Schedule, progress: Progress | None
    ) -> None:
        labels = np.array(targets, dtype=np.float64)
        if not (labels > 0).all():
            least = f"{labels.min():g}"
            raise InputError(f"predictor {self.name!r} learns relative errors: targets must be above 0, got {least}")
        if not self._weights and (labels == labels[0]).all():
            self._constant, self._calibration = float(labels[0]), Calibration(0.0, 0.0)
            if progress is not None:
                progress(1, 1)
            return
        if not self._weights:
            self._unit = float(np.quantile(labels, _UNIT_QUANTILE)) if self.config.scaled else 1.0
        n, n_folds = len(labels), self.config.folds
        folds = split_folds(n, self.seed, folds=n_folds, enough=_ENOUGH) if n_folds else []
        everything = Fold(np.arange(n), np.arange(0))
        count = _Counter(progress, schedule.epochs * (len(folds) + 1))
        held, predicted = [everything.held], [labels[:0]]
        with one_thread(graphs.row.device, self._width):
            for fold in [*folds, everything]:
                network = self._restored(self._weights) if self._weights else self._untrained()
                chosen = rows[fold.known], labels[fold.known] / self._unit
                train(network, graphs, *chosen, schedule, self.seed, after_epoch=count)
                if fold is not everything:
                    held.append(fold.held)
                    predicted.append(self._unit * _scores(network.double(), graphs, rows[fold.held], self._width))
        unseen = np.concatenate(predicted)
        # Errors grow with the latency: the prediction itself is the raw spread.
        self._calibration = Calibration.of(HeldOut(np.concatenate(held), unseen, unseen), labels)
        self._weights = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
        self._scoring = None

    def _untrained(self) -> nn.Module:
        with seeded(self.seed, torch.device("cpu")):
            return self._network().to(torch_device(self.device))

    def _restored(self, weights: Mapping[str, np.ndarray]) -> nn.Module:
        network = structure(self._network).to_empty(device=torch_device(self.device))
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        return network


class _Counter:
    """Reports each epoch of several fits in a row."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)


def _scores(network: nn.Module, graphs: GraphSet, rows: np.ndarray, width: int) -> np.ndarray:
    """(k,) predictions, in double precision, for k of the graphs."""
    device = graphs.row.device
    ends = np.cumsum(graphs.node_counts[rows])
    pieces = np.split(rows, np.flatnonzero(np.diff(ends // _NODES)) + 1)
    with torch.no_grad(), one_thread(device, width):
        scores = [network(graphs.batch(piece, torch.float64)).cpu().numpy() for piece in pieces]
    return _rounded(np.concatenate(scores))


def _rounded(numbers: np.ndarray) -> np.ndarray:
    """Numbers above 0 to their first digits."""
    unit = 10.0 ** (np.floor(np.log10(numbers)) - _DIGITS + 1)
    return np.asarray(np.round(numbers / unit) * unit)


def _checked_number(name: str, tensors: Mapping[str, np.ndarray]) -> float:
    value = tensors[name]
    if value.shape != (1,) or value.dtype != np.float64 or not 0 < value[0] < np.inf:
        raise InputError(f"{name!r} must be one number above 0, float64(1,), got {value.dtype}{value.shape}")
    return float(value[0])
