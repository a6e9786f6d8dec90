"""A saved surrogate that continues to learn, from its own labels and those of the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.search.surrogates.base import COMPARED, CannotLearn, FitProgress, Posterior, unit_doubt
from nassurrogate.search.surrogates.learning import LearningSurrogate
from nassurrogate.surrogate import Surrogate


class ContinuedSurrogate(LearningSurrogate):
    """A single surrogate that is refitted on the labels of a saved one and all labels of the run.

    All labels must be of one metric and one data set; otherwise see `BlendedSurrogate`. The saved surrogate predicts
    until the run has a label, and whenever the refitted one fails. It also continues alone if the labels of the run are
    so far from its own that their units seem to differ: learned together they would mislead.

    Args:
        unfitted: its space, predictor, preset, configuration, metric and device.
        rng: draws its seed.
        saved: a fitted surrogate that has kept its labels.
        known: the feasible ones among its labels: the search looks for something better than the best of them.

    Raises `ValueError` if the saved surrogate has not kept its labels.
    """

    def __init__(
        self, unfitted: Surrogate, rng: np.random.Generator, saved: Surrogate, known: Sequence[float] = ()
    ) -> None:
        super().__init__(unfitted, rng)
        if saved.labels is None:
            raise ValueError("the saved surrogate has not kept its labels")
        archs, labels = saved.labels
        self._earlier_archs, self._earlier_labels = archs, labels.tolist()
        self._surrogate = self._saved = saved
        self._known = list(known)
        self._members: list[Architecture] = []
        self._is_compared = False
        self._doubt: str | None = None
        self.initial_labels = 0
        self.saved_labels = len(archs)

    def prior_scores(self, archs: Sequence[Architecture]) -> np.ndarray | None:
        return None  # it has labels

    def fit(self, archs: Sequence[Architecture], labels: Sequence[float], progress: FitProgress | None = None) -> None:
        self._surrogate, self.failure = self._learner, None
        if not labels:
            self._surrogate = self._saved
            return
        try:
            self._compare(labels)
            super().fit([*self._earlier_archs, *archs], [*self._earlier_labels, *labels], progress)
        except CannotLearn as reason:
            self._fall_back(str(reason))

    def _compare(self, labels: Sequence[float]) -> None:
        """Raise `CannotLearn` if the first labels of the run are on another scale than all of the saved one's."""
        if not self._is_compared and len(labels) >= COMPARED:
            self._is_compared = True
            ours, theirs = float(np.median(labels)), self._earlier_labels
            is_beyond = not min(theirs) <= ours <= max(theirs)
            self._doubt = unit_doubt(float(np.median(theirs)), ours) if is_beyond else None
        if self._doubt is not None:
            raise CannotLearn(f"{self._doubt}; their units may differ, so they are not learned together")

    def add(self, archs: Sequence[Architecture]) -> None:
        super().add(archs)
        self._members += archs

    def posterior(self) -> Posterior:
        of = super().posterior_of
        return self._or_saved(super().posterior, lambda: of(self._members))

    def posterior_of(self, archs: Sequence[Architecture]) -> Posterior:
        of = super().posterior_of
        return self._or_saved(lambda: of(archs), lambda: of(archs))

    def predict(self, archs: Sequence[Architecture]) -> Posterior:
        of = super().predict
        return self._or_saved(lambda: of(archs), lambda: of(archs))

    def best_score(self, labels: Sequence[float]) -> float | None:
        if self._surrogate is self._saved:  # its scale may not extend to labels that it has not learned
            return super().best_score(self._known)
        try:
            return super().best_score([*self._known, *labels])
        except CannotLearn as reason:
            self._fall_back(str(reason))
            return None

    def _or_saved(self, learned: Callable[[], Posterior], saved: Callable[[], Posterior]) -> Posterior:
        """The refitted surrogate's answer; the saved one's from the first failure on."""
        if self._surrogate is not self._saved:
            try:
                found = learned()
                if found.is_finite:
                    return found
                self._fall_back("the surrogate's predictions are not finite")
            except CannotLearn as reason:
                self._fall_back(str(reason))
        return saved()

    def _fall_back(self, reason: str) -> None:
        """Use the saved surrogate until the next fit."""
        self._surrogate, self.failure = self._saved, reason
