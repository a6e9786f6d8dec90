"""Predictors, one file each, and the registry that finds them.

A third party adds one by an entry point: group `nassurrogate.predictors`, name = the predictor's name, value = the
class, a subclass of `nassurrogate.predictors.base.Predictor`.
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points

from nassurrogate.errors import InputError, unknown_choice
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
    for point in entry_points(group=ENTRY_POINT_GROUP, name=name):
        try:
            loaded = point.load()
        except (ImportError, AttributeError) as error:
            raise InputError(f"predictor {name!r} is registered as {point.value} but does not load: {error}") from error
        if not (isinstance(loaded, type) and issubclass(loaded, Predictor)):
            raise InputError(f"predictor {name!r} is registered as {point.value}, which is no subclass of Predictor")
        return loaded
    raise unknown_choice("predictor", name, predictor_names())


def split_preset(text: str) -> tuple[str, str | None]:
    """A predictor's name and preset from `name` or `name:preset`.

    >>> split_preset("nar-former-v2:paper")
    ('nar-former-v2', 'paper')
    """
    name, colon, preset = text.partition(":")
    return name, preset if colon else None
