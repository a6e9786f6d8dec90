"""The base class of the baselines: features in, positive targets out, deviations in proportion to the prediction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.predictors.base import Predictor, Progress, check_ranges
from nassurrogate.predictors.calibration import Calibration, Fold, out_of_fold
from nassurrogate.predictors.network_baselines.operator_sums import Columns, checked_kinds, kinds_of
from nassurrogate.spaces import Space
from nassurrogate.spaces.network_space import NetworkSpace


@dataclass(frozen=True)
class BaselineConfig:
    """Hyper-parameters.

    folds: parts of the labels that further fits leave out, whose relative errors give the deviation; 0: no further
        fit, and a deviation of 0. At most some 500 labels are left out: 5,000 labels in 10 folds need one further fit.
    """

    folds: int = 10

    def __post_init__(self) -> None:
        check_ranges(self, {"folds": (0, 1000)})
        if self.folds == 1:
            raise InputError("folds must be 0 or at least 2, got 1: a single fold leaves no labels to learn")


if TYPE_CHECKING:
    from typing_extensions import TypeVar

    ConfigT = TypeVar("ConfigT", bound=BaselineConfig, default=Any)
else:
    from typing import TypeVar

    ConfigT = TypeVar("ConfigT")


class Model(ABC):
    """What was learned: plain arrays."""

    @abstractmethod
    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """(B, F) features → (B,) predictions; the result for a row depends on that row alone."""

    @abstractmethod
    def tensors(self) -> dict[str, np.ndarray]:
        """All arrays by name."""


class NetworkBaseline(Predictor[ConfigT]):
    """Learns a positive metric, such as a latency, from features that are sums over operators.

    The deviation is proportional to the prediction, or nearly so (see `Calibration`): relative errors of labels that
    further fits have not seen set its width. With equal labels the prediction is that label. A saved predictor holds
    what was learned, and no labels.
    """

    requires = NetworkSpace
    space: NetworkSpace
    uses_device = False
    refits_at_once: ClassVar[bool] = False
    totals: ClassVar[tuple[str, ...]]
    """Quantities that are summed over the whole network."""
    per_kind: ClassVar[bool]
    """Whether the features include sums per kind of operator."""

    def __init__(self, space: Space, **options: Any) -> None:
        super().__init__(space, **options)
        self._columns: Columns | None = None
        self._model: Model | None = None
        self._calibration = Calibration(0.0, 0.0)

    @property
    def reads_canonical_cells(self) -> bool:
        """False: networks that compute the same by other operators differ in their costs."""
        return False

    @abstractmethod
    def _learn(self, rows: np.ndarray, labels: np.ndarray) -> Model:
        """Fit (n,) positive labels, not all equal, to (n, F) features."""

    @abstractmethod
    def _constant(self, columns: Columns, value: float) -> Model:
        """The model that predicts one value."""

    @abstractmethod
    def _restored(self, columns: Columns, tensors: Mapping[str, np.ndarray]) -> Model:
        """The inverse of `Model.tensors`; checks all shapes and values of the arrays."""

    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        labels = np.array(targets, dtype=np.float64)
        if not (labels > 0).all():
            least = f"{labels.min():g}"
            raise InputError(f"predictor {self.name!r} learns relative errors: targets must be above 0, got {least}")
        graphs = self._graphs(archs)
        columns = Columns(self.totals, kinds_of(graphs) if self.per_kind else ())
        rows = columns.rows(graphs)

        def fitted(known: np.ndarray) -> Model:
            values = labels[known]
            if np.ptp(values) == 0:
                return self._constant(columns, float(values[0]))
            return self._learn(rows[known], values)

        def fits(folds: Sequence[Fold]) -> list[tuple[np.ndarray, np.ndarray]]:
            predicted = []
            for done, fold in enumerate(folds):
                mean = fitted(fold.known)(rows[fold.held])
                predicted.append((mean, mean))  # errors grow with the latency: the prediction is the raw spread
                if progress is not None:
                    progress(done + 1, len(folds) + 1)
            n_folds.append(len(folds))
            return predicted

        n_folds: list[int] = []
        held_out = out_of_fold(fits, len(labels) if self.config.folds else 0, self.seed, folds=self.config.folds)
        model = fitted(np.arange(len(labels)))
        self._columns, self._model, self._calibration = columns, model, Calibration.of(held_out, labels)
        if progress is not None:
            total = sum(n_folds) + 1
            progress(total, total)

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        assert self._columns is not None
        assert self._model is not None
        mean = self._model(self._columns.rows(self._graphs(archs)))
        return mean, self._calibration.std(mean)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        assert self._columns is not None
        assert self._model is not None
        meta = {"kinds": list(self._columns.kinds), "calibration": self._calibration.as_dict()}
        return self._model.tensors(), meta

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        kinds = checked_kinds(meta["kinds"])
        if kinds and not self.per_kind:
            raise InputError(f"predictor {self.name!r} has no features of single kinds of operators, got {len(kinds)}")
        columns = Columns(self.totals, kinds)
        calibration = Calibration.from_dict(meta["calibration"])
        model = self._restored(columns, tensors)
        self._columns, self._model, self._calibration = columns, model, calibration

    def learns_again(self, meta: Mapping[str, Any]) -> bool:
        return False

    def _graphs(self, archs: Sequence[Architecture]) -> list[OperatorGraph]:
        return [self.space.operator_graph(arch) for arch in archs]
