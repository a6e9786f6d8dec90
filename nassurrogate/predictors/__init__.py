"""Predictors, one file each, and the registry that finds them.

A third party adds one by an entry point: group `nassurrogate.predictors`, name = the predictor's name, value = the
class, a subclass of `nassurrogate.predictors.base.Predictor`. Without one, a class itself can be given to `Surrogate`
and to `nassurrogate.search.run`.
"""

from __future__ import annotations

import importlib
import inspect
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeAlias

from nassurrogate.errors import InputError, brief, require_name, unknown_choice
from nassurrogate.metric import Metric
from nassurrogate.predictors.base import Predictor
from nassurrogate.spaces import CellSpace, Space

__all__ = [
    "DEFAULT_PREDICTOR",
    "OPEN_PREDICTOR",
    "SEARCH_PREDICTOR",
    "Predictor",
    "PredictorLike",
    "default_predictor",
    "make_predictor",
    "predictor_class",
    "predictor_names",
    "resolve_predictor",
    "split_preset",
]

PredictorLike: TypeAlias = str | type[Predictor]
"""What stands for a predictor everywhere: a registered name, `name:preset`, or a class."""

ENTRY_POINT_GROUP = "nassurrogate.predictors"
DEFAULT_PREDICTOR = "probe-former"
SEARCH_PREDICTOR = "proxy-process"
"""The default predictor of a search, refitted after every answer."""
OPEN_PREDICTOR = "space-process"
"""The default predictor where those two have nothing to read, or read the wrong thing."""
_BUILT_IN = {
    "probe-former": "nassurrogate.predictors.probe_former:ProbeFormer",
    "proxy-process": "nassurrogate.predictors.proxy_process:ProxyProcess",
    "space-process": "nassurrogate.predictors.space_process:SpaceProcess",
    "nar-former-v2": "nassurrogate.predictors.nar_former_v2:NarFormerV2",
    "gradient-boosting": "nassurrogate.predictors.gradient_boosting:GradientBoosting",
    "gcn": "nassurrogate.predictors.gcn:GCN",
    "nar-former-v1": "nassurrogate.predictors.nar_former_v1:NarFormerV1",
    "gaussian-process": "nassurrogate.predictors.gaussian_process:GaussianProcess",
    "random-forest": "nassurrogate.predictors.random_forest:RandomForest",
    "ridge": "nassurrogate.predictors.ridge:RidgeRegression",
    "mlp-ensemble": "nassurrogate.predictors.mlp_ensemble:MlpEnsemble",
    "ensemble": "nassurrogate.predictors.stacked_ensemble:StackedEnsemble",
}


def default_predictor(space: Space, metric: Metric, *, search: bool = False) -> str:
    """The name of the predictor that is used where none is named.

    Where zero-cost proxies ship, Probe-Former for an accuracy or a loss, in a search the faster Proxy-Process; for what
    belongs to the architecture, and on all other spaces, Space-Process.

    >>> from nassurrogate.metric import known_metric
    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> default_predictor(space, known_metric("val_accuracy_pct")), default_predictor(space, known_metric("latency_ms"))
    ('probe-former', 'space-process')
    """
    from nassurrogate.predictors.probe_table import has_probes

    if metric.belongs_to == "function" and isinstance(space, CellSpace) and has_probes(space):
        return SEARCH_PREDICTOR if search else DEFAULT_PREDICTOR
    return OPEN_PREDICTOR


def make_predictor(cls: type[Predictor], space: Space, *, metric: Metric, **options: Any) -> Predictor:
    """A predictor that knows its metric, also where its class has a constructor that takes none."""
    parameters = inspect.signature(cls).parameters.values()
    if any(p.name == "metric" or p.kind is p.VAR_KEYWORD for p in parameters):
        return cls(space, metric=metric, **options)
    made = cls(space, **options)
    made.metric = metric
    return made


def predictor_names() -> list[str]:
    """Names that `predictor_class` knows: built in ones first, then plug-ins."""
    plugged = sorted(point.name for point in entry_points(group=ENTRY_POINT_GROUP))
    return list(dict.fromkeys([*_BUILT_IN, *plugged]))


def predictor_class(name: str) -> type[Predictor]:
    """The class of a predictor. Raises `InputError` for an unknown name or a plug-in that does not load.

    >>> predictor_class("gradient-boosting").name
    'gradient-boosting'
    """
    require_name("predictor", name)
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
    return _checked(loaded, place)


def _checked(loaded: object, place: str) -> type[Predictor]:
    if not (isinstance(loaded, type) and issubclass(loaded, Predictor)):
        raise InputError(f"{place}, which is no subclass of Predictor")
    missing = [*loaded.__abstractmethods__, *(a for a in ("name", "description", "presets") if not hasattr(loaded, a))]
    if missing:
        raise InputError(f"{place}, which does not define {', '.join(sorted(missing))}")
    return loaded


def resolve_predictor(predictor: PredictorLike) -> tuple[type[Predictor], str | None]:
    """The class, and the preset where one is named.

    Raises `InputError` for an unknown name, and for a class that is no complete predictor or that goes by the name of
    another one: its models would be loaded as the other's.

    >>> resolve_predictor("gradient-boosting:default")
    (<class 'nassurrogate.predictors.gradient_boosting.GradientBoosting'>, 'default')
    """
    if isinstance(predictor, str):
        name, preset = split_preset(predictor)
        return predictor_class(name), preset
    if not inspect.isclass(predictor):
        raise InputError(
            f"predictor must be a name such as {DEFAULT_PREDICTOR!r} or a subclass of Predictor, got {brief(predictor)}"
        )
    place = f"predictor was given as the class {predictor.__qualname__}"
    cls = _checked(predictor, place)
    if not isinstance(cls.name, str) or not cls.name or ":" in cls.name:
        raise InputError(f"{place}, whose name must be text without a colon, got {brief(cls.name)}")
    if cls.name in predictor_names() and predictor_class(cls.name) is not cls:
        raise InputError(f"{place}, which goes by the name of another one, {cls.name!r}; give it a name of its own")
    return cls, None


def split_preset(text: str) -> tuple[str, str | None]:
    """A predictor's name and preset from `name` or `name:preset`.

    >>> split_preset("nar-former-v2:paper")
    ('nar-former-v2', 'paper')
    """
    if not isinstance(text, str):
        raise InputError(f"predictor must be a name such as {DEFAULT_PREDICTOR!r}, got {brief(text)}")
    name, colon, preset = text.partition(":")
    return name, preset if colon else None
