"""A surrogate that learns the labels of a run from scratch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.predictors.base import Predictor
from nassurrogate.search.surrogates.base import (
    CannotLearn,
    FitProgress,
    Posterior,
    SearchSurrogate,
    checked_posterior,
    raises_cannot_learn,
)
from nassurrogate.search.surrogates.stored_fits import StoredFits
from nassurrogate.surrogate import Surrogate


class LearningSurrogate(SearchSurrogate):
    """A single surrogate that is refitted on all labels so far.

    Args:
        unfitted: its space, predictor, preset, configuration, metric and device.
        rng: draws its seed.
        is_part: whether it only adds to what is known without it, by another surrogate or by scores that take no label;
            it then does not warn about few labels.
    """

    def __init__(self, unfitted: Surrogate, rng: np.random.Generator, *, is_part: bool = False) -> None:
        super().__init__()
        self._surrogate = self._learner = unfitted.fresh(seed=int(rng.integers(2**31)))
        if is_part:
            self._surrogate._logged.add("few")  # every note is logged once, and this one counts as logged
        self._sign = 1 if self._surrogate.higher_is_better else -1
        self._pool = self._surrogate.predictor.candidate_posterior()
        self._unreadable: CannotLearn | None = None
        self._stored: StoredFits | None = None
        self.initial_labels = self._surrogate.predictor.initial_labels
        self.refits_at_once = self._surrogate.predictor.refits_at_once

    def keep_fits(self, folder: Path) -> None:
        keeps_more = type(self._learner.predictor).left_out is not Predictor.left_out  # than a state must restore
        if not self.refits_at_once and not keeps_more:
            self._stored = StoredFits(folder, self._learner)

    def prior_scores(self, archs: Sequence[Architecture]) -> np.ndarray | None:
        self.predictor_calls += len(archs)
        with raises_cannot_learn("scores without labels"):
            scores = self._learner.predictor.prior_scores(list(archs))
            if scores is None:
                return None
            return checked_posterior((scores, np.zeros(len(archs))), len(archs)).mean

    def fit(self, archs: Sequence[Architecture], labels: Sequence[float], progress: FitProgress | None = None) -> None:
        if len(set(labels)) < 2:
            too_few = "all labels are equal" if len(labels) > 1 else "there is only one label so far"
            raise CannotLearn(f"{too_few}; two different ones are needed" if labels else "no label yet")
        if self._stored is not None and self._stored.restore(archs, labels):
            return
        with raises_cannot_learn("fit"):
            self._surrogate.fit(list(archs), list(labels), progress=progress)
            if self._stored is not None:
                self._stored.keep(archs, labels)

    def add(self, archs: Sequence[Architecture]) -> None:
        try:
            with raises_cannot_learn("candidates"):
                self._pool.add(list(archs))
        except CannotLearn as reason:  # raised once a posterior is asked for
            self._unreadable = reason

    def posterior(self) -> Posterior:
        if self._unreadable is not None:
            raise self._unreadable
        self.predictor_calls += len(self._pool)
        with raises_cannot_learn("prediction"):
            return self._scores(checked_posterior(self._pool.posterior(), len(self._pool)))

    def posterior_of(self, archs: Sequence[Architecture]) -> Posterior:
        self.predictor_calls += len(archs)
        with raises_cannot_learn("prediction"):
            return self._scores(checked_posterior(self._surrogate.posterior(list(archs)), len(archs)))

    def _scores(self, predicted: Posterior) -> Posterior:
        return predicted if self._sign > 0 else Posterior(-predicted.mean, predicted.std)

    def best_score(self, labels: Sequence[float]) -> float | None:
        if not labels:
            return None
        best = self._sign * max(self._sign * label for label in labels)
        with raises_cannot_learn("prediction"):
            return self._sign * float(self._surrogate.predictor.encoded(np.array([best]))[0])

    def left_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Positions, scores and predictions of labels by all the others; None if the predictor offers none."""
        with raises_cannot_learn("prediction"):
            found = self._surrogate.predictor.left_out()
        return None if found is None else (found[0], self._sign * found[1], self._sign * found[2])

    def predict(self, archs: Sequence[Architecture]) -> Posterior:
        self.predictor_calls += len(archs)
        with raises_cannot_learn("prediction"):
            return checked_posterior(self._surrogate.predict(list(archs)), len(archs))
