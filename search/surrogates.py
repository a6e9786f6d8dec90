"""What a search asks: a surrogate that learns the labels so far, a saved one beside it, or the truth itself.

Shapes: C candidates in the order in which they were added, n indices.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import Benchmark
from nassurrogate.benchmarks.oracle import Oracle
from nassurrogate.errors import InputError
from nassurrogate.surrogate import Surrogate

FitProgress = Callable[[int, int], None]
_REFERENCE = 512
"""Candidates over which the posteriors of two surrogates are standardised."""


class CannotLearn(Exception):
    """The labels so far allow no prediction; the message says why."""


@dataclass(frozen=True)
class Posterior:
    """(n,) means and (n,) standard deviations."""

    mean: np.ndarray
    std: np.ndarray

    @property
    def is_finite(self) -> bool:
        """Whether there are nothing but numbers in it."""
        return bool(np.isfinite(self.mean).all() and np.isfinite(self.std).all())


class SearchSurrogate(ABC):
    """Keeps the posterior of a pool of candidates up to date while labels come in."""

    initial_labels = 0
    """Random architectures that are evaluated before it is asked for the first time."""
    refits_at_once = True
    """Whether a fit takes so little that one follows every answer."""
    saved_labels = 0
    """Labels that a saved surrogate had learned from, before this run."""

    def __init__(self) -> None:
        self.predictor_calls = 0
        """Architectures whose posterior or label was predicted, every time that one was."""

    @abstractmethod
    def fit(self, indices: Sequence[int], labels: Sequence[float], progress: FitProgress | None = None) -> None:
        """Learn the labels so far, in percent; forgets earlier ones. Raises `CannotLearn`."""

    @abstractmethod
    def add(self, indices: np.ndarray) -> None:
        """Put (n,) further candidates into the pool."""

    @abstractmethod
    def posterior(self) -> Posterior:
        """Of all candidates in the pool, in the scale in which the surrogate learns."""

    @abstractmethod
    def posterior_of(self, indices: Sequence[int]) -> Posterior:
        """The same of others."""

    @abstractmethod
    def best_score(self, labels: Sequence[float]) -> float | None:
        """The best of these labels, which it has learned, in that scale; None where it learned none."""

    @abstractmethod
    def predict(self, indices: Sequence[int]) -> Posterior:
        """Of labels that are not known, in percent."""


class OracleSurrogate(SearchSurrogate):
    """The truth: the upper bound of every search."""

    def __init__(self, benchmark: Benchmark) -> None:
        super().__init__()
        self._oracle = Oracle(benchmark)
        self._pool: list[int] = []

    def fit(self, indices: Sequence[int], labels: Sequence[float], progress: FitProgress | None = None) -> None:
        """Does nothing: the truth needs no fit."""

    def add(self, indices: np.ndarray) -> None:
        self._pool += indices.tolist()

    def posterior(self) -> Posterior:
        return self.predict(self._pool)

    def posterior_of(self, indices: Sequence[int]) -> Posterior:
        return self.predict(indices)

    def best_score(self, labels: Sequence[float]) -> float | None:
        return max(labels, default=None)

    def predict(self, indices: Sequence[int]) -> Posterior:
        self.predictor_calls += len(indices)
        return Posterior(*self._oracle.predict(list(indices)))


class LearningSurrogate(SearchSurrogate):
    """One surrogate that is fitted again and again, on all labels so far.

    Args:
        unfitted: its space, predictor, preset, configuration and device.
        rng: draws its seed.
    """

    def __init__(self, unfitted: Surrogate, rng: np.random.Generator) -> None:
        super().__init__()
        self._surrogate = unfitted.fresh(seed=int(rng.integers(2**31)))
        self._pool = self._surrogate.predictor.candidate_posterior()
        self.initial_labels = self._surrogate.predictor.initial_labels
        self.refits_at_once = self._surrogate.predictor.refits_at_once

    def fit(self, indices: Sequence[int], labels: Sequence[float], progress: FitProgress | None = None) -> None:
        if len(set(labels)) < 2:
            several = "all labels are equal" if len(labels) > 1 else "there is only one label so far"
            raise CannotLearn(f"{several}; two different ones are needed" if labels else "no label yet")
        # Whatever a predictor dislikes about the labels, what was evaluated must not be lost.
        try:
            self._surrogate.fit(list(indices), list(labels), progress=progress)
        except (InputError, np.linalg.LinAlgError) as error:
            raise CannotLearn(f"no fit: {error}") from error

    def add(self, indices: np.ndarray) -> None:
        self._pool.add(self._archs(indices))

    def posterior(self) -> Posterior:
        self.predictor_calls += len(self._pool)
        return Posterior(*self._pool.posterior())

    def posterior_of(self, indices: Sequence[int]) -> Posterior:
        self.predictor_calls += len(indices)
        return Posterior(*self._surrogate.posterior(self._archs(indices)))

    def best_score(self, labels: Sequence[float]) -> float | None:
        return float(self._surrogate.predictor.encoded(np.array([max(labels)]))[0]) if labels else None

    def predict(self, indices: Sequence[int]) -> Posterior:
        self.predictor_calls += len(indices)
        return Posterior(*self._surrogate.predict(self._archs(indices)))

    def _archs(self, indices: Sequence[int] | np.ndarray) -> list[Architecture]:
        return self._surrogate.space.parse_many(np.asarray(indices, dtype=np.int64).tolist())


class BlendedSurrogate(SearchSurrogate):
    """A saved surrogate, and one that learns beside it.

    The saved one predicts alone until two different labels are known. Then both posteriors, each standardised over the
    same candidates, are averaged with their numbers of labels as weights (a model file may keep no labels to refit on,
    and may come from another data set, in another range), and the result is put on the learning one's scale.

    Args:
        saved: a fitted surrogate.
        learning: the one that is refitted.
        representatives: (C,) indices of all candidates, one a class: some of them are the reference.
    """

    def __init__(self, saved: Surrogate, learning: LearningSurrogate, representatives: np.ndarray) -> None:
        super().__init__()
        self._saved, self._learning = saved, learning
        self.saved_labels = saved.n_labels
        self.refits_at_once = learning.refits_at_once
        self._weight = 1.0
        self._pool = Posterior(np.empty(0), np.empty(0))
        few = len(representatives) <= _REFERENCE
        chosen = representatives if few else np.random.default_rng(0).choice(representatives, _REFERENCE, replace=False)
        self._reference: list[int] = chosen.tolist()
        self._reference_posterior = self._saved_posterior(self._reference)

    def fit(self, indices: Sequence[int], labels: Sequence[float], progress: FitProgress | None = None) -> None:
        try:
            self._learning.fit(indices, labels, progress)
            self._weight = self.saved_labels / (self.saved_labels + len(labels))
        except CannotLearn:
            self._weight = 1.0

    def add(self, indices: np.ndarray) -> None:
        self._learning.add(indices)
        new = self._saved_posterior(indices.tolist())
        self._pool = Posterior(np.concatenate([self._pool.mean, new.mean]), np.concatenate([self._pool.std, new.std]))

    def posterior(self) -> Posterior:
        if self._weight == 1.0:
            return self._pool
        return self._posterior_blend()(self._pool, self._learning.posterior())

    def posterior_of(self, indices: Sequence[int]) -> Posterior:
        saved = self._saved_posterior(indices)
        return saved if self._weight == 1.0 else self._posterior_blend()(saved, self._learning.posterior_of(indices))

    def best_score(self, labels: Sequence[float]) -> float | None:
        return None if self._weight == 1.0 else self._learning.best_score(labels)

    def predict(self, indices: Sequence[int]) -> Posterior:
        saved = Posterior(*self._saved.predict(list(indices)))
        if self._weight == 1.0:
            return saved
        reference = Posterior(*self._saved.predict(self._reference)), self._learning.predict(self._reference)
        return Blend.of(*reference, self._weight)(saved, self._learning.predict(indices))

    def _saved_posterior(self, indices: Sequence[int]) -> Posterior:
        self.predictor_calls += len(indices)
        return Posterior(*self._saved.posterior(list(indices)))

    def _posterior_blend(self) -> Blend:
        return Blend.of(self._reference_posterior, self._learning.posterior_of(self._reference), self._weight)


@dataclass(frozen=True)
class Blend:
    """The average of two standardised posteriors, `weight` for the saved one, on the scale of the other.

    Args:
        weight: of the saved one.
        centres: means of the saved and of the other one over the reference.
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
        """Both of the same architectures; one that is the same everywhere says nothing and gets no weight."""
        saved_spread, spread = self.spreads
        if saved_spread == 0.0 or spread == 0.0:
            return fitted if saved_spread == 0.0 else saved
        scaled = (saved.mean - self.centres[0]) / saved_spread * spread + self.centres[1]
        mean = self.weight * scaled + (1 - self.weight) * fitted.mean
        return Posterior(mean, self.weight * saved.std / saved_spread * spread + (1 - self.weight) * fitted.std)
