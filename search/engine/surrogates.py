"""What a search asks: a surrogate that learns the labels so far, a saved one beside it, or the truth itself.

Scores are labels, or what a surrogate learns in their place, better when larger. Whatever a predictor raises becomes
`CannotLearn`: what was evaluated must not be lost to a fault of a predictor.

Shapes: C candidates in the order in which they were added, n architectures.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.benchmarks import TabularBenchmark
from nassurrogate.benchmarks.oracle import Oracle
from nassurrogate.errors import InputError, one_line
from nassurrogate.metric import Metric
from nassurrogate.surrogate import Surrogate

FitProgress = Callable[[int, int], None]
_OTHER_SCALE = 50.0
"""Ratio of typical labels from which units may differ: percent and fractions differ by 100, s and ms by 1000."""


def scale_doubt(theirs: float, ours: float) -> str:
    """Why typical labels of a saved surrogate and of a run may be in different units; empty if nothing suggests it."""
    if ours * theirs <= 0 or 1 / _OTHER_SCALE < ours / theirs < _OTHER_SCALE:
        return ""
    return f"the saved surrogate learned labels around {theirs:.4g}, but those of this run are around {ours:.4g}"


class CannotLearn(Exception):
    """The labels so far, or a fault of the predictor, allow no prediction; the message says why."""


@contextmanager
def survived(what: str) -> Iterator[None]:
    """Turn whatever a predictor, or another plug-in, raises into `CannotLearn`, with its type."""
    try:
        yield
    except CannotLearn:
        raise
    except InputError as error:
        raise CannotLearn(f"no {what}: {error}") from error
    except Exception as error:  # out of memory, linear algebra, a fault of a plug-in: the run goes on without it
        raise CannotLearn(f"no {what}: {one_line(error)}") from error


def _checked(given: object, n: int) -> Posterior:
    """(n,) means and deviations as arrays of numbers; raises `ValueError` for what is none."""
    mean, std = (np.asarray(each, dtype=np.float64) for each in given)  # type: ignore[attr-defined]
    if mean.shape != (n,) or std.shape != (n,):
        raise ValueError(f"means of shape {mean.shape} and deviations of {std.shape}, expected ({n},)")
    if (std[np.isfinite(std)] < 0).any():
        raise ValueError(f"a standard deviation of {std.min():g}, expected none below 0")
    return Posterior(mean, std)


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
        self.failure = ""
        """Why the last fit learned nothing, where the search goes on with another surrogate."""

    def scale_doubt(self, labels: Sequence[float]) -> str:
        """Why the labels learned before this run may be in another unit than these; empty if nothing suggests it."""
        return ""

    @abstractmethod
    def fit(self, archs: Sequence[Architecture], labels: Sequence[float], progress: FitProgress | None = None) -> None:
        """Learn the labels so far, in the metric's unit; forgets earlier ones. Raises `CannotLearn`."""

    @abstractmethod
    def add(self, archs: Sequence[Architecture]) -> None:
        """Put n further candidates into the pool."""

    @abstractmethod
    def posterior(self) -> Posterior:
        """Of the scores of all candidates in the pool, in the surrogate's own scale. Raises `CannotLearn`."""

    @abstractmethod
    def posterior_of(self, archs: Sequence[Architecture]) -> Posterior:
        """The same of others."""

    @abstractmethod
    def best_score(self, labels: Sequence[float]) -> float | None:
        """The score of the best of these labels, which it has learned, in that scale; None where it learned none."""

    @abstractmethod
    def predict(self, archs: Sequence[Architecture]) -> Posterior:
        """Of labels that are not known, in the metric's unit. Raises `CannotLearn`."""


class OracleSurrogate(SearchSurrogate):
    """The truth: the upper bound of every search."""

    def __init__(self, benchmark: TabularBenchmark, objective: Metric, *, fidelity: int | None = None) -> None:
        super().__init__()
        self._oracle = Oracle(benchmark, benchmark.at_fidelity(objective.name, fidelity))
        self._sign = objective.sign
        self._pool: list[Architecture] = []

    def fit(self, archs: Sequence[Architecture], labels: Sequence[float], progress: FitProgress | None = None) -> None:
        """Does nothing: the truth needs no fit."""

    def add(self, archs: Sequence[Architecture]) -> None:
        self._pool += archs

    def posterior(self) -> Posterior:
        return self.posterior_of(self._pool)

    def posterior_of(self, archs: Sequence[Architecture]) -> Posterior:
        true = self.predict(archs)
        return Posterior(self._sign * true.mean, true.std)

    def best_score(self, labels: Sequence[float]) -> float | None:
        return max((self._sign * label for label in labels), default=None)

    def predict(self, archs: Sequence[Architecture]) -> Posterior:
        self.predictor_calls += len(archs)
        return Posterior(*self._oracle.predict(archs))


class LearningSurrogate(SearchSurrogate):
    """One surrogate that is fitted again and again, on all labels so far.

    Args:
        unfitted: its space, predictor, preset, configuration, metric and device.
        rng: draws its seed.
        is_part: whether it only adds to what another one knows: few labels are then no reason for a warning.
    """

    def __init__(self, unfitted: Surrogate, rng: np.random.Generator, *, is_part: bool = False) -> None:
        super().__init__()
        self._surrogate = unfitted.fresh(seed=int(rng.integers(2**31)))
        if is_part:
            self._surrogate._logged.add("few")  # a note is logged once, and counts as logged here
        self._sign = 1 if self._surrogate.higher_is_better else -1
        self._pool = self._surrogate.predictor.candidate_posterior()
        self._unreadable = ""
        self.initial_labels = self._surrogate.predictor.initial_labels
        self.refits_at_once = self._surrogate.predictor.refits_at_once

    def fit(self, archs: Sequence[Architecture], labels: Sequence[float], progress: FitProgress | None = None) -> None:
        if len(set(labels)) < 2:
            several = "all labels are equal" if len(labels) > 1 else "there is only one label so far"
            raise CannotLearn(f"{several}; two different ones are needed" if labels else "no label yet")
        with survived("fit"):
            self._surrogate.fit(list(archs), list(labels), progress=progress)

    def add(self, archs: Sequence[Architecture]) -> None:
        try:
            with survived("candidates"):
                self._pool.add(list(archs))
        except CannotLearn as reason:  # raised when it is asked for a posterior
            self._unreadable = str(reason)

    def posterior(self) -> Posterior:
        if self._unreadable:
            raise CannotLearn(self._unreadable)
        self.predictor_calls += len(self._pool)
        with survived("prediction"):
            return self._scores(_checked(self._pool.posterior(), len(self._pool)))

    def posterior_of(self, archs: Sequence[Architecture]) -> Posterior:
        self.predictor_calls += len(archs)
        with survived("prediction"):
            return self._scores(_checked(self._surrogate.posterior(list(archs)), len(archs)))

    def _scores(self, told: Posterior) -> Posterior:
        return told if self._sign > 0 else Posterior(-told.mean, told.std)

    def best_score(self, labels: Sequence[float]) -> float | None:
        if not labels:
            return None
        best = self._sign * max(self._sign * label for label in labels)
        with survived("prediction"):
            return self._sign * float(self._surrogate.predictor.encoded(np.array([best]))[0])

    def predict(self, archs: Sequence[Architecture]) -> Posterior:
        self.predictor_calls += len(archs)
        with survived("prediction"):
            return _checked(self._surrogate.predict(list(archs)), len(archs))


class BlendedSurrogate(SearchSurrogate):
    """A saved surrogate, and one that learns beside it.

    The saved one predicts alone until two different labels are known. Then both posteriors, each standardised over the
    same candidates, are averaged with their numbers of labels as weights, and the result is put on the learning one's
    scale. The saved one's labels are not learned again together with the run's: they may be of another data set or in
    another range, and old files do not have them. Where they are known to be of the run's data set, see
    `ContinuedSurrogate`.

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
        self.refits_at_once = learning.refits_at_once
        self._weight = 1.0
        self._pool = Posterior(np.empty(0), np.empty(0))
        self._members: list[Architecture] = []
        self._reference = list(reference)

    def fit(self, archs: Sequence[Architecture], labels: Sequence[float], progress: FitProgress | None = None) -> None:
        try:
            self._learning.fit(archs, labels, progress)
            self._weight = self.saved_labels / (self.saved_labels + len(labels))
            self.failure = ""
        except CannotLearn as reason:
            self._weight = 1.0
            # Until two labels differ there is nothing to learn yet, which is no failure.
            self.failure = str(reason) if len(set(labels)) > 1 else ""

    def scale_doubt(self, labels: Sequence[float]) -> str:
        known = self._saved.labels
        theirs = self._saved.label_stats.get("mean", 0.0) if known is None else float(np.median(known[1]))
        return scale_doubt(theirs, float(np.median(labels)))

    def add(self, archs: Sequence[Architecture]) -> None:
        self._learning.add(archs)
        self._members += archs

    def posterior(self) -> Posterior:
        new = self._members[len(self._pool.mean) :]
        if new:
            told = self._saved_posterior(new)
            pool = self._pool
            self._pool = Posterior(np.concatenate([pool.mean, told.mean]), np.concatenate([pool.std, told.std]))
        return self._blended(self._pool, self._learning.posterior)

    def posterior_of(self, archs: Sequence[Architecture]) -> Posterior:
        return self._blended(self._saved_posterior(archs), lambda: self._learning.posterior_of(archs))

    def _blended(self, saved: Posterior, learned: Callable[[], Posterior]) -> Posterior:
        """Both; the saved one alone where the other has learned nothing, or fails."""
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
        with survived("prediction"):
            saved = _checked(self._saved.predict(list(archs)), len(archs))
            if self._weight == 1.0:
                return saved
            reference = _checked(self._saved.predict(self._reference), len(self._reference))
        try:
            learned = self._learning.predict(self._reference)
            return Blend.of(reference, learned, self._weight)(saved, self._learning.predict(archs))
        except CannotLearn as reason:
            self._weight, self.failure = 1.0, str(reason)
            return saved

    def _saved_posterior(self, archs: Sequence[Architecture]) -> Posterior:
        self.predictor_calls += len(archs)
        with survived("prediction"):
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
