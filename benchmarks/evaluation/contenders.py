"""The predictors that are measured: names and classes resolved on one space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.metric import MetricLike, as_metric
from nassurrogate.predictors import (
    Predictor,
    PredictorLike,
    default_predictor,
    predictor_class,
    predictor_names,
    resolve_predictor,
)
from nassurrogate.predictors.base import require_space
from nassurrogate.runtime.optional_libraries import distribution, how_to_install, missing_library
from nassurrogate.spaces import SpaceLike, get_space
from nassurrogate.surrogate import Surrogate

ALL = "all"
Predictors: TypeAlias = "PredictorLike | Sequence[PredictorLike] | None"
"""One or several predictors, `"all"` registered ones, or None: the default for the space and the metric."""


@dataclass(frozen=True)
class Contender:
    """One predictor of an evaluation.

    Attributes:
        name: as given by the user.
        full_name: `name:preset`.
        config: all hyper-parameters.
        given_class: the class of one that is not registered.
    """

    name: str
    full_name: str
    config: dict[str, Any]
    given_class: type[Predictor] | None = None

    @property
    def preset(self) -> str:
        """The preset's name."""
        return self.full_name.partition(":")[2]


def resolve_contenders(
    space: SpaceLike,
    metric: MetricLike,
    predictors: Predictors,
    config: Mapping[str, Mapping[str, Any]],
    device: str,
) -> tuple[list[Contender], list[str]]:
    """The requested predictors, and notes on those that `"all"` leaves out.

    `"all"` leaves out those that cannot read the space or whose libraries are not installed. Raises `InputError` for
    unknown or repeated ones, for named ones that `"all"` would leave out, and for unusable options.
    """
    wanted, notes = _wanted(space, metric, predictors)
    names = [_name(predictor) for predictor in wanted]
    for name in config:
        if name not in names:
            raise unknown_choice("predictor", name, names, place=" in config")
    found: dict[str, Contender] = {}
    for name, predictor in zip(names, wanted, strict=True):
        _require_installed(resolve_predictor(predictor)[0])
        made = Surrogate(
            space, predictor=predictor, metric=metric, config=config.get(name, {}), device=device
        ).predictor
        full_name = f"{made.name}:{made.preset}"
        if full_name in found:
            raise InputError(f"the predictor {full_name} is named twice: {found[full_name].name!r} and {name!r}")
        registered = made.name in predictor_names()
        found[full_name] = Contender(name, full_name, made.config_dict(), None if registered else type(made))
    return list(found.values()), notes


def _wanted(space: SpaceLike, metric: MetricLike, predictors: Predictors) -> tuple[list[PredictorLike], list[str]]:
    if predictors is None:
        return [default_predictor(get_space(space), as_metric(metric))], []
    given: list[PredictorLike] = (
        [predictors] if isinstance(predictors, str) or not isinstance(predictors, Sequence) else list(predictors)
    )
    wanted: list[PredictorLike] = []
    unreadable: list[str] = []
    not_installed: dict[str, list[str]] = {}
    for predictor in given:
        if predictor != ALL:
            wanted.append(predictor)
            continue
        for name in predictor_names():
            cls = predictor_class(name)
            missing = missing_library(cls)
            try:
                require_space(cls, get_space(space))
                if missing is None:
                    Surrogate(space, predictor=name, metric=metric)  # it may find less in this space than it reads
            except InputError:
                unreadable.append(name)
            else:
                if missing is None:
                    wanted.append(name)
                else:
                    not_installed.setdefault(missing, []).append(name)
    if not wanted:
        raise InputError(f"predictors must name at least one that can read the space, got {brief(predictors)}")
    notes = [
        f"left out because {distribution(module)} is not installed ({how_to_install(module)}): {', '.join(names)}"
        for module, names in not_installed.items()
    ]
    if unreadable:
        notes.insert(0, f"left out because they cannot read space {get_space(space).name!r}: {', '.join(unreadable)}")
    return wanted, notes


def _require_installed(cls: type[Predictor]) -> None:
    missing = missing_library(cls)
    if missing is not None:
        raise InputError(
            f"predictor {cls.name!r} needs {distribution(missing)}, which is not installed; run: "
            f"{how_to_install(missing)}"
        )


def _name(predictor: PredictorLike) -> str:
    return predictor if isinstance(predictor, str) else str(resolve_predictor(predictor)[0].name)
