"""A saved surrogate, averaged with one that learns the labels of the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.search.surrogates.base import (
    CannotLearn,
    FitProgress,
    Posterior,
    SearchSurrogate,
    checked_posterior,
    raises_cannot_learn,
    unit_doubt,
)
from nassurrogate.search.surrogates.learning import LearningSurrogate
from nassurrogate.surrogate import Surrogate

_PRIOR_LABELS = 5
"""Labels after which the weight of a surrogate of another space depends more on how well it predicts them than on their
number."""


class BlendedSurrogate(SearchSurrogate):
    """A saved surrogate and one that learns beside it.

    The saved one predicts alone until two different labels are known. Then both posteriors, each standardised over the
    same reference architectures, are averaged, weighted by their numbers of labels, and put on the scale of the
    learning one. Labels of another space count as few, however many there are (`Predictor.worth`), and lose weight if
    the labels of the run contradict them. The saved one's labels are not learned together with the run's: they may be
    of another data set or space or on another scale, and old files do not have them. Where they are known to be of the
    run's data set, see `ContinuedSurrogate`.

    Args:
        saved: a fitted surrogate.
        learning: the one that is refitted; `is_part`.
        reference: architectures over which both are standardised.
    """

    def __init__(self, saved: Surrogate, learning: LearningSurrogate, reference: Sequence[Architecture]) -> None:
        super().__init__()
        self._saved, self._learning = saved, learning
        self._sign = 1 if saved.higher_is_better else -1
        self.saved_labels = saved.n_labels
        self._worth = saved.predictor.worth(saved.n_labels)
        self.refits_at_once = learning.refits_at_once
        self._weight = 1.0
        self._pool = Posterior(np.empty(0), np.empty(0))
        self._members: list[Architecture] = []
        self._reference = list(reference)

    def keep_fits(self, folder: Path) -> None:
        self._learning.keep_fits(folder)

    def fit(self, archs: Sequence[Architecture], labels: Sequence[float], progress: FitProgress | None = None) -> None:
        try:
            self._learning.fit(archs, labels, progress)
            self._weight = self._worth / (self._worth + len(labels))
            if self._saved.is_of_other_space:
                self._weight = self._weight_by_labels(archs)
            self.failure = None
        except CannotLearn as reason:
            self._weight = 1.0
            # Until two labels differ there is nothing to learn yet, which is not a failure.
            self.failure = str(reason) if len(set(labels)) > 1 else None

    def _weight_by_labels(self, archs: Sequence[Architecture]) -> float:
        """A lower weight than by numbers of labels if the blend then predicts the labels of the run better.

        How much one space says of another differs. Each label is predicted without itself, which flatters the saved
        surrogate, so the weight is never raised.
        """
        found = self._learning.left_out()
        if found is None:
            return self._weight
        place, scores, learned = found
        saved = self._saved_posterior([archs[at] for at in place])
        moved = Blend.of(self._reference_posterior, self._learning.posterior_of(self._reference), 1.0)(
            saved, Posterior(learned, np.zeros_like(learned))
        ).mean
        apart, missed = moved - learned, scores - learned
        prior = _PRIOR_LABELS * float(np.square(apart).mean())
        if not prior > 0.0:
            return self._weight
        fitted = (float(apart @ missed) + prior * self._weight) / (float(apart @ apart) + prior)
        return min(max(fitted, 0.0), self._weight)

    def unit_doubt(self, labels: Sequence[float]) -> str | None:
        known = self._saved.labels
        theirs = self._saved.label_stats.get("mean", 0.0) if known is None else float(np.median(known[1]))
        return unit_doubt(theirs, float(np.median(labels)))

    def add(self, archs: Sequence[Architecture]) -> None:
        self._learning.add(archs)
        self._members += archs

    def posterior(self) -> Posterior:
        new = self._members[len(self._pool.mean) :]
        if new:
            added = self._saved_posterior(new)
            pool = self._pool
            self._pool = Posterior(np.concatenate([pool.mean, added.mean]), np.concatenate([pool.std, added.std]))
        return self._blended(self._pool, self._learning.posterior)

    def posterior_of(self, archs: Sequence[Architecture]) -> Posterior:
        return self._blended(self._saved_posterior(archs), lambda: self._learning.posterior_of(archs))

    def _blended(self, saved: Posterior, learned: Callable[[], Posterior]) -> Posterior:
        """The blend of both; the saved one alone if the other one has learned nothing or fails."""
        if self._weight == 1.0:
            return saved
        try:
            found = self._posterior_blend(saved, learned())
            if not found.is_finite and saved.is_finite:
                raise CannotLearn("the surrogate's predictions are not finite")
        except CannotLearn as reason:
            self._weight, self.failure = 1.0, str(reason)
            return saved
        return found

    def best_score(self, labels: Sequence[float]) -> float | None:
        if self._weight == 1.0:
            return None
        try:
            return self._learning.best_score(labels)
        except CannotLearn as reason:
            self._weight, self.failure = 1.0, str(reason)
            return None

    def predict(self, archs: Sequence[Architecture]) -> Posterior:
        with raises_cannot_learn("prediction"):
            saved = checked_posterior(self._saved.predict(list(archs)), len(archs))
            if self._weight == 1.0:
                return saved
            reference = checked_posterior(self._saved.predict(self._reference), len(self._reference))
        try:
            learned = self._learning.predict(self._reference)
            return Blend.of(reference, learned, self._weight)(saved, self._learning.predict(archs))
        except CannotLearn as reason:
            self._weight, self.failure = 1.0, str(reason)
            return saved

    def _saved_posterior(self, archs: Sequence[Architecture]) -> Posterior:
        self.predictor_calls += len(archs)
        with raises_cannot_learn("prediction"):
            mean, std = self._saved.posterior(list(archs))
        return Posterior(mean if self._sign > 0 else -mean, std)

    @cached_property
    def _reference_posterior(self) -> Posterior:
        return self._saved_posterior(self._reference)

    def _posterior_blend(self, saved: Posterior, learned: Posterior) -> Posterior:
        reference = self._learning.posterior_of(self._reference)
        return Blend.of(self._reference_posterior, reference, self._weight)(saved, learned)


@dataclass(frozen=True)
class Blend:
    """The weighted average of two standardised posteriors, on the scale of the second one.

    Args:
        weight: of the saved surrogate, from 0 to 1.
        centres: means of the saved and of the learning one over the reference.
        spreads: their standard deviations there.
    """

    weight: float
    centres: tuple[float, float]
    spreads: tuple[float, float]

    @classmethod
    def of(cls, saved: Posterior, fitted: Posterior, weight: float) -> Blend:
        """From both posteriors of the reference."""
        means = saved.mean, fitted.mean
        return cls(weight, tuple(float(m.mean()) for m in means), tuple(float(m.std()) for m in means))  # type: ignore[arg-type]

    def __call__(self, saved: Posterior, fitted: Posterior) -> Posterior:
        """Blend two posteriors of the same architectures; one that is constant over the reference gets no weight."""
        saved_spread, spread = self.spreads
        if saved_spread == 0.0 or spread == 0.0:
            return fitted if saved_spread == 0.0 else saved
        scaled = (saved.mean - self.centres[0]) / saved_spread * spread + self.centres[1]
        mean = self.weight * scaled + (1 - self.weight) * fitted.mean
        return Posterior(mean, self.weight * saved.std / saved_spread * spread + (1 - self.weight) * fitted.std)
