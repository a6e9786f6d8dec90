"""The surrogate: learns from a few evaluated architectures, scores all the others."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief, one_line, require_name
from nassurrogate.files.given_path import as_path
from nassurrogate.metric import Metric, MetricLike, as_metric
from nassurrogate.predictors import (
    PredictorLike,
    default_predictor,
    make_predictor,
    resolve_predictor,
    who_scores_without_labels,
)
from nassurrogate.predictors.labels.numbers import checked_targets
from nassurrogate.runtime.named_device import check_device
from nassurrogate.runtime.optional_libraries import require_library
from nassurrogate.saved_surrogate import (
    Labels,
    hash_labels,
    header_of,
    label_statistics,
    own_label_arrays,
    saved_arguments,
    saved_dataset,
    saved_labels,
    saved_statistics,
    warn_of_other_versions,
    without_own_labels,
)
from nassurrogate.seed import checked_seed
from nassurrogate.spaces import ArchLike, Space, SpaceLike, get_space

if TYPE_CHECKING:
    from nassurrogate.predictors.base import Predictor, Progress

__all__ = ["Surrogate", "hash_labels"]

_log = logging.getLogger(__name__)
_NO_LABELS = "this surrogate has no labels yet; call fit(archs, targets) first, or load a saved one"


class Surrogate:
    """A predictor of one metric over one search space.

    Args:
        space: the search space, or its name.
        predictor: a registered name, `name:preset`, or a subclass of `Predictor`; None: the `default_predictor` of
            space and metric.
        metric: of the targets: a known name, or a `Metric` with a direction.
        config: hyper-parameters that replace those of the preset.
        seed: makes the fit reproducible.
        device: `"auto"`, `"cpu"`, `"cuda"`, …
        preset: the name of the preset, if `predictor` has none.

    An architecture is an `Architecture` or its string, in some spaces an index (also as a zero-dimensional array or
    tensor) or a dict of choices; a batch is a list, a range, or an array or tensor of rank 1. A tuple of numbers is
    refused: it may be the operation codes of one architecture or a batch of indices.

    A surrogate can be copied and pickled, so other processes can score with it; copies learn independently. Use pickles
    only within one release and with people you trust; otherwise use files (`save`).

    Raises `InputError` for unknown names, for a metric of unknown direction, for a predictor that cannot read the
    space, and for a missing device, even if the predictor would not use it.

    >>> surrogate = Surrogate("nb201", predictor="gradient-boosting", seed=0)
    >>> _ = surrogate.fit([0, 1, 2, 3], [85.5, 90.8, 72.1, 88.0])
    >>> surrogate.score([1, 2]).shape
    (2,)
    """

    def __init__(
        self,
        space: SpaceLike = "nb201",
        *,
        predictor: PredictorLike | None = None,
        metric: MetricLike = "val_accuracy_pct",
        config: Mapping[str, Any] | None = None,
        seed: int = 0,
        device: str = "auto",
        preset: str | None = None,
    ) -> None:
        self.seed = checked_seed(seed)
        about = as_metric(metric)
        self.higher_is_better: bool = about.larger_is_better
        """Whether a larger value of the metric is better."""
        self.about_metric: Metric = about
        """The metric; `metric` is its name."""
        self.metric: str = about.name
        self.space: Space = get_space(space)
        cls, named = resolve_predictor(default_predictor(self.space, about) if predictor is None else predictor)
        if preset is not None and named is not None and preset != named:
            raise InputError(f"preset {brief(preset)} contradicts the predictor {brief(predictor)}; leave one out")
        preset = named if preset is None else preset
        check_device(device, cls.name, is_used=cls.uses_device)
        require_library(cls)
        self.predictor = make_predictor(
            cls, self.space, metric=about, preset=preset, config=config, seed=self.seed, device=device
        )
        self.n_labels = 0
        self.label_stats: dict[str, float] = {}
        self.labels_sha256 = ""
        self.dataset: str | None = None
        """Name of the labels' data set; None if unknown."""
        self._labels: Labels | None = None
        self._logged: set[str] = set()

    @property
    def labels(self) -> Labels | None:
        """The n architectures and (n,) targets that it learned; None before a fit, or if any are of another space.

        Also None if it was loaded from a file of an early release, which did not keep them.
        """
        return None if self._labels is None else (list(self._labels[0]), self._labels[1].copy())

    @property
    def scores_without_labels(self) -> bool:
        """Whether `score` works before a fit."""
        return self.predictor.prior_scores([]) is not None

    @property
    def score_unit(self) -> str | None:
        """The unit of `score`: the metric's; None before a fit, as scores without labels only rank."""
        return self.about_metric.unit if self.n_labels else None

    @property
    def is_of_other_space(self) -> bool:
        """Whether it learned labels of other spaces."""
        return self.n_labels > 0 and self.predictor.crosses_spaces and self._labels is None

    def __copy__(self) -> Surrogate:
        """An independent copy: a fit of one does not change the other. They share the space, which never changes."""
        return copy.deepcopy(self, {id(self.space): self.space})

    def fresh(self, *, seed: int) -> Surrogate:
        """A surrogate without labels, of the same space, predictor, preset, configuration, metric and device."""
        return Surrogate(
            self.space,
            predictor=type(self.predictor),
            preset=self.predictor.preset,
            metric=self.about_metric,
            config=self.predictor.config_dict(),
            seed=seed,
            device=self.predictor.device,
        )

    def fit(
        self,
        archs: Sequence[ArchLike],
        targets: Sequence[float] | np.ndarray,
        *,
        dataset: str | None = None,
        progress: Progress | None = None,
    ) -> Surrogate:
        """Learn from evaluated architectures, and forget any earlier fit. Returns the surrogate itself.

        Args:
            archs: n architectures; one may occur several times, with different targets. A predictor that crosses
                spaces also takes `Architecture` values of other spaces.
            targets: (n,) values in the metric's unit, accuracies in percent.
            dataset: name of the labels' data set. It is saved with the model: a search on another data set does not
                treat these labels as known.
            progress: called with (steps done, total steps).

        Logs a warning, once, for labels of only one or two architectures, too few for a 90 % interval, and for labels
        of a metric in percent that look like fractions.

        Raises `InputError` for no labels, unequal lengths, NaN or infinite targets, or targets that are all equal.
        After an error in the predictor, the surrogate has no labels.
        """
        parsed, values = self._checked_labels(archs, targets)
        if dataset is not None:
            require_name("dataset", dataset)
        self.n_labels, self._labels = 0, None  # if the fit fails, the surrogate is unfitted
        self.predictor.fit(list(parsed), values.copy(), progress=progress)
        self.n_labels, self._labels = len(parsed), None if _are_elsewhere(parsed, self.space) else (parsed, values)
        self.label_stats = label_statistics(values)
        self.labels_sha256 = hash_labels(parsed, values)
        self.dataset = dataset
        self._log_notes(parsed)
        return self

    def adapt(self, archs: Sequence[ArchLike], targets: Sequence[float] | np.ndarray) -> Surrogate:
        """Adapt a fitted surrogate to a few labels of another device or family. Returns the surrogate itself.

        It keeps what it knows and learns how the new labels differ. `labels` then has both, unless the file that it was
        loaded from had none.

        Args:
            archs: n architectures.
            targets: (n,) values in the metric's unit.

        Raises `InputError` as `fit` does, before the first fit, and for a predictor that cannot adapt; the surrogate is
        then unchanged.
        """
        self._require_fit()
        parsed, values = self._checked_labels(archs, targets)
        self.predictor.adapt(list(parsed), values.copy())
        self.n_labels += len(parsed)
        if self._labels is not None:
            known, before = self._labels
            self._labels = (known + parsed, np.concatenate([before, values]))
            self.label_stats = label_statistics(self._labels[1])
            self.labels_sha256 = hash_labels(*self._labels)
        return self

    def _log_notes(self, archs: Sequence[Architecture]) -> None:
        from nassurrogate.predictors.labels.notes import label_notes

        for about, note in label_notes(self.about_metric, self.label_stats, len(set(archs))).items():
            self._log_once(about, note)

    def _log_once(self, about: str, note: str) -> None:
        if about not in self._logged:  # a search fits the same surrogate again and again
            self._logged.add(about)
            _log.warning("%s", note)

    def _checked_labels(
        self, archs: Sequence[ArchLike], targets: Sequence[float] | np.ndarray
    ) -> tuple[list[Architecture], np.ndarray]:
        if self.space.is_single(archs):
            raise InputError(f"fit expects a batch of architectures, got one: {brief(archs)}")
        if self.predictor.crosses_spaces and _are_elsewhere(archs, self.space):
            parsed = list(cast("Sequence[Architecture]", archs))
        else:
            parsed = self._parsed(archs)
        return parsed, checked_targets(targets, len(parsed))

    def predict(self, archs: ArchLike | Sequence[ArchLike]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation in the metric's unit: two arrays of shape (B,); B = 1 for one architecture.

        Mean ± 1.645 standard deviations should cover 90 % of unseen architectures. If the surrogate knows only one
        architecture, the deviation is a guess from the scale of the metric (`deviation_of_unknown`).
        """
        self._require_fit()
        parsed = self._parsed(archs)
        if not parsed:
            return np.empty(0), np.empty(0)
        mean, std = self.predictor.predict(parsed)
        return (mean, np.maximum(std, self._least_deviation())) if self._knows_one() else (mean, std)

    def _knows_one(self) -> bool:
        """Whether all labels are of one architecture."""
        if self._labels is None:
            return self.n_labels == 1
        archs = self._labels[0]
        return all(arch == archs[0] for arch in archs)

    def _least_deviation(self) -> float:
        from nassurrogate.predictors.labels.notes import deviation_of_unknown

        return deviation_of_unknown(self.label_stats.get("mean", 0.0), self.about_metric)

    def posterior(self, archs: ArchLike | Sequence[ArchLike]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, (B,) each, on the scale on which the predictor learns (see `Predictor`)."""
        self._require_fit()
        return self.predictor.posterior(self._parsed(archs))

    def _parsed(self, archs: ArchLike | Sequence[ArchLike]) -> list[Architecture]:
        batch = [archs] if self.space.is_single(archs) else archs
        return self.space.parse_many(cast("Sequence[ArchLike]", batch))

    # A string is a sequence of strings to a type checker; here it is one architecture.
    @overload
    def score(self, archs: ArchLike) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def score(self, archs: Sequence[ArchLike]) -> np.ndarray: ...
    def score(self, archs: ArchLike | Sequence[ArchLike]) -> float | np.ndarray:
        """The score of architectures; higher is better. A float for one architecture, shape (B,) for a batch.

        It is the predicted mean in the metric's unit, negated for a metric that is better when smaller. `score(a)`
        equals `score([…, a, …])[i]`.

        Before the first fit, predictors with scores of their own, such as sums of zero-cost proxies, rank by those
        (`scores_without_labels`). They have no unit, which is logged once. Others raise `InputError`.

        >>> surrogate = Surrogate("nb201", predictor="proxy-process")
        >>> surrogate.score([0, 1462]).round(2), surrogate.score_unit
        (array([-1.31,  1.37]), None)
        >>> surrogate.fit([0, 1, 2], [85.5, 90.8, 72.1]).score_unit
        'percent'
        """
        if self.n_labels:
            mean, _ = self.predict(archs)
            score = mean if self.higher_is_better else -mean
        else:
            score = self._score_without_labels(archs)
        return float(score[0]) if self.space.is_single(archs) else score

    def _score_without_labels(self, archs: ArchLike | Sequence[ArchLike]) -> np.ndarray:
        from nassurrogate.predictors.labels.notes import unlearned_note

        score = self.predictor.prior_scores(self._parsed(archs)) if self.scores_without_labels else None
        if score is None:
            others = who_scores_without_labels(self.space, besides=self.predictor.name)
            raise InputError(f"{_NO_LABELS}; {others}")
        self._log_once("no labels", unlearned_note(self.about_metric, self.predictor.name))
        return score

    def _require_fit(self) -> None:
        if not self.n_labels:
            raise InputError(_NO_LABELS + ("; only score works without labels" if self.scores_without_labels else ""))

    # --- files ---------------------------------------------------------------------------------------------------

    def save(self, path: str | Path, *, keep_labels: bool = True) -> Path:
        """Write a safetensors file with the labels; its header holds JSON. Returns its path.

        Args:
            path: the file.
            keep_labels: whether the file holds the architectures and targets that were learned. Without them, the
                loaded surrogate predicts the same, but has no `labels`. A predictor that is saved as its labels needs
                them.

        Raises `InputError` before the first fit, if the path cannot be written, or if the predictor is saved as its
        labels and `keep_labels` is false.
        """
        from nassurrogate.files.model_file import write_model
        from nassurrogate.predictors.labels.saved import holds_labels

        self._require_fit()
        target = as_path(path, "the model's path")
        tensors, meta = self.predictor.state()
        if not keep_labels and holds_labels(tensors):
            raise InputError(f"predictor {self.predictor.name!r} is saved as its labels and cannot do without them")
        if keep_labels and self._labels is not None:
            tensors = {**tensors, **own_label_arrays(self.space, self._labels, tensors)}
        return write_model(target, tensors, header_of(self, meta, keeps_labels=keep_labels))

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        device: str = "auto",
        predictor: type[Predictor] | None = None,
        space: Space | None = None,
    ) -> Surrogate:
        """Read a file of `save`, without running code from it.

        A predictor that is saved as its labels is refitted; a warning is logged if package versions have changed.

        Args:
            path: the file.
            device: as in the constructor.
            predictor: the class of a predictor that is not registered; its name must be that in the file.
            space: a space that is not registered; its name must be that in the file, unless the predictor crosses
                spaces: then the surrogate is one for the given space.

        Raises `InputError` for a file that is missing, damaged, foreign or of a newer format.
        """
        from nassurrogate.files.model_file import read_model

        tensors, header = read_model(as_path(path, "the model's path"))
        try:
            surrogate = cls(**saved_arguments(header, str(path), predictor, space), device=device)
            surrogate.dataset = saved_dataset(header)
            n_labels, surrogate.label_stats, surrogate.labels_sha256 = saved_statistics(header)
            if surrogate.predictor.learns_again(header["state"]):
                warn_of_other_versions(header, tensors, str(path))
            surrogate.predictor.load_state(without_own_labels(tensors), header["state"])
            if surrogate.space.name == header["space"]:  # else its labels are of another
                surrogate._labels = saved_labels(surrogate.space, tensors, header)
            surrogate.n_labels = n_labels
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
            raise InputError(f"{path} is not a complete surrogate ({one_line(error, 120)})") from error
        return surrogate


def _are_elsewhere(archs: Sequence[object], space: Space) -> bool:
    """Whether they are `Architecture` values, and some of another space."""
    return all(isinstance(arch, Architecture) for arch in archs) and any(
        arch.space != space for arch in cast("Sequence[Architecture]", archs)
    )
