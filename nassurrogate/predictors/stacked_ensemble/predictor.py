"""A stack of predictors: their weighted mean, with weights chosen by cross-validation on the training labels.

One set of folds serves both the weights (see `weights`) and the calibration; the members' own deviations are not
calibrated, which would take folds within folds.

Shapes: n labels, D different rows of F features, M members.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief
from nassurrogate.predictors import make_predictor, resolve_predictor
from nassurrogate.predictors.base import Progress, check_ranges
from nassurrogate.predictors.calibration import Calibration, Fold, out_of_fold
from nassurrogate.predictors.feature_predictor import FeaturePredictor, LabelModel, Scorer, Task
from nassurrogate.predictors.stacked_ensemble.weights import StackWeights
from nassurrogate.spaces import Space

_NAME = "ensemble"
_MOST_MEMBERS = 16


@dataclass(frozen=True)
class StackConfig:
    """Hyper-parameters: `members`, names (or name:preset) joined by commas; `folds` for their weights."""

    members: str = "gaussian-process,gradient-boosting,random-forest,ridge"
    folds: int = 5

    def __post_init__(self) -> None:
        check_ranges(self, {"folds": (2, 20)})
        names = self.names
        plain = {name.partition(":")[0] for name in names}
        if not 1 <= len(names) <= _MOST_MEMBERS or len(set(names)) < len(names) or _NAME in plain:
            raise InputError(
                f"members must be 1 to {_MOST_MEMBERS} different predictors other than {_NAME!r}, joined by commas, "
                f"got {brief(self.members)}"
            )

    @property
    def names(self) -> list[str]:
        """The members one by one."""
        return [name.strip() for name in self.members.split(",")]


class StackedEnsemble(FeaturePredictor[StackConfig]):
    """The weighted mean of several predictors of path features; it is unsure where they disagree or are unsure.

    Raises `InputError` for a member that does not read path features.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> predictor = StackedEnsemble(space, config={"members": "gaussian-process,ridge"})
    >>> predictor.fit(space.parse_many([0, 1, 2]), np.array([85.5, 90.8, 72.1]))
    >>> mean, std = predictor.predict(space.parse_many([5, 6]))
    >>> mean.shape, std.shape
    ((2,), (2,))
    >>> sorted(predictor.weights)
    ['gaussian-process', 'ridge']
    """

    name = _NAME
    description = "stack of Gaussian process, boosting, forest and ridge, weights cross-validated; CPU, seconds"
    presets: ClassVar[Mapping[str, StackConfig]] = {"default": StackConfig()}

    def __init__(self, space: Space, **options: Any) -> None:
        super().__init__(space, **options)
        self._members = [self._member(name) for name in self.config.names]

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each member, by name, after a fit."""
        return dict(zip(self.config.names, self._stack.weight, strict=True))

    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        report = progress if progress is not None else _ignore
        archs, labels = list(archs), np.array(targets, dtype=np.float64)
        features = self._reading.rows(archs)
        whole = self._model(features, labels)
        stack = StackWeights.equal(len(self._members))
        report(1, 2)

        def fits(folds: Sequence[Fold]) -> list[tuple[np.ndarray, np.ndarray]]:
            nonlocal stack
            models = list(self._fold_models(features, labels, folds, whole))
            held = [features[fold.held] for fold in folds]
            if whole.scorer is not None:
                each = [self._each(model, rows) for model, rows in zip(models, held, strict=True)]
                known = np.concatenate([fold.held for fold in folds])
                stack = StackWeights.of(np.concatenate(each), whole.scale.encode(labels)[known])
            return [_stacked(model, stack)(rows) for model, rows in zip(models, held, strict=True)]

        held_out = out_of_fold(fits, len(labels), self.seed, folds=self.config.folds)
        self._stack = stack
        self._keep(archs, labels, whole, Calibration.of(held_out, labels))
        report(2, 2)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        tensors, meta = super().state()
        return tensors, {**meta, "stack": self._stack.as_dict()}

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        self._stack = StackWeights.from_dict(meta["stack"], len(self._members))
        super().load_state(tensors, meta)

    def _keep(self, archs: list[Architecture], labels: np.ndarray, model: LabelModel, calibration: Calibration) -> None:
        super()._keep(archs, labels, _stacked(model, self._stack), calibration)

    def _learn(self, task: Task, like: Scorer | None = None) -> Scorer:
        (learned,) = self.learn([task], like)
        return learned

    def _learn_each(self, tasks: Sequence[Task], like: Scorer) -> Iterator[Scorer]:
        return iter(self.learn(tasks, like))

    def learn(self, tasks: Sequence[Task], like: Scorer | None = None) -> list[Scorer]:
        """The plain mean of the members' models for each task."""
        likes = like.scorers if isinstance(like, _Stack) else [None] * len(self._members)
        of_each = [member.learn(tasks, one) for member, one in zip(self._members, likes, strict=True)]
        return [_Stack(scorers, StackWeights.equal(len(scorers))) for scorers in zip(*of_each, strict=True)]

    def _each(self, model: LabelModel, features: np.ndarray) -> np.ndarray:
        """(D, M) scores of the members; if the labels have one value only, its score."""
        if isinstance(model.scorer, _Stack):
            return model.scorer.each(features)[0]
        return np.full((len(features), len(self._members)), model.scale.scores[0])

    def _member(self, name: str) -> FeaturePredictor:
        place = f"members of predictor {self.name!r}"
        try:
            cls, preset = resolve_predictor(name)
            if issubclass(cls, FeaturePredictor):
                options = {"preset": preset, "seed": self.seed, "device": self.device}
                member = make_predictor(cls, self.space, metric=self.metric, **options)
                assert isinstance(member, FeaturePredictor)
                return member
        except InputError as error:
            raise InputError(f"{place}: {error}") from error
        raise InputError(f"{place} must read path features, as 'ridge' does; {name!r} does not")


@dataclass(frozen=True)
class _Stack:
    """A scorer made of scorers."""

    scorers: tuple[Scorer, ...]
    stack: StackWeights

    def __call__(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.stack.combine(*self.each(features))

    def each(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(D, F) → (D, M) scores and (D, M) spreads of the members."""
        mean, spread = zip(*(scorer(features) for scorer in self.scorers), strict=True)
        return np.stack(mean, axis=1), np.stack(spread, axis=1)


def _stacked(model: LabelModel, stack: StackWeights) -> LabelModel:
    """The same models of the members with other weights."""
    if not isinstance(model.scorer, _Stack):
        return model
    return replace(model, scorer=replace(model.scorer, stack=stack))


def _ignore(done: int, total: int) -> None:
    """Ignore the progress of a member."""
