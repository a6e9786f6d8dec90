"""One fit of an evaluation: all that a predictor may see, and what it then says of every cell."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, Protocol, runtime_checkable

import numpy as np

import nassurrogate
from nassurrogate.predictors import ENTRY_POINT_GROUP
from nassurrogate.spaces import get_space
from nassurrogate.surrogate import Surrogate, hash_labels

_CHUNK = 1 << 16
"""Cells scored at once: bounds the memory that a space of 423,624 cells takes."""


@runtime_checkable
class ChoosesModel(Protocol):
    """A predictor that can choose among its models, such as the weights after every epoch, as the literature does."""

    def choose_model_on(self, archs: Any, targets: np.ndarray) -> None:
        """Called before `fit`: choose the model that is best on the (n,) targets of these n architectures."""


@dataclass(frozen=True)
class Fit:
    """What a predictor is given: labels of N cells, and nothing of any other cell's.

    Attributes:
        about: which cells of which table these are, JSON-able; part of the fit's identity.
        predictor: `name:preset`.
        config: all hyper-parameters.
        metric: the name of the labels.
        cells, targets: (N,) indices, (N,) labels.
        selection: indices and targets that a leaky protocol chooses the model by.
    """

    about: Mapping[str, Any]
    space: str
    predictor: str
    config: Mapping[str, Any]
    metric: str
    seed: int
    device: str
    cells: np.ndarray
    targets: np.ndarray
    selection: tuple[np.ndarray, np.ndarray] | None = None

    def surrogate(self) -> Surrogate:
        """A surrogate that has learned nothing yet. Raises `InputError` for what cannot be made."""
        return Surrogate(
            self.space,
            predictor=self.predictor,
            metric=self.metric,
            config=self.config,
            seed=self.seed,
            device=self.device,
        )

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that the predictions depend on: fits of equal identity are the same fit."""
        space = get_space(self.space)
        archs = space.parse_many(self.cells.tolist())
        chosen_on = self.selection and hash_labels(space.parse_many(self.selection[0].tolist()), self.selection[1])
        return {
            **self.about,
            "space": self.space,
            "metric": self.metric,
            "predictor": self.predictor,
            "predictor_version": _version(self.predictor.partition(":")[0]),
            "config": dict(self.config),
            "fit_seed": self.seed,
            "device": self.device,
            "labels_sha256": hash_labels(archs, self.targets),
            "selection_sha256": chosen_on,
        }

    @cached_property
    def name(self) -> str:
        """A file's name: readable, and different for different identities."""
        text = json.dumps(self.identity, sort_keys=True)
        told = [self.predictor, self.space, self.about["dataset"], self.about["kind"], f"n{len(self.cells)}"]
        told += [f"seed{self.about['seed']}", f"split{self.about['split']}"]
        readable = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in "-".join(told))
        return f"{readable[:150]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


@dataclass(frozen=True)
class Prediction:
    """(size,) mean and standard deviation of every cell of the space, and how long it took."""

    mean: np.ndarray
    std: np.ndarray
    fit_s: float
    score_s: float


def run_fit(fit: Fit) -> Prediction:
    """Fit, and score the whole space. Raises what the predictor raises."""
    surrogate = fit.surrogate()
    space = surrogate.space
    space.class_ids()  # a process builds its space once: not part of the times below
    archs = space.all()
    if fit.selection is not None and isinstance(surrogate.predictor, ChoosesModel):
        surrogate.predictor.choose_model_on(space.parse_many(fit.selection[0].tolist()), fit.selection[1])
    began = time.perf_counter()
    surrogate.fit(fit.cells.tolist(), fit.targets)
    fitted = time.perf_counter()
    parts = [surrogate.predict(archs[start : start + _CHUNK]) for start in range(0, len(archs), _CHUNK)]
    scored = time.perf_counter()
    mean, std = (np.concatenate([np.asarray(part[i], dtype=np.float64) for part in parts]) for i in (0, 1))
    return Prediction(mean, std, fitted - began, scored - fitted)


def _version(predictor: str) -> str:
    """The version of whoever made the predictor."""
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name == predictor and point.dist is not None:
            return f"{point.dist.name} {point.dist.version}"
    return f"nassurrogate {nassurrogate.__version__}"
