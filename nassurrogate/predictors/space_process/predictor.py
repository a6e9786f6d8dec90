"""A Gaussian process for few labels on the features that any space offers, for any metric.

It reads choices, ordered choices as numbers, counts of choices, exact costs, paths and proxies of cells (see
`space_features`); the hyper-parameters of its kernel are fitted to the labels under a prior (see `block_kernel`). The
prior was chosen on NAS-Bench-Macro's accuracy, latencies of NAS-Bench-201 and FBNet, and made-up spaces; the optimum is
flat.

If a space that is declared by its choices also builds its networks, a metric of the function is predicted from the
networks as well: from their graphs and zero-cost proxies, which are measured for a sample at the first fit and learned
for all others (see `network_features`). How was chosen on NAS-Bench-Macro, and on cifar10 inside `development_split`.

A metric of the function is learned as the normal scores of the labels' ranks, so that the few architectures that
hardly train do no harm. A metric of the architecture, such as a latency, is standardised.

Shapes: n labels, B architectures, F features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.predictors.base import CandidatePosterior, Progress, check_ranges
from nassurrogate.predictors.inputs.space_features import BLOCKS, SpaceFeatures, space_features
from nassurrogate.predictors.label_process import LabelProcess
from nassurrogate.predictors.labels.scale import RankScale, StandardScale
from nassurrogate.predictors.space_process.block_kernel import BlockKernel, Prior, block_squares, likely_kernel
from nassurrogate.predictors.space_process.block_process import BlockProcess
from nassurrogate.predictors.space_process.network_features import NETWORK_BLOCKS, NetworkFeatures
from nassurrogate.predictors.space_process.reading import NetworkReading, network_features
from nassurrogate.runtime.blas_threads import one_blas_thread
from nassurrogate.spaces import Space
from nassurrogate.spaces.categorical.network_space import CategoricalNetworkSpace


@dataclass(frozen=True)
class SpaceProcessConfig:
    """Hyper-parameters: the centre of the kernel's prior, in squared scores except for `near` and `spread`.

    linear: total variance of the linear part.
    rough: variance of the Matérn part.
    near: total of the blocks' inverse squared length scales.
    noise: variance of the labels' noise.
    spread: standard deviation of the natural logarithm of each.
    tuning_labels: most labels that the kernel is fitted to, a random choice.
    most_labels: most labels to learn, a random choice.
    networks: most networks whose zero-cost proxies are computed, if the space builds networks; 0: none are looked at.
    """

    linear: float = 0.5
    rough: float = 1.0
    near: float = 3.0
    noise: float = 0.05
    spread: float = 1.5
    tuning_labels: int = 300
    most_labels: int = 2000
    networks: int = 500

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)


_RANGES = {
    "linear": (1e-6, 1e3), "rough": (1e-6, 1e3), "near": (1e-6, 1e3), "noise": (1e-6, 1e3), "spread": (1e-3, 10.0),
    "tuning_labels": (1, 2000), "most_labels": (1, 10_000), "networks": (0, 10_000),
}  # fmt: skip
_CHUNK = 512
"""Architectures per call of linear algebra, always the same number: rounding depends on it."""
_PIECE = 1 << 13
"""Candidates whose covariances are in memory at a time."""


class SpaceProcess(LabelProcess[SpaceProcessConfig]):
    """The default predictor of all spaces and metrics without a better one.

    >>> from nassurrogate.spaces import CategoricalSpace
    >>> space = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
    >>> predictor = SpaceProcess(space)
    >>> archs = list(space.members())
    >>> predictor.fit(archs[:4], np.array([90.0, 91.0, 92.0, 90.5]))
    >>> mean, std = predictor.predict(archs[4:])
    >>> mean.shape, std.shape
    ((2,), (2,))
    """

    name = "space-process"
    description = "Gaussian process on choices, graphs and exact costs of any space, for any metric; milliseconds"
    presets: ClassVar[Mapping[str, SpaceProcessConfig]] = {"default": SpaceProcessConfig()}

    def __init__(self, space: Space, **options: Any) -> None:
        super().__init__(space, **options)
        self._plain = space_features(space, self.metric.belongs_to)
        self._read: SpaceFeatures | NetworkReading = self._plain
        looks = self.metric.belongs_to == "function" and self.config.networks > 0
        self._builder = space if looks and isinstance(space, CategoricalNetworkSpace) else None
        """The space, if the next fit looks at its networks."""

    def uses(self) -> list[str]:
        names = [*self._read.names, *(NETWORK_BLOCKS if self.waits_for_networks else ())]
        return [{**BLOCKS, **NETWORK_BLOCKS}[name] for name in names]

    @property
    def waits_for_networks(self) -> bool:
        """Whether networks are only looked at in the first fit, which is still to come."""
        return self._builder is not None and not hasattr(self, "_process")

    @property
    def reads_canonical_cells(self) -> bool:
        return self._read.is_canonical

    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        if self._builder is not None:
            with one_blas_thread():
                self._look_at(network_features(self._builder, self.config.networks, progress))
        super().fit(archs, targets, progress=progress)

    def _look_at(self, networks: NetworkFeatures | None) -> None:
        if networks is None:
            self._read = self._plain
        elif not isinstance(self._read, NetworkReading) or self._read.networks is not networks:
            self._read = NetworkReading(self.space, self._plain, networks)

    def _learn(self) -> None:
        self._order = self._random_order(self.config.most_labels)
        by_rank = self.metric.belongs_to == "function"
        self._scale = RankScale.of(self._labels) if by_rank else StandardScale.of(self._labels)
        features = self._read([self._archs[place] for place in self._order])
        scores = self._scale.encode(self._labels[self._order])
        self._process = BlockProcess(features, scores, self._kernel(features, scores))

    def _kernel(self, features: np.ndarray, scores: np.ndarray) -> BlockKernel:
        config = self.config
        prior = Prior(config.linear, config.rough, config.near, config.noise, config.spread)
        some = slice(config.tuning_labels)
        return likely_kernel(features[some], self._read.widths, scores[some], prior)

    @one_blas_thread()
    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        mean, variance = np.empty(len(archs)), np.empty(len(archs))
        for start in range(0, len(archs), _CHUNK):
            features = self._read(archs[start : start + _CHUNK])
            n = len(features)
            parts = self._score(features[np.arange(_CHUNK) % n])
            mean[start : start + n], variance[start : start + n] = (part[:n] for part in parts)
        # Rounded, as in some linear-algebra libraries the last digits of a row depend on its position.
        spread = np.round(np.sqrt(variance + self._process.kernel.noise), 9)
        mean, raw = self._scale.decode_with_spread(np.round(mean, 9), spread)
        return mean, self._calibrated().std(raw)

    @one_blas_thread()
    def posterior(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        pieces = (archs[start : start + _PIECE] for start in range(0, len(archs), _PIECE))
        parts = [np.empty((2, 0)), *(np.stack(self._score(self._read(piece))) for piece in pieces)]
        mean, variance = np.concatenate(parts, axis=1)
        return mean, np.sqrt(variance)

    def _score(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._process.posterior(features, block_squares(features, self._read.widths))

    def candidate_posterior(self) -> CandidatePosterior:
        return _KeptCandidates(self)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        tensors, meta = super().state()
        if isinstance(self._read, NetworkReading):
            networks = self._read.networks
            return {**tensors, **networks.arrays()}, {**meta, "networks": networks.names}
        return tensors, meta

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        # What a file says about networks counts, not what is built here: a fit to its labels then is the saved one.
        saved = meta.get("networks")
        builder, self._builder = self._builder, None
        self._look_at(None if saved is None else NetworkFeatures.from_arrays(self.space.genes, saved, tensors))
        super().load_state(tensors, meta)
        self._builder = builder

    def _held_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        place, mean, variance = self._process.held_out()
        return self._order[place], mean, variance


class _KeptCandidates(CandidatePosterior):
    """Candidates whose features are kept; between two fits, only new ones are computed."""

    def __init__(self, predictor: SpaceProcess) -> None:
        self._owner = predictor
        self._waiting: list[Architecture] = []
        """Candidates without features: those that were added before networks have been looked at."""
        self._features = np.empty((0, 0), np.float32)
        self._squares = np.empty((0, 0))
        self._process: BlockProcess | None = None
        self._known = np.empty((2, 0))

    def __len__(self) -> int:
        return len(self._squares) + len(self._waiting)

    @one_blas_thread()
    def add(self, archs: Sequence[Architecture]) -> None:
        self._waiting += archs
        if not self._owner.waits_for_networks:
            self._read_waiting()

    def _read_waiting(self) -> None:
        widths = self._owner._read.widths
        if not len(self._squares):
            self._features, self._squares = np.empty((0, sum(widths)), np.float32), np.empty((0, len(widths)))
        for start in range(0, len(self._waiting), _PIECE):
            features = self._owner._read(self._waiting[start : start + _PIECE])
            self._features = np.concatenate([self._features, features.astype(np.float32)])
            self._squares = np.concatenate([self._squares, block_squares(features, widths)])
        self._waiting = []

    @one_blas_thread()
    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        self._read_waiting()
        if self._process is not self._owner._process:
            self._process, self._known = self._owner._process, np.empty((2, 0))
        parts = [self._known]
        for start in range(self._known.shape[1], len(self), _PIECE):
            piece = slice(start, start + _PIECE)
            features = self._features[piece].astype(np.float64)
            parts.append(np.stack(self._process.posterior(features, self._squares[piece])))
        self._known = np.concatenate(parts, axis=1)
        return self._known[0], np.sqrt(self._known[1])
