"""What the Gaussian processes of a search share: how they keep labels, calibrate deviations and are saved.

A fit takes milliseconds, so a saved one holds its labels and its calibration, and is refitted when it is loaded.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.predictors.base import ConfigT, Predictor, Progress
from nassurrogate.predictors.calibration import Calibration, HeldOut
from nassurrogate.predictors.labels.saved import label_arrays, read_labels
from nassurrogate.predictors.labels.scale import LabelScale
from nassurrogate.runtime.blas_threads import one_blas_thread


class LabelProcess(Predictor[ConfigT]):
    """An exact Gaussian process on labels; a subclass implements `_learn` and `_held_out`."""

    initial_labels = 3
    uses_device = False
    refits_at_once = True

    _archs: list[Architecture]
    """All n labelled architectures."""
    _labels: np.ndarray
    """(n,) labels in their unit."""
    _scale: LabelScale
    """Between labels and the scores that the process learns; `_learn` sets it."""

    @abstractmethod
    def _learn(self) -> None:
        """Fit the process to `_archs` and `_labels`."""

    @abstractmethod
    def _held_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Leave-one-out predictions: (k,) positions of the labels, means and variances, in scores."""

    @one_blas_thread()
    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        self._archs, self._labels = list(archs), np.array(targets, dtype=np.float64)
        self._calibration: Calibration | None = None
        self._learn()
        if progress is not None:
            progress(1, 1)

    def _random_order(self, most: int) -> np.ndarray:
        """Positions of at most `most` labels in random order; later labels rarely displace those chosen before."""
        keys = np.random.default_rng(self.seed).random(len(self._labels))
        return np.argsort(keys)[:most]

    def encoded(self, targets: np.ndarray) -> np.ndarray:
        return self._scale.encode(np.asarray(targets, dtype=np.float64))

    @one_blas_thread()
    def left_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        place, mean, _ = self._held_out()
        return place, self.encoded(self._labels[place]), mean

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        labels = label_arrays(self.space, self._archs, self._labels)
        return labels, {"calibration": self._calibrated().as_dict()}

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        calibration = Calibration.from_dict(meta["calibration"])
        self.fit(*read_labels(self.space, tensors))
        self._calibration = calibration

    @one_blas_thread()
    def _calibrated(self) -> Calibration:
        """The calibration, by the prediction of every label from all the others; computed on demand."""
        if self._calibration is None:
            place, mean, variance = self._held_out()
            held_out = HeldOut(place, *self._scale.decode_with_spread(mean, np.sqrt(variance)))
            self._calibration = Calibration.of(held_out, self._labels)
        return self._calibration
