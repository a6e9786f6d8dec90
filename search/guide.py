"""What a search is guided by: a surrogate refitted on the labels paid so far, a saved one, or the truth itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from nassurrogate.benchmarks import Benchmark
from nassurrogate.benchmarks.oracle import Oracle
from nassurrogate.errors import InputError
from nassurrogate.surrogate import Surrogate

FitProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Forecast:
    """What is predicted of n cells: (n,) means and (n,) standard deviations, in percent."""

    mean: np.ndarray
    std: np.ndarray


Predict: TypeAlias = Callable[[np.ndarray], Forecast]
"""Forecasts the cells of (n,) indices; a cell's forecast does not depend on the others."""
_REFERENCE_CLASSES = 1 << 15
"""Candidates whose predictions standardise a saved surrogate's: of more, a random choice."""


class Guide(ABC):
    """Predicts cells, after it was shown the labels so far."""

    needs_init = True
    """Whether it must see labels before it can predict."""
    surrogate_labels = 0
    """Labels that a saved surrogate had learned from, before this run."""

    def __init__(self) -> None:
        self.predictor_calls = 0

    @abstractmethod
    def fitted(
        self, indices: Sequence[int], labels: Sequence[float], progress: FitProgress | None = None
    ) -> Predict | str:
        """What predicts after the labels so far; or one line that says why they allow no prediction."""

    def _counted(self, predict: Predict) -> Predict:
        def counting(indices: np.ndarray) -> Forecast:
            self.predictor_calls += len(indices)
            return predict(indices)

        return counting


class OracleGuide(Guide):
    """The truth: the upper bound of every search."""

    needs_init = False

    def __init__(self, benchmark: Benchmark) -> None:
        super().__init__()
        oracle = Oracle(benchmark)
        self._predict = self._counted(lambda indices: Forecast(*oracle.predict(indices.tolist())))

    def fitted(
        self, indices: Sequence[int], labels: Sequence[float], progress: FitProgress | None = None
    ) -> Predict | str:
        return self._predict


class SurrogateGuide(Guide):
    """A fresh surrogate for every forecast, fitted on all labels so far.

    With a saved surrogate: it predicts alone until two different labels are paid. Then both predictions, each
    standardised over all candidates, are averaged with their numbers of labels as weights (a model file keeps no labels
    to refit on, and may come from another data set, in another range), and the result is scaled to the refitted one's.

    Args:
        representatives: (C,) indices of all candidates, one a class.
        like: a surrogate whose space, predictor, preset, configuration and device are those of the fresh ones.
        rng: draws the seed of every fit.
        saved: a fitted surrogate to start from.
    """

    def __init__(
        self,
        representatives: np.ndarray,
        like: Surrogate,
        *,
        rng: np.random.Generator,
        saved: Surrogate | None = None,
    ) -> None:
        super().__init__()
        self._like = like
        self._rng = rng
        self._saved: Predict | None = None
        if saved is not None:
            self._saved = self._of(saved)
            self._reference = representatives
            if len(representatives) > _REFERENCE_CLASSES:
                self._reference = np.random.default_rng(0).choice(representatives, _REFERENCE_CLASSES, replace=False)
            self._saved_reference = self._saved(self._reference)
            self.needs_init = False
            self.surrogate_labels = saved.n_labels

    def fitted(
        self, indices: Sequence[int], labels: Sequence[float], progress: FitProgress | None = None
    ) -> Predict | str:
        found: Predict | str
        if len(set(labels)) < 2:
            found = f"{len(labels)} labels, all equal: nothing can be ranked from them" if labels else "no label yet"
        else:
            surrogate = self._like.fresh(seed=int(self._rng.integers(2**31)))
            # Whatever a predictor dislikes about the labels, what is paid must not be lost.
            try:
                found = self._of(surrogate.fit(list(indices), list(labels), progress=progress))
            except InputError as error:
                found = f"no fit: {error}"
        if self._saved is None or isinstance(found, str):
            return self._saved or found
        weight = self.surrogate_labels / (self.surrogate_labels + len(labels))
        return self._blended(self._saved, found, weight)

    def _blended(self, saved: Predict, fitted: Predict, weight: float) -> Predict:
        blended = Blend.of(self._saved_reference, fitted(self._reference), weight)
        return lambda indices: blended(saved(indices), fitted(indices))

    def _of(self, surrogate: Surrogate) -> Predict:
        return self._counted(lambda indices: Forecast(*surrogate.predict(indices.tolist())))


@dataclass(frozen=True)
class Blend:
    """The average of two standardised forecasts, `weight` for the saved one, on the scale of the fitted one.

    Args:
        weight: of the saved one.
        centres: means of the saved and of the fitted one over the reference.
        spreads: their standard deviations there.
    """

    weight: float
    centres: tuple[float, float]
    spreads: tuple[float, float]

    @classmethod
    def of(cls, saved: Forecast, fitted: Forecast, weight: float) -> Blend:
        """From both forecasts of the reference."""
        means = saved.mean, fitted.mean
        return cls(weight, tuple(float(m.mean()) for m in means), tuple(float(m.std()) for m in means))  # type: ignore[arg-type]

    def __call__(self, saved: Forecast, fitted: Forecast) -> Forecast:
        """Both of the same cells; one that is the same for every class says nothing and gets no weight."""
        saved_spread, spread = self.spreads
        if saved_spread == 0.0 or spread == 0.0:
            return fitted if saved_spread == 0.0 else saved
        scaled = (saved.mean - self.centres[0]) / saved_spread * spread + self.centres[1]
        mean = self.weight * scaled + (1 - self.weight) * fitted.mean
        return Forecast(mean, self.weight * saved.std / saved_spread * spread + (1 - self.weight) * fitted.std)
