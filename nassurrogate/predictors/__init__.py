"""Predictors, one file each, and the registry that finds them.

A third party adds one by an entry point: group `nassurrogate.predictors`, name = the predictor's name, value = the
class, a subclass of `nassurrogate.predictors.base.Predictor`.
"""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint, entry_points

from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.predictors.base import Predictor

__all__ = ["DEFAULT_PREDICTOR", "Predictor", "predictor_class", "predictor_names", "split_preset"]

ENTRY_POINT_GROUP = "nassurrogate.predictors"
DEFAULT_PREDICTOR = "nar-former-v2"
_BUILT_IN = {
    "nar-former-v2": "nassurrogate.predictors.nar_former_v2:NarFormerV2",
    "gradient-boosting": "nassurrogate.predictors.gradient_boosting:GradientBoosting",
}


def predictor_names() -> list[str]:
    """Names that `predictor_class` knows: built in ones first, then plug-ins."""
    plugged = sorted(point.name for point in entry_points(group=ENTRY_POINT_GROUP))
    return list(dict.fromkeys([*_BUILT_IN, *plugged]))


def predictor_class(name: str) -> type[Predictor]:
    """The class of a predictor. Raises `InputError` for an unknown name or a plug-in that does not load.

    >>> predictor_class("gradient-boosting").name
    'gradient-boosting'
    """
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        found: type[Predictor] = getattr(importlib.import_module(module), attribute)
        return found
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name == name:
            return _plugged_in(point)
    raise unknown_choice("predictor", name, predictor_names())


def _plugged_in(point: EntryPoint) -> type[Predictor]:
    place = f"predictor {point.name!r} is registered as {point.value}"
    try:
        loaded = point.load()
    except Exception as error:  # whatever a module of somebody else raises while it is imported
        told = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{place} but does not load ({told[:200]})") from error
    if not (isinstance(loaded, type) and issubclass(loaded, Predictor)):
        raise InputError(f"{place}, which is no subclass of Predictor")
    missing = [*loaded.__abstractmethods__, *(a for a in ("name", "description", "presets") if not hasattr(loaded, a))]
    if missing:
        raise InputError(f"{place}, which does not define {', '.join(sorted(missing))}")
    return loaded


def split_preset(text: str) -> tuple[str, str | None]:
    """A predictor's name and preset from `name` or `name:preset`.

    >>> split_preset("nar-former-v2:paper")
    ('nar-former-v2', 'paper')
    """
    if not isinstance(text, str):
        raise InputError(f"predictor must be a name such as {DEFAULT_PREDICTOR!r}, got {brief(text)}")
    name, colon, preset = text.partition(":")
    return name, preset if colon else None
