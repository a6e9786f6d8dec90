"""One fit of an evaluation: everything that a predictor may see, and its predictions for the test set."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.files.given_path import file_stem
from nassurrogate.metric import Metric, MetricLike
from nassurrogate.predictors import ENTRY_POINT_GROUP, Predictor
from nassurrogate.runtime.plug_ins import find_plug_in
from nassurrogate.runtime.versions import SAME_NUMBERS
from nassurrogate.spaces import EnumerableSpace, Space, SpaceLike, get_space
from nassurrogate.surrogate import Surrogate, hash_labels

_CHUNK = 1 << 16
"""Architectures scored at once: bounds the memory for a space of 423,624 cells."""


@runtime_checkable
class ChoosesModel(Protocol):
    """A predictor that can select among its models, such as the weights after every epoch, as in the literature."""

    def choose_model_on(self, archs: Any, targets: np.ndarray) -> None:
        """Called before `fit`: select the model that is best on the (n,) targets of these n architectures."""


@dataclass(frozen=True)
class Fit:
    """What a predictor is given: labels of N architectures, and of no other ones.

    Attributes:
        about: the benchmark and the split that the architectures come from, JSON-able; part of the fit's identity.
        space: its name, or a space that is not registered.
        predictor: `name:preset`.
        config: all hyper-parameters.
        metric: of the labels.
        cells, targets: (N,) indices, strings or architectures, (N,) labels.
        selection: indices and targets that a leaky protocol selects the model on.
        ranked: the architectures to score, or their strings, in this order; None: the whole space, in its own order.
        given_class: the class of a predictor that is not registered.
        adapted_to: architectures and labels that the fitted predictor is then adapted to.
    """

    about: Mapping[str, Any]
    space: SpaceLike
    predictor: str
    config: Mapping[str, Any]
    metric: MetricLike
    seed: int
    device: str
    cells: np.ndarray | Sequence[str] | Sequence[Architecture]
    targets: np.ndarray
    selection: tuple[np.ndarray, np.ndarray] | None = None
    ranked: Sequence[str] | Sequence[Architecture] | None = None
    given_class: type[Predictor] | None = None
    adapted_to: tuple[Sequence[Architecture], np.ndarray] | None = None

    def surrogate(self) -> Surrogate:
        """An unfitted surrogate. Raises `InputError` for unusable options."""
        return Surrogate(
            self.space,
            predictor=self.predictor if self.given_class is None else self.given_class,
            preset=None if self.given_class is None else self.predictor.partition(":")[2],
            metric=self.metric,
            config=self.config,
            seed=self.seed,
            device=self.device,
        )

    @property
    def n_ranked(self) -> int:
        """Number of architectures to score."""
        if self.ranked is not None:
            return len(self.ranked)
        size = get_space(self.space).size
        assert size is not None, "a whole space is scored in its own order"
        return size

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that the predictions depend on: fits of equal identity are the same fit."""
        space = get_space(self.space)
        archs = space.parse_many(list(self.cells))
        chosen_on = self.selection and hash_labels(space.parse_many(self.selection[0].tolist()), self.selection[1])
        identity = {
            **self.about,
            "space": space.name,
            "metric": self.metric.name if isinstance(self.metric, Metric) else self.metric,
            "predictor": self.predictor,
            "predictor_version": _version(self.predictor.partition(":")[0], self.given_class),
            "config": dict(self.config),
            "fit_seed": self.seed,
            "device": self.device,
            "labels_sha256": hash_labels(archs, self.targets),
            "selection_sha256": chosen_on,
        }
        if self.ranked is not None:
            identity["ranked_sha256"] = _hash(
                [each if isinstance(each, str) else each.identity for each in self.ranked]
            )
            identity["space_sha256"] = _hash_reading(space, archs)
        if self.adapted_to is not None:
            identity["adapted_sha256"] = hash_labels(*self.adapted_to)
        if isinstance(self.metric, Metric):
            identity["metric_about"] = self.metric.as_dict()
        return identity

    @cached_property
    def name(self) -> str:
        """A file name: readable, and different for different identities."""
        text = json.dumps(self.identity, sort_keys=True)
        parts = [self.predictor, self.identity["space"], self.about["dataset"], self.about["kind"]]
        parts += [f"n{len(self.cells)}", f"seed{self.about['seed']}", f"split{self.about['split']}"]
        readable = file_stem("-".join(parts))
        return f"{readable[:150]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


@dataclass(frozen=True)
class Prediction:
    """(n,) mean and standard deviation of the architectures to score, and the seconds it took."""

    mean: np.ndarray
    std: np.ndarray
    fit_s: float
    score_s: float


def run_fit(fit: Fit) -> Prediction:
    """Fit and score. Raises what the predictor raises."""
    surrogate = fit.surrogate()
    space = surrogate.space
    archs: Sequence[Architecture]
    if fit.ranked is None:
        assert isinstance(space, EnumerableSpace)
        archs = space.all()
    else:
        archs = space.parse_many(list(fit.ranked))
    if isinstance(space, EnumerableSpace):
        space.class_ids()  # a process builds its space once: this is not part of the times below
    if fit.selection is not None and isinstance(surrogate.predictor, ChoosesModel):
        surrogate.predictor.choose_model_on(space.parse_many(fit.selection[0].tolist()), fit.selection[1])
    began = time.perf_counter()
    surrogate.fit(list(fit.cells), fit.targets)
    if fit.adapted_to is not None:
        surrogate.adapt(*fit.adapted_to)
    fitted = time.perf_counter()
    parts = [surrogate.predict(archs[start : start + _CHUNK]) for start in range(0, len(archs), _CHUNK)]
    scored = time.perf_counter()
    mean, std = (np.concatenate([np.asarray(part[i], dtype=np.float64) for part in parts]) for i in (0, 1))
    return Prediction(mean, std, fitted - began, scored - fitted)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _hash_reading(space: Space, archs: Sequence[Architecture]) -> str:
    """Distinguishes spaces of one name: canonical keys and costs of the training architectures."""
    costs = {metric: values.tolist() for metric, values in space.formula_costs(archs).items()}
    return _hash([space.canonical_keys(archs), costs])


def _version(predictor: str, given: type[Predictor] | None) -> str:
    """The package that the predictor comes from, and its version or the first release with the same numbers."""
    if given is not None:
        return f"class {given.__module__}.{given.__qualname__}"
    point = find_plug_in(ENTRY_POINT_GROUP, predictor)
    if point is not None and point.dist is not None:
        return f"{point.dist.name} {point.dist.version}"
    return f"nassurrogate {SAME_NUMBERS[0]}"
