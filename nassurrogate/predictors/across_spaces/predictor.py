"""A predictor that learns the labels of some spaces and ranks the networks of another, which it has not seen.

All that it reads is made comparable by ranks within a space, unlabelled networks of the new space included: numbers of
the operator graph of the real network (`structure`), and those zero-cost proxies that mean the same in both spaces
(`transfer`). The labels are ranked in their own space, too. From every space many subsets are made (`domains`), and one
process (`process`) learns them all.

What is fixed here was chosen within NAS-Bench-101 and within NAS-Bench-201, by models of a part of the space for
another part with other networks, such as from few 3x3 convolutions to many.

Shapes: n labels, B architectures, F features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief
from nassurrogate.predictors.across_spaces.domains import leaning_subsets
from nassurrogate.predictors.across_spaces.features import offers_proxies
from nassurrogate.predictors.across_spaces.known_networks import KnownNetworks
from nassurrogate.predictors.across_spaces.process import MeanProcess
from nassurrogate.predictors.across_spaces.ranks import Ranks, own_scores
from nassurrogate.predictors.across_spaces.transfer import transferable
from nassurrogate.predictors.base import Predictor, Progress, check_ranges, require_space
from nassurrogate.predictors.calibration import Calibration, Fold, out_of_fold
from nassurrogate.predictors.labels.saved import label_arrays, read_labels
from nassurrogate.predictors.labels.scale import RankScale
from nassurrogate.runtime.blas_threads import one_blas_thread
from nassurrogate.spaces import Space, get_space, space_names
from nassurrogate.spaces.network_space import NetworkSpace


@dataclass(frozen=True)
class AcrossSpacesConfig:
    """Hyper-parameters.

    proxies: whether zero-cost proxies are used, if all the spaces offer them.
    subsets: how many subsets of each space are learned besides the whole.
    noise: variance of a label, in squared normal scores; every label occurs in several subsets.
    most_labels: most labels to learn of each space, a random choice.
    reference: how many random networks of the space to rank in say what is usual there.
    """

    proxies: bool = True
    subsets: int = 8
    noise: float = 0.6
    most_labels: int = 1000
    reference: int = 1000

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)


_RANGES = {"subsets": (0, 100), "noise": (1e-6, 100.0), "most_labels": (1, 2000), "reference": (2, 100_000)}
_FOLDS = 3
_ELSEWHERE_WORTH = 20
"""Labels of the space itself that any number of labels of other spaces is worth: where the two surrogates of a search
have equal weight."""
_SPACES, _MOST_SPACES = "spaces", 100


class AcrossSpaces(Predictor[AcrossSpacesConfig]):
    """Ranks the networks of its space; the labels may be of any spaces of networks.

    A mean is on the scale of the labels that it has learned: in another space only the order means something.

    >>> from nassurrogate.spaces import get_space
    >>> macro, nb201 = get_space("macro"), get_space("nb201")
    >>> predictor = AcrossSpaces(nb201, config={"reference": 20})
    >>> archs = macro.parse_many(["00000000", "11100011", "22220022", "22222222"])
    >>> predictor.fit(archs, np.array([85.0, 91.0, 92.5, 93.0]))
    >>> mean, std = predictor.predict(nb201.parse_many([0, 1, 2]))
    >>> mean.shape, std.shape
    ((3,), (3,))
    """

    name = "across-spaces"
    description = "ranks the networks of a space from labels of other spaces, by real networks and zero-cost proxies"
    presets: ClassVar[Mapping[str, AcrossSpacesConfig]] = {"default": AcrossSpacesConfig()}
    requires = NetworkSpace
    uses_device = False
    crosses_spaces = True

    def __init__(self, space: Space, **options: Any) -> None:
        super().__init__(space, **options)
        if self.metric.belongs_to != "function":
            raise InputError(
                f"predictor {self.name!r} ranks what a network learns, such as its accuracy, not {self.metric.name}; "
                "roofline predicts the latency of networks of any space"
            )

    def uses(self) -> list[str]:
        has = self.config.proxies and offers_proxies(self.space)
        return ["operator graph", *(["zero-cost proxies"] if has else [])]

    def worth(self, n_labels: int) -> int:
        own = sum(arch.space == self.space for arch in self._archs)
        return own + min(n_labels - own, _ELSEWHERE_WORTH)

    # --- learning ------------------------------------------------------------------------------------------------

    @one_blas_thread()
    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        """Learn (n,) finite targets of n architectures of one or several spaces of networks."""
        self._archs, self._labels = list(archs), np.array(targets, dtype=np.float64)
        for space in _spaces_of(self._archs):
            require_space(type(self), space)
        self._calibration: Calibration | None = None
        self._learned = self._learn(self._archs, self._labels)
        if progress is not None:
            progress(1, 1)

    def _learn(self, archs: Sequence[Architecture], labels: np.ndarray) -> _Learned:
        rng = np.random.default_rng(self.seed)
        known = []
        for places in _places_by_space(archs):
            some = np.sort(rng.permutation(places)[: self.config.most_labels])
            known.append(KnownNetworks.of([archs[place] for place in some], labels[some]))
        reference = self._reference(known)
        use = self._proxies_to_use(known, reference)
        subsets = [
            space.take(rows)
            for space in known
            for rows in leaning_subsets(own_scores(space.structure), self.config.subsets, rng)
        ]
        return _Learned(
            ranks=Ranks(reference.columns(use)),
            use=use,
            process=self._process(subsets, use),
            # Copies of a network in several subsets say nothing about how well it is known.
            nearness=self._process(known, use),
            scale=RankScale.of(labels),
        )

    def _process(self, parts: Sequence[KnownNetworks], use: np.ndarray) -> MeanProcess:
        rows, scores = (np.concatenate(part) for part in zip(*(part.ranked(use) for part in parts), strict=True))
        return MeanProcess(rows, scores, self.config.noise)

    def _reference(self, known: Sequence[KnownNetworks]) -> KnownNetworks:
        """Networks that say what is usual in the space; those with labels if it draws none."""
        if not self.space.can_sample:
            return KnownNetworks.all_of(known)
        archs = self.space.sample_at_most(self.config.reference, np.random.default_rng(0))
        return KnownNetworks.of(archs, np.empty(0))

    def _proxies_to_use(self, known: Sequence[KnownNetworks], reference: KnownNetworks) -> np.ndarray:
        """Positions of the proxies that are read."""
        here = reference.sample() if self.config.proxies else None
        samples = [space.sample() for space in known]
        there = [sample for sample in samples if sample is not None]
        if here is None or len(there) < len(samples):
            return np.empty(0, dtype=np.intp)
        return np.flatnonzero(np.logical_and.reduce([transferable(sample, here) for sample in there]))

    # --- predicting ----------------------------------------------------------------------------------------------

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        mean, deviation = self.posterior(archs)
        mean, spread = self._learned.scale.decode_with_spread(mean, np.hypot(deviation, np.sqrt(self.config.noise)))
        return mean, self._calibrated().std(spread)

    @one_blas_thread()
    def posterior(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        if not archs:
            return np.empty(0), np.empty(0)
        learned = self._learned
        rows = learned.ranks(KnownNetworks.of(archs, np.empty(0)).columns(learned.use))
        # Rounded, as in some linear-algebra libraries the last digits of a row depend on its position.
        return np.round(learned.process.mean(rows), 9), np.round(learned.nearness.deviation(rows), 9)

    def encoded(self, targets: np.ndarray) -> np.ndarray:
        return self._learned.scale.encode(np.asarray(targets, dtype=np.float64))

    @one_blas_thread()
    def _calibrated(self) -> Calibration:
        if self._calibration is None:
            held_out = out_of_fold(self._fold_fits, len(self._labels), self.seed, folds=_FOLDS)
            self._calibration = Calibration.of(held_out, self._labels)
        return self._calibration

    def _fold_fits(self, folds: Sequence[Fold]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Predictions of labels in their own spaces, on whose scale deviations are, by processes without subsets."""
        found = []
        for fold in folds:
            mean, spread = np.empty(len(self._labels)), np.empty(len(self._labels))
            for places in _places_by_space(self._archs):
                held = np.intersect1d(places, fold.held)
                known = np.setdiff1d(places, fold.held)[: self.config.most_labels]
                mean[held], spread[held] = self._predicted_within(known, held)
            found.append((mean[fold.held], spread[fold.held]))
        return found

    def _predicted_within(self, known: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and spreads of the labels at the positions `held` by those at `known`, of the same space."""
        if not len(known) or not len(held):
            return np.full(len(held), self._labels.mean()), np.full(len(held), self._labels.std())
        learned, use = self._read(known), self._learned.use
        process = self._process([learned], use)
        rows = Ranks(learned.columns(use))(self._read(held).columns(use))
        deviation = np.hypot(process.deviation(rows), np.sqrt(self.config.noise))
        return RankScale.of(self._labels[known]).decode_with_spread(process.mean(rows), deviation)

    def _read(self, places: np.ndarray) -> KnownNetworks:
        return KnownNetworks.of([self._archs[place] for place in places], self._labels[places])

    # --- files ---------------------------------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        spaces = _spaces_of(self._archs)
        arrays = {
            f"{number}.{name}": array
            for number, (space, places) in enumerate(zip(spaces, _places_by_space(self._archs), strict=True))
            for name, array in label_arrays(
                space, [self._archs[place] for place in places], self._labels[places]
            ).items()
        }
        return arrays, {_SPACES: [space.name for space in spaces], "calibration": self._calibrated().as_dict()}

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        calibration = Calibration.from_dict(meta["calibration"])
        names = meta[_SPACES]
        if not isinstance(names, list) or not 1 <= len(names) <= _MOST_SPACES:
            raise InputError(f"the spaces of the labels are a list of 1 to {_MOST_SPACES} names, got {brief(names)}")
        archs: list[Architecture] = []
        labels: list[np.ndarray] = []
        for number, name in enumerate(names):
            prefix = f"{number}."
            own = {key.removeprefix(prefix): array for key, array in tensors.items() if key.startswith(prefix)}
            more, values = read_labels(self._known_space(name), own)
            archs += more
            labels.append(values)
        self.fit(archs, np.concatenate(labels))
        self._calibration = calibration

    def _known_space(self, name: object) -> Space:
        if name == self.space.name:
            return self.space
        if not isinstance(name, str) or name not in space_names():
            raise InputError(f"it has labels of the space {brief(name)}, which is not registered here")
        return get_space(name)


@dataclass(frozen=True)
class _Learned:
    """The result of the last fit.

    Args:
        ranks: of the columns that are read, among the networks of the space.
        use: positions of the proxies among them.
        process: predicts.
        nearness: says how well a network is known.
        scale: of all labels.
    """

    ranks: Ranks
    use: np.ndarray
    process: MeanProcess
    nearness: MeanProcess
    scale: RankScale


def _spaces_of(archs: Sequence[Architecture]) -> list[Space]:
    """The spaces of architectures, in the order in which they first occur."""
    return list(dict.fromkeys(arch.space for arch in archs))


def _places_by_space(archs: Sequence[Architecture]) -> list[np.ndarray]:
    """For each of `_spaces_of`, the positions of its architectures."""
    number = {space: i for i, space in enumerate(_spaces_of(archs))}
    numbers = np.array([number[arch.space] for arch in archs])
    return [np.flatnonzero(numbers == i) for i in range(len(number))]
