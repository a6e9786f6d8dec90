"""A Gaussian process on the canonical cell and its zero-cost proxies, whose prior mean follows the proxies.

A label is learned as the normal score of its rank, s, and modelled as

    s = z · w + f + noise,   w ~ N(slope, slope_std²),   f ~ the process of `cell_kernel`,

where z is `proxy_scores`, computed for the whole space without a label. Ranks are among the labels, while z is relative
to the space, so after many good labels the two are offset; the slope's deviation and f absorb that. The kernel's
lengths are those of Probe-Former. The noise is far larger than there: every label is treated as noisy, as the best of a
few dozen is often just lucky. Slope and noise were chosen on cifar10 inside `development_split` by what a search finds
(see `examples/choices/choose_search.py`). For a loss, which falls with accuracy, the slope is negative.

Shapes: n labels, B architectures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.predictors.base import CandidatePosterior, check_ranges
from nassurrogate.predictors.cell_kernel import KERNEL, kernel_inputs
from nassurrogate.predictors.feature_predictor import in_chunks
from nassurrogate.predictors.inputs.cells import read, read_parts
from nassurrogate.predictors.inputs.path_features import class_numbers
from nassurrogate.predictors.label_process import LabelProcess
from nassurrogate.predictors.labels.scale import RankScale
from nassurrogate.predictors.proxy_process.growing_process import GrowingProcess
from nassurrogate.predictors.proxy_process.prior import prior_scores, prior_slope, proxy_scores
from nassurrogate.runtime.blas_threads import one_blas_thread
from nassurrogate.spaces import CellSpace, Space


@dataclass(frozen=True)
class ProxyProcessConfig:
    """Hyper-parameters.

    slope: expected normal score per unit of the proxies' score; 0 with `slope_std` 0 leaves the prior out.
    slope_std: standard deviation of the slope.
    noise: variance of a label, in squared normal scores.
    most_labels: most labels to learn, a random choice.
    """

    slope: float = 0.4
    slope_std: float = 0.3
    noise: float = 0.27
    most_labels: int = 2000

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)


_RANGES = {"slope": (-10.0, 10.0), "slope_std": (0.0, 10.0), "noise": (1e-6, 100.0), "most_labels": (1, 10_000)}
_PIECE = 1 << 13
"""Architectures whose features are in memory at a time."""


class ProxyProcess(LabelProcess[ProxyProcessConfig]):
    """The default predictor of a search: a fit takes milliseconds.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> predictor = ProxyProcess(space)
    >>> predictor.fit(space.parse_many([0, 1, 2]), np.array([85.5, 90.8, 72.1]))
    >>> mean, std = predictor.predict(space.parse_many([5, 6]))
    >>> mean.shape, std.shape
    ((2,), (2,))
    """

    name = "proxy-process"
    description = "Gaussian process on canonical cells and zero-cost proxies, the default of a search; milliseconds"
    presets: ClassVar[Mapping[str, ProxyProcessConfig]] = {"default": ProxyProcessConfig()}
    requires = CellSpace
    space: CellSpace

    def __init__(self, space: Space, **options: Any) -> None:
        super().__init__(space, **options)
        self._prior = prior_slope(self.metric, self.config.slope) * proxy_scores(self.space)

    def uses(self) -> list[str]:
        return read_parts(self.space, probes=True)

    def _learn(self) -> None:
        order = np.sort(self._random_order(self.config.most_labels))
        classes = class_numbers(self.space, self._archs)[order]
        self._scale = RankScale.of(self._labels)
        residuals = self._scale.encode(self._labels[order]) - self._prior[classes]
        self._learned = _Learned(order, classes, residuals)
        self._process = self._new_process()
        self._process.label(classes, self._inputs)

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        if not archs:
            return np.empty(0), np.empty(0)
        mean, std = self.posterior(archs)
        mean, raw = self._scale.decode_with_spread(mean, np.sqrt(std**2 + self.config.noise))
        return mean, self._calibrated().std(raw)

    @one_blas_thread()
    def posterior(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        if not archs:
            return np.empty(0), np.empty(0)
        score = in_chunks(lambda inputs: self._process.posterior(inputs, self._learned.residuals))
        different, place = np.unique(class_numbers(self.space, archs), return_inverse=True)
        pieces = np.split(different, range(_PIECE, len(different), _PIECE))
        mean, variance = (np.concatenate(part) for part in zip(*(score(self._inputs(p)) for p in pieces), strict=True))
        # Rounded, as in some linear-algebra libraries the last digits of a row depend on its position.
        return np.round(mean + self._prior[different], 9)[place], np.round(np.sqrt(variance), 9)[place]

    def prior_scores(self, archs: Sequence[Architecture]) -> np.ndarray | None:
        return prior_scores(self.space, self.metric, archs) if self.config.slope > 0 else None

    def candidate_posterior(self) -> CandidatePosterior:
        return _GrowingPosterior(self)

    def _held_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        learned = self._learned
        mean, variance = self._process.leave_one_out(learned.residuals)
        return learned.order, mean + self._prior[learned.classes], variance

    def _new_process(self) -> GrowingProcess:
        """A process on the kernel's inputs, followed by the proxies' score times the slope's deviation."""
        return GrowingProcess(
            _covariances,
            _variances,
            noise=self.config.noise,
            n_features=self._inputs(np.arange(1)).shape[1],
        )

    def _inputs(self, classes: np.ndarray) -> np.ndarray:
        """(D,) class numbers → (D, F)."""
        cells = read(self.space, classes)
        inputs = kernel_inputs(self.space, cells.paths, cells.probes)
        return np.hstack([inputs, self.config.slope_std * proxy_scores(self.space)[classes, None]])


def _covariances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(B, F) and (C, F) inputs → (B, C)."""
    return np.asarray(KERNEL.covariances(x[:, :-1], y[:, :-1]) + x[:, -1:] * y[:, -1])


def _variances(x: np.ndarray) -> np.ndarray:
    """(B, F) inputs → (B,)."""
    return np.asarray(KERNEL.variance + np.square(x[:, -1]))


@dataclass(frozen=True)
class _Learned:
    """The result of the last fit.

    Args:
        order: (k,) positions of the labels that are learned.
        classes: (k,) their class numbers.
        residuals: (k,) normal scores minus the prior mean.
    """

    order: np.ndarray
    classes: np.ndarray
    residuals: np.ndarray


class _GrowingPosterior(CandidatePosterior):
    """Candidates whose posterior is updated, not recomputed, after a fit that adds labels."""

    def __init__(self, predictor: ProxyProcess) -> None:
        self._owner = predictor
        self._process = predictor._new_process()
        self._classes = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._classes)

    @one_blas_thread()
    def add(self, archs: Sequence[Architecture]) -> None:
        classes = class_numbers(self._owner.space, archs)
        for piece in np.split(classes, range(_PIECE, len(classes), _PIECE)):
            self._process.add_candidates(self._owner._inputs(piece))
        self._classes = np.concatenate([self._classes, classes])

    @one_blas_thread()
    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        learned = self._owner._learned
        self._process.label(learned.classes, self._owner._inputs)
        mean, variance = self._process.candidates_posterior(learned.residuals)
        return np.round(mean + self._owner._prior[self._classes], 9), np.round(np.sqrt(variance), 9)
