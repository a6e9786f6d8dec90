"""The scoring oracle: learns from a few evaluated architectures, ranks all the others."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief, one_line, unknown_choice
from nassurrogate.given_path import as_path
from nassurrogate.metric import Metric, MetricLike, as_metric, known_metric
from nassurrogate.predictors import (
    PredictorLike,
    default_predictor,
    make_predictor,
    predictor_class,
    predictor_names,
    resolve_predictor,
)
from nassurrogate.seed import checked_seed
from nassurrogate.spaces import ArchLike, Space, SpaceLike, get_space, space_names
from nassurrogate.spaces.base import is_single

if TYPE_CHECKING:
    from nassurrogate.predictors.base import Predictor, Progress

_log = logging.getLogger(__name__)
_LARGEST_TARGET = 1e30
"""Squares and sums of targets must fit the numbers that predictors learn in."""


class Surrogate:
    """A predictor of one metric over one search space.

    Args:
        space: the search space, or its name.
        predictor: registered name, `name:preset`, or a class, a subclass of `Predictor`; None: `default_predictor` of
            space and metric.
        metric: what the targets are: a known name, or a `Metric` that says which direction is better.
        config: hyper-parameters that replace the preset's.
        seed: makes the fit reproducible.
        device: `"auto"`, `"cpu"`, `"cuda"`, …
        preset: the preset's name, for a predictor that is given without.

    An architecture is an `Architecture` or its string, in some spaces an index or a dict of choices; any other sequence
    is a batch of them.

    Raises `InputError` for what is unknown, for a metric of unknown direction, and for a predictor that cannot read the
    space.

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
        """All that is known of the metric; `metric` is its name."""
        self.metric: str = about.name
        if not isinstance(device, str):
            raise InputError(f"device must be a name such as 'auto', 'cpu' or 'cuda', got {brief(device)}")
        self.space: Space = get_space(space)
        cls, named = resolve_predictor(default_predictor(self.space, about) if predictor is None else predictor)
        if preset is not None and named is not None and preset != named:
            raise InputError(f"preset {brief(preset)} contradicts the predictor {brief(predictor)}; leave one out")
        preset = named if preset is None else preset
        self.predictor = make_predictor(
            cls, self.space, metric=about, preset=preset, config=config, seed=self.seed, device=device
        )
        self.n_labels = 0
        self.label_stats: dict[str, float] = {}
        self.labels_sha256 = ""

    def fresh(self, *, seed: int) -> Surrogate:
        """One without labels, of the same space, predictor, preset, configuration, metric and device."""
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
        self, archs: Sequence[ArchLike], targets: Sequence[float] | np.ndarray, *, progress: Progress | None = None
    ) -> Surrogate:
        """Learn from measured architectures; forgets what an earlier fit learned. Returns the surrogate itself.

        Args:
            archs: n architectures; one may stand there more than once with different targets.
            targets: (n,) values in the metric's unit, accuracies in percent.
            progress: called with (steps done, steps in all).

        Raises `InputError` for no label, unequal lengths, NaN or infinite targets, or targets that are all equal. A fit
        that fails leaves a surrogate without labels.
        """
        cells, values = self._checked_labels(archs, targets)
        self.n_labels = 0  # a fit that fails leaves nothing to score with
        self.predictor.fit(cells, values, progress=progress)
        self.n_labels = len(cells)
        self.label_stats = {
            "mean": float(values.mean()),
            "std": float(values.std()),
            "min": float(values.min()),
            "max": float(values.max()),
        }
        self.labels_sha256 = hash_labels(cells, values)
        return self

    def _checked_labels(
        self, archs: Sequence[ArchLike], targets: Sequence[float] | np.ndarray
    ) -> tuple[list[Architecture], np.ndarray]:
        if is_single(archs):
            raise InputError(f"fit expects a batch of architectures, got one: {brief(archs)}")
        cells = self._cells(archs)
        values = _numbers(targets)
        if values.shape != (len(cells),):
            raise InputError(
                f"{len(cells)} architectures need {len(cells)} targets, got an array of shape {values.shape}"
            )
        if not cells:
            raise InputError("fit needs at least one labelled architecture, got none")
        bad = np.flatnonzero(~(np.abs(values) <= _LARGEST_TARGET))
        if bad.size:
            raise InputError(
                f"targets must be finite, at most {_LARGEST_TARGET:g} in size, got {values[bad[0]]:g} at position "
                f"{bad[0]} ({bad.size} such in all)"
            )
        if len(values) > 1 and np.all(values == values[0]):
            raise InputError(
                f"targets must differ, all {len(values)} are {values[0]:g}: nothing can be ranked from them"
            )
        return cells, values

    def predict(self, archs: ArchLike | Sequence[ArchLike]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation in the metric's unit: two arrays of shape (B,); B = 1 for one architecture."""
        self._require_fit()
        cells = self._cells(archs)
        if not cells:
            return np.empty(0), np.empty(0)
        return self.predictor.predict(cells)

    def posterior(self, archs: ArchLike | Sequence[ArchLike]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, (B,) each, in the scale in which the predictor learns (see `Predictor`)."""
        self._require_fit()
        return self.predictor.posterior(self._cells(archs))

    def _cells(self, archs: ArchLike | Sequence[ArchLike]) -> list[Architecture]:
        if isinstance(archs, np.ndarray) and archs.ndim != 1:
            raise InputError(f"expected a batch of shape (B,), got an array of shape {archs.shape}")
        batch = [archs] if is_single(archs) else archs
        return self.space.parse_many(cast("Sequence[ArchLike]", batch))

    # A string is a sequence of strings to a type checker; here it is one architecture.
    @overload
    def score(self, archs: ArchLike) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def score(self, archs: Sequence[ArchLike]) -> np.ndarray: ...
    def score(self, archs: ArchLike | Sequence[ArchLike]) -> float | np.ndarray:
        """How good: higher is better. A float for one architecture, shape (B,) for a batch.

        It is the predicted mean in the metric's unit, or for a metric that is better when smaller, minus that.
        `score(a)` equals `score([…, a, …])[i]`.
        """
        mean, _ = self.predict(archs)
        score = mean if self.higher_is_better else -mean
        return float(score[0]) if is_single(archs) else score

    def _require_fit(self) -> None:
        if not self.n_labels:
            raise InputError("this surrogate has no labels yet; call fit(archs, targets) first, or load a saved one")

    # --- files ---------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> Path:
        """Write one safetensors file, everything that is no array as JSON in its header. Returns its path.

        Raises `InputError` before the first fit, or where the path cannot be written.
        """
        from nassurrogate.model_file import write_model
        from nassurrogate.versions import FITTING_PACKAGES, package_versions

        self._require_fit()
        target = as_path(path, "the model's path")
        tensors, meta = self.predictor.state()
        return write_model(
            target,
            tensors,
            {
                "space": self.space.name,
                "space_fingerprint": self.space.fingerprint(),
                "predictor": self.predictor.name,
                "preset": self.predictor.preset,
                "config": self.predictor.config_dict(),
                "metric": self.metric,
                "metric_info": self.about_metric.as_dict(),
                "packages": package_versions(FITTING_PACKAGES),
                "seed": self.seed,
                "n_labels": self.n_labels,
                "label_stats": self.label_stats,
                "labels_sha256": self.labels_sha256,
                "state": meta,
            },
        )

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        device: str = "auto",
        predictor: type[Predictor] | None = None,
        space: Space | None = None,
    ) -> Surrogate:
        """Read what `save` wrote; runs no code from the file.

        A predictor that is saved as its labels learns them again: a warning is logged where the packages have other
        versions than those that it was saved with.

        Args:
            path: the file.
            device: as in the constructor.
            predictor: the class of a predictor that is not registered; it must have the name that the file gives.
            space: a space that is not registered, of the name that the file gives.

        Raises `InputError` for a file that is missing, damaged, foreign, or of a newer format.
        """
        from nassurrogate.model_file import read_model

        tensors, header = read_model(as_path(path, "the model's path"))
        try:
            if not isinstance(header["config"], dict):
                raise InputError(f"the configuration must map names to values, got {brief(header['config'])}")
            if not isinstance(header["preset"], str):
                raise InputError(f"the preset must be a name, got {brief(header['preset'])}")
            surrogate = cls(
                _saved_space(header["space"], header.get("space_fingerprint"), space),
                predictor=_saved_class(header["predictor"], predictor),
                preset=header["preset"],
                metric=_saved_metric(header, str(path)),
                config=header["config"],
                seed=header["seed"],
                device=device,
            )
            n_labels = header["n_labels"]
            if type(n_labels) is not int or not 1 <= n_labels < 1 << 63:
                raise InputError(f"the number of labels must be a whole number from 1, got {brief(n_labels)}")
            surrogate.label_stats = {str(k): float(v) for k, v in header["label_stats"].items()}
            surrogate.labels_sha256 = str(header["labels_sha256"])
            _warn_of_other_versions(header, tensors, str(path))
            surrogate.predictor.load_state(tensors, header["state"])
            surrogate.n_labels = n_labels
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
            raise InputError(f"{path} is no complete surrogate ({one_line(error, 120)})") from error
        return surrogate


def _saved_class(name: object, given: type[Predictor] | None) -> type[Predictor]:
    """The class of a saved predictor: the registered one of its name, or the given one if it has that name."""
    if given is not None:
        cls, _ = resolve_predictor(given)
        if cls.name != name:
            raise InputError(f"it holds a predictor {brief(name)}, not the given {cls.name!r} ({cls.__qualname__})")
        return cls
    if not isinstance(name, str) or name not in predictor_names():
        known = unknown_choice("predictor", name, predictor_names())
        raise InputError(f"{known}; one that is not registered is given as a class: load(path, predictor=…)")
    return predictor_class(name)


def _saved_space(name: object, fingerprint: object, given: Space | None) -> Space:
    """The space of a saved model: the registered one of its name, or the given one if it is the same."""
    found = _named_space(name, given)
    if fingerprint is not None and fingerprint != found.fingerprint():
        raise InputError(f"it was saved for another space of the name {found.name!r}, with other slots or choices")
    return found


def _named_space(name: object, given: Space | None) -> Space:
    if given is not None:
        if not isinstance(given, Space):
            raise InputError(f"space must be a Space, got {brief(given)}")
        if given.name != name:
            raise InputError(f"it was saved for space {brief(name)}, not for the given {given.name!r}")
        return given
    if not isinstance(name, str) or name not in space_names():
        known = unknown_choice("space", name, space_names())
        raise InputError(f"{known}; one that is not registered is given as an object: Surrogate.load(path, space=…)")
    return get_space(name)


def _saved_metric(header: Mapping[str, Any], place: str) -> Metric:
    """What a file says of its metric; those written before it did took all but accuracies as better when smaller."""
    name = header["metric"]
    if "metric_info" in header:
        told = Metric.from_dict(header["metric_info"])
        if told.name != name:
            raise InputError(f"its metric is named both {brief(name)} and {brief(told.name)}")
        return told
    known = known_metric(name)
    if known.direction is not None:
        if known.larger_is_better != ("accuracy" in name):  # the rule that such a file was written by
            _log.warning("%s was saved when %s was taken to be better when smaller; scores change sign", place, name)
        return known
    _log.warning("%s does not say whether a larger %s is better; it is taken to be better when smaller", place, name)
    return as_metric(known, "minimize")


def _warn_of_other_versions(header: Mapping[str, Any], tensors: Mapping[str, np.ndarray], place: str) -> None:
    from nassurrogate.predictors.kept_labels import holds_labels
    from nassurrogate.versions import version_changes

    if "packages" not in header:
        return
    changes = version_changes(header["packages"])
    if changes and holds_labels(tensors):
        _log.warning(
            "%s is refitted with other package versions than it was saved with, so predictions may differ: %s",
            place,
            ", ".join(changes),
        )


def _numbers(targets: object) -> np.ndarray:
    """Targets as float64. Text that reads like a number is refused: it is the wrong column more often than not."""
    try:
        values = np.asarray(targets)
        if values.dtype.kind in "iuf":
            return values.astype(np.float64)
        if values.dtype.kind == "O" and all(isinstance(v, Real) and not isinstance(v, bool) for v in values.flat):
            return values.astype(np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise InputError(f"targets must be numbers, got {brief(targets)}") from error
    raise InputError(f"targets must be numbers, got {brief(targets)}")


def hash_labels(archs: Sequence[Architecture], targets: np.ndarray) -> str:
    """SHA-256 of the labels, whatever their order: tells whether two surrogates learned from the same data."""
    rows = sorted((arch.string, float(target)) for arch, target in zip(archs, targets, strict=True))
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
