"""What a search is guided by: a surrogate refitted on the labels paid so far, a saved one, or the truth itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nassurrogate.benchmarks import Benchmark
from nassurrogate.benchmarks.oracle import Oracle
from nassurrogate.errors import InputError
from nassurrogate.surrogate import Surrogate

FitProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Forecast:
    """What is predicted of every class representative: (C,) means and standard deviations, in percent."""

    mean: np.ndarray
    std: np.ndarray


class Guide(ABC):
    """Predicts all class representatives, after it was shown the labels so far.

    Args:
        representatives: (C,) indices, one a class.
    """

    needs_init = True
    """Whether it must see labels before it can predict."""
    surrogate_labels = 0
    """Labels that a saved surrogate had learned from, before this run."""

    def __init__(self, representatives: np.ndarray) -> None:
        self.archs: list[int] = representatives.tolist()
        self.predictor_calls = 0

    @abstractmethod
    def forecast(
        self, indices: Sequence[int], labels: Sequence[float], progress: FitProgress | None = None
    ) -> Forecast | str:
        """Predict from the labels so far; or one line that says why they allow no prediction."""


class OracleGuide(Guide):
    """The truth: the upper bound of every search."""

    needs_init = False

    def __init__(self, representatives: np.ndarray, benchmark: Benchmark) -> None:
        super().__init__(representatives)
        self._forecast = Forecast(*Oracle(benchmark).predict(self.archs))

    def forecast(
        self, indices: Sequence[int], labels: Sequence[float], progress: FitProgress | None = None
    ) -> Forecast | str:
        self.predictor_calls += len(self.archs)
        return self._forecast


class SurrogateGuide(Guide):
    """A fresh surrogate for every forecast, fitted on all labels so far.

    With a saved surrogate: it predicts alone until two different labels are paid. Then both predictions, each
    standardised over all classes, are averaged with their numbers of labels as weights (a model file keeps no labels to
    refit on, and may come from another data set, in another range), and the result is scaled to the refitted one's.

    Args:
        representatives: (C,) indices, one a class.
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
        super().__init__(representatives)
        self._like = like
        self._rng = rng
        self._saved: Forecast | None = None
        if saved is not None:
            self._saved = self._predict(saved)
            self.needs_init = False
            self.surrogate_labels = saved.n_labels

    def forecast(
        self, indices: Sequence[int], labels: Sequence[float], progress: FitProgress | None = None
    ) -> Forecast | str:
        fitted: Forecast | str
        if len(set(labels)) < 2:
            fitted = f"{len(labels)} labels, all equal: nothing can be ranked from them" if labels else "no label yet"
        else:
            surrogate = self._like.fresh(seed=int(self._rng.integers(2**31)))
            # Whatever a predictor dislikes about the labels, what is paid must not be lost.
            try:
                fitted = self._predict(surrogate.fit(list(indices), list(labels), progress=progress))
            except InputError as error:
                fitted = f"no fit: {error}"
            else:
                if not (np.isfinite(fitted.mean).all() and np.isfinite(fitted.std).all()):
                    fitted = "the surrogate's predictions are not finite"
        if self._saved is None or isinstance(fitted, str):
            return self._saved or fitted
        return blend(self._saved, fitted, self.surrogate_labels / (self.surrogate_labels + len(labels)))

    def _predict(self, surrogate: Surrogate) -> Forecast:
        self.predictor_calls += len(self.archs)
        return Forecast(*surrogate.predict(self.archs))


def blend(saved: Forecast, fitted: Forecast, weight: float) -> Forecast:
    """The average of two standardised forecasts, `weight` for the saved one, on the scale of the fitted one.

    A forecast that is the same for every class says nothing and gets no weight.
    """
    saved_spread, spread = float(saved.mean.std()), float(fitted.mean.std())
    if saved_spread == 0.0 or spread == 0.0:
        return fitted if saved_spread == 0.0 else saved
    scaled = (saved.mean - saved.mean.mean()) / saved_spread * spread + fitted.mean.mean()
    mean = weight * scaled + (1 - weight) * fitted.mean
    return Forecast(mean, weight * saved.std / saved_spread * spread + (1 - weight) * fitted.std)
