"""The base class of predictors that read an architecture as a row of features.

Shapes: n labels, B architectures, D different rows of F features.
"""

from __future__ import annotations

import importlib.util
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.predictors.base import ConfigT, Predictor, Progress
from nassurrogate.predictors.calibration import Calibration, Fold, out_of_fold
from nassurrogate.predictors.inputs.features import feature_reading
from nassurrogate.predictors.labels.saved import label_arrays, read_labels
from nassurrogate.predictors.labels.scale import RankScale
from nassurrogate.spaces import Space

Scorer: TypeAlias = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(D, F) features → (D,) means and (D,) spreads, in normal scores; the result for a row depends on that row alone.

It is pickled with its predictor, so it is an instance of a class or a module-level function.
"""
Task: TypeAlias = tuple[np.ndarray, np.ndarray]
"""The data of a fit: (n, F) features and (n,) normal scores of the labels' ranks, not all equal."""
_PIECE = 1 << 15
"""Architectures whose features are in memory at a time."""
_CHUNK = 256
"""Rows per call of linear algebra, always the same number."""


class FeaturePredictor(Predictor[ConfigT]):
    """Learns normal scores of the labels' ranks from rows of features (see `feature_reading`), predicts in their unit.

    A subclass implements `_learn`. `calibration` turns its spread into a standard deviation, by fits to folds of the
    labels. With a single label, or equal labels, the prediction is that label and the deviation 0: the surrogate then
    estimates how far other architectures may be from it.

    A saved predictor holds its labels and calibration, and is refitted on load: libraries of classical models have no
    file format that is safe to read from strangers. The refit is exact with the same releases of the libraries.
    """

    paths_alone: ClassVar[bool] = False
    """Whether it reads only path features of canonical cells."""
    uses_device = False
    library: ClassVar[str | None] = None
    """The optional module that a fit imports, if any."""

    def __init__(self, space: Space, **options: Any) -> None:
        super().__init__(space, **options)
        self._reading = feature_reading(space, self.metric, paths_alone=self.paths_alone)
        if self.library is not None and importlib.util.find_spec(self.library) is None:
            raise InputError(
                f"predictor {self.name!r} needs {self.library}, which is not installed; "
                'run: pip install "nassurrogate[peers]"'
            )

    def uses(self) -> list[str]:
        return self._reading.uses

    @property
    def reads_canonical_cells(self) -> bool:
        return self._reading.is_canonical

    @abstractmethod
    def _learn(self, task: Task, like: Scorer | None = None) -> Scorer:
        """Fit one model. `like` is a model of more labels, whose hyper-parameters may be reused to save time."""

    def _learn_each(self, tasks: Sequence[Task], like: Scorer) -> Iterator[Scorer]:
        """`_learn` for every fold; a subclass may learn them together."""
        return (self._learn(task, like) for task in tasks)

    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        archs, labels = list(archs), np.array(targets, dtype=np.float64)
        features = self._reading.rows(archs)
        model = self._model(features, labels)

        def fits(folds: Sequence[Fold]) -> list[tuple[np.ndarray, np.ndarray]]:
            _report(progress, 1, len(folds))
            predicted = []
            for fold, each in zip(folds, self._fold_models(features, labels, folds, model), strict=True):
                predicted.append(each(features[fold.held]))
                _report(progress, 1 + len(predicted), len(folds))
            return predicted

        held_out = out_of_fold(fits, len(labels), self.seed)
        if not len(held_out.place):
            _report(progress, 1, 0)
        self._keep(archs, labels, model, Calibration.of(held_out, labels))

    def learn(self, tasks: Sequence[Task], like: Scorer | None = None) -> list[Scorer]:
        """A model for each task, without calibration: for a predictor that is made of others.

        Args:
            tasks: the data of each fit.
            like: a model of more labels, whose hyper-parameters may be reused for all tasks to save time.
        """
        return [self._learn(task) for task in tasks] if like is None else list(self._learn_each(tasks, like))

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        if not archs:
            return np.empty(0), np.empty(0)
        parts = [self._predict_some(archs[start : start + _PIECE]) for start in range(0, len(archs), _PIECE)]
        mean, std = (np.concatenate(each) for each in zip(*parts, strict=True))
        return mean, std

    def _predict_some(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        features, place = self._reading.distinct(archs)
        mean, spread = self._learned.model(features)
        return mean[place], self._learned.calibration.std(spread)[place]

    def posterior(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        """In normal scores, with the raw spread: in the labels' unit, it is widest for the worst architectures."""
        parts = [(np.empty(0), np.empty(0))]
        for start in range(0, len(archs), _PIECE):
            features, place = self._reading.distinct(archs[start : start + _PIECE])
            mean, spread = self._learned.model.scores(features)
            parts.append((mean[place], spread[place]))
        mean, std = (np.concatenate(each) for each in zip(*parts, strict=True))
        return mean, std

    def encoded(self, targets: np.ndarray) -> np.ndarray:
        return self._learned.model.scale.encode(np.asarray(targets, dtype=np.float64))

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        learned = self._learned
        return label_arrays(self.space, learned.archs, learned.labels), {"calibration": learned.calibration.as_dict()}

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        calibration = Calibration.from_dict(meta["calibration"])
        archs, labels = read_labels(self.space, tensors)
        self._keep(archs, labels, self._model(self._reading.rows(archs), labels), calibration)

    def _keep(self, archs: list[Architecture], labels: np.ndarray, model: LabelModel, calibration: Calibration) -> None:
        self._learned = _Learned(archs, labels, model, calibration)

    def _model(self, features: np.ndarray, labels: np.ndarray) -> LabelModel:
        scale = RankScale.of(labels)
        return LabelModel(scale, self._learn((features, scale.encode(labels))) if len(scale.values) > 1 else None)

    def _fold_models(
        self, features: np.ndarray, labels: np.ndarray, folds: Sequence[Fold], model: LabelModel
    ) -> Iterator[LabelModel]:
        if model.scorer is None:
            return (model for _ in folds)
        scales = [RankScale.of(labels[fold.known]) for fold in folds]
        tasks = [
            (features[fold.known], scale.encode(labels[fold.known]))
            for fold, scale in zip(folds, scales, strict=True)
            if len(scale.values) > 1
        ]
        scorers = self._learn_each(tasks, model.scorer)
        return (LabelModel(scale, next(scorers) if len(scale.values) > 1 else None) for scale in scales)


@dataclass(frozen=True)
class LabelModel:
    """Predicts in the labels' unit; without a scorer, the only value of its labels."""

    scale: RankScale
    scorer: Scorer | None

    def __call__(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(D, F) → (D,) means and (D,) spreads."""
        return self.scale.decode_with_spread(*self.scores(features))

    def scores(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(D, F) → (D,) means and (D,) spreads in normal scores; without a scorer, those of the prior."""
        if self.scorer is None:
            return np.zeros(len(features)), np.ones(len(features))
        # Rounded, as in some linear-algebra libraries the last digits of a row depend on its position.
        mean, spread = (np.round(part, 9) for part in self.scorer(features))
        return mean, spread


@dataclass(frozen=True)
class _Learned:
    archs: list[Architecture]
    labels: np.ndarray
    model: LabelModel
    calibration: Calibration


def _report(progress: Progress | None, done: int, folds: int) -> None:
    if progress is not None:
        progress(done, 1 + folds)


def in_chunks(score: Scorer) -> Scorer:
    """A scorer that always gets the same number of rows: rounding in linear algebra depends on it."""
    return _InChunks(score)


@dataclass(frozen=True)
class _InChunks:
    """Pads the last chunk with the first row."""

    score: Scorer

    def __call__(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = []
        for start in range(0, len(features), _CHUNK):
            rows = np.arange(start, start + _CHUNK)
            rows[rows >= len(features)] = 0
            parts.append(self.score(features[rows]))
        mean, spread = (np.concatenate(each)[: len(features)] for each in zip(*parts, strict=True))
        return mean, spread
