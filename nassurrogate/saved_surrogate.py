"""The parts of a model file that belong to the surrogate, not to its predictor; all checked, as files are untrusted.

Labels are stored as arrays: those of the predictor, if it saves its labels, or else additional ones under `OWN_LABELS`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.metric import Metric, as_metric, known_metric
from nassurrogate.predictors import predictor_class, predictor_names, resolve_predictor
from nassurrogate.runtime.versions import FITTING_PACKAGES, package_versions
from nassurrogate.spaces import Space, get_space, space_names

if TYPE_CHECKING:
    from nassurrogate.predictors.base import Predictor
    from nassurrogate.surrogate import Surrogate

_log = logging.getLogger(__name__)

Labels: TypeAlias = tuple[list[Architecture], np.ndarray]
"""n architectures and (n,) targets."""
OWN_LABELS = "surrogate."
"""Prefix of label arrays that do not belong to the predictor."""
STATISTICS = ("mean", "std", "min", "max")
"""Names of the saved statistics of the labels."""
_SHA256 = re.compile("[0-9a-f]{64}")


def hash_labels(archs: Sequence[Architecture], targets: np.ndarray) -> str:
    """SHA-256 of the labels, in any order: shows whether two surrogates learned the same data."""
    rows = sorted((arch.identity, float(target)) for arch, target in zip(archs, targets, strict=True))
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def label_statistics(targets: np.ndarray) -> dict[str, float]:
    """Mean, standard deviation, minimum and maximum of (n,) targets."""
    found = (targets.mean(), targets.std(), targets.min(), targets.max())
    return {name: float(value) for name, value in zip(STATISTICS, found, strict=True)}


def header_of(surrogate: Surrogate, predictor_state: Mapping[str, Any], *, keeps_labels: bool = True) -> dict[str, Any]:
    """What a model file says about its surrogate, beside the arrays.

    Args:
        surrogate: with labels.
        predictor_state: the predictor's own part.
        keeps_labels: whether the file holds the labels, if the surrogate has them.
    """
    predictor = surrogate.predictor
    return {
        "space": surrogate.space.name,
        "space_fingerprint": surrogate.space.fingerprint(),
        "predictor": predictor.name,
        "preset": predictor.preset,
        "config": predictor.config_dict(),
        "metric": surrogate.metric,
        "metric_info": surrogate.about_metric.as_dict(),
        "packages": package_versions(FITTING_PACKAGES),
        "seed": surrogate.seed,
        "n_labels": surrogate.n_labels,
        "label_stats": surrogate.label_stats,
        "labels_sha256": surrogate.labels_sha256,
        "keeps_labels": keeps_labels and surrogate.labels is not None,
        "dataset": surrogate.dataset,
        "state": predictor_state,
    }


def own_label_arrays(space: Space, labels: Labels, kept: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The labels as named arrays; none if the arrays of the predictor already contain them.

    Args:
        space: the space of the architectures.
        labels: the training labels.
        kept: the arrays of the predictor's state.
    """
    from nassurrogate.predictors.labels.saved import label_arrays

    arrays = label_arrays(space, *labels)
    if all(name in kept and np.array_equal(kept[name], array) for name, array in arrays.items()):
        return {}
    return {OWN_LABELS + name: array for name, array in arrays.items()}


def without_own_labels(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The predictor's arrays."""
    return {name: array for name, array in tensors.items() if not name.startswith(OWN_LABELS)}


def saved_arguments(
    header: Mapping[str, Any], place: str, predictor: type[Predictor] | None, space: Space | None
) -> dict[str, Any]:
    """The arguments with which the surrogate of a file is made again.

    Args:
        header: of the file.
        place: its path.
        predictor: the class of a predictor that is not registered.
        space: a space that is not registered, or to which a predictor that crosses spaces moves.
    """
    if not isinstance(header["config"], dict):
        raise InputError(f"the configuration must map names to values, got {brief(header['config'])}")
    if not isinstance(header["preset"], str):
        raise InputError(f"the preset must be a name, got {brief(header['preset'])}")
    is_elsewhere = isinstance(space, Space) and space.name != header["space"]
    moves = is_elsewhere and _saved_class(header["predictor"], predictor).crosses_spaces
    return {
        "space": space if moves else _saved_space(header["space"], header.get("space_fingerprint"), space),
        "predictor": _saved_class(header["predictor"], predictor),
        "preset": header["preset"],
        "metric": _saved_metric(header, place),
        "config": header["config"],
        "seed": header["seed"],
    }


def saved_dataset(header: Mapping[str, Any]) -> str | None:
    """The data set named in a file, or None."""
    name = header.get("dataset")
    if name is not None and not (isinstance(name, str) and name.isprintable()):
        raise InputError(f"the data set must be a name, got {brief(name)}")
    return name


def saved_labels(space: Space, tensors: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> Labels | None:
    """The labels of a file; None if an earlier release wrote it and its predictor did not keep them.

    Raises `InputError` for labels that are damaged or do not match the number and hash in the header.
    """
    from nassurrogate.predictors.labels.saved import holds_labels, read_labels

    keeps_labels = header.get("keeps_labels", False)
    if type(keeps_labels) is not bool:
        raise InputError(f"keeps_labels must be true or false, got {brief(keeps_labels)}")
    own = {name.removeprefix(OWN_LABELS): array for name, array in tensors.items() if name.startswith(OWN_LABELS)}
    if not keeps_labels:
        return _labels_of_old_file(space, tensors, header) if holds_labels(tensors) else None
    archs, targets = read_labels(space, own or tensors)
    if len(archs) != header["n_labels"] or hash_labels(archs, targets) != header["labels_sha256"]:
        raise InputError(f"its {len(archs)} labels are not the {header['n_labels']} of its header")
    return archs, targets


def _labels_of_old_file(space: Space, tensors: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> Labels | None:
    from nassurrogate.predictors.labels.saved import read_labels

    try:
        archs, targets = read_labels(space, tensors)
    except InputError:  # a third-party predictor uses these names for other arrays
        return None
    return (archs, targets) if hash_labels(archs, targets) == header["labels_sha256"] else None


def saved_statistics(header: Mapping[str, Any]) -> tuple[int, dict[str, float], str]:
    """The number of labels, their statistics and their hash. Raises `InputError` for impossible ones."""
    n_labels, stats, sha256 = header["n_labels"], header["label_stats"], header["labels_sha256"]
    if type(n_labels) is not int or not 1 <= n_labels < 1 << 63:
        raise InputError(f"the number of labels must be a whole number from 1, got {brief(n_labels)}")
    if not isinstance(stats, Mapping) or not set(stats) <= set(STATISTICS):
        raise InputError(f"the labels' statistics are {', '.join(STATISTICS)}, got {brief(stats)}")
    numbers = {name: float(value) for name, value in stats.items()}
    if not all(map(math.isfinite, numbers.values())):
        raise InputError(f"the labels' statistics must be finite, got {brief(stats)}")
    if not isinstance(sha256, str) or _SHA256.fullmatch(sha256) is None:
        raise InputError(f"the labels' hash must be a SHA-256 in hexadecimal, got {brief(sha256)}")
    return n_labels, numbers, sha256


def _saved_class(name: object, given: type[Predictor] | None) -> type[Predictor]:
    """The class of a saved predictor: the given one if it has that name, else the registered one of that name."""
    if given is not None:
        cls, _ = resolve_predictor(given)
        if cls.name != name:
            raise InputError(f"it holds a predictor {brief(name)}, not the given {cls.name!r} ({cls.__qualname__})")
        return cls
    if not isinstance(name, str) or name not in predictor_names():
        known = unknown_choice("predictor", name, predictor_names())
        raise InputError(f"{known}; pass one that is not registered as a class: load(path, predictor=…)")
    return predictor_class(name)


def _saved_space(name: object, fingerprint: object, given: Space | None) -> Space:
    """The space of a saved model: the given one if it is the same, else the registered one of that name."""
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
        raise InputError(f"{known}; pass one that is not registered as an object: Surrogate.load(path, space=…)")
    return get_space(name)


def _saved_metric(header: Mapping[str, Any], place: str) -> Metric:
    """The metric of a file; in older files, without a direction, all but accuracies were better when smaller."""
    name = header["metric"]
    if "metric_info" in header:
        metric = Metric.from_dict(header["metric_info"])
        if metric.name != name:
            raise InputError(f"its metric has two names, {brief(name)} and {brief(metric.name)}")
        return metric
    known = known_metric(name)
    if known.direction is not None:
        if known.larger_is_better != ("accuracy" in name):  # the rule for files without a direction
            _log.warning("%s was saved when %s was taken to be better when smaller; scores change sign", place, name)
        return known
    _log.warning("%s does not say whether a larger %s is better; it is taken to be better when smaller", place, name)
    return as_metric(known, "minimize")


def warn_of_other_versions(header: Mapping[str, Any], tensors: Mapping[str, np.ndarray], place: str) -> None:
    """Log changed package versions if the predictor is refitted on load."""
    from nassurrogate.predictors.labels.saved import holds_labels
    from nassurrogate.runtime.versions import version_changes

    if "packages" not in header:
        return
    changes = version_changes(header["packages"])
    if changes and holds_labels(tensors):
        _log.warning(
            "%s is refitted with other package versions than it was saved with, so predictions may differ: %s",
            place,
            ", ".join(changes),
        )
