"""Predictors, one file or folder each, and the registry that finds them.

A third party adds one by an entry point: group `nassurrogate.predictors`, name = the predictor's name, value = the
class, a subclass of `nassurrogate.predictors.base.Predictor`. `Surrogate` and `nassurrogate.search.run` also accept the
class itself, without an entry point.
"""

from __future__ import annotations

import inspect
from typing import Any, TypeAlias

from nassurrogate.errors import InputError, brief
from nassurrogate.metric import Metric
from nassurrogate.predictors.base import Predictor
from nassurrogate.runtime.plug_ins import ClassRegistry
from nassurrogate.spaces import CellSpace, Space
from nassurrogate.spaces.network_space import NetworkSpace

__all__ = [
    "DEFAULT_PREDICTOR",
    "NETWORK_PREDICTOR",
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
    "who_scores_without_labels",
]

PredictorLike: TypeAlias = str | type[Predictor]
"""What all functions accept as a predictor: a registered name, `name:preset`, or a class."""

ENTRY_POINT_GROUP = "nassurrogate.predictors"
DEFAULT_PREDICTOR = "probe-former"
SEARCH_PREDICTOR = "proxy-process"
"""The default predictor of a search, refitted after every evaluation."""
OPEN_PREDICTOR = "space-process"
"""The default predictor for the spaces and metrics that the other two cannot read."""
NETWORK_PREDICTOR = "roofline"
"""The default predictor of what whole networks cost."""
_BUILT_IN = {
    "probe-former": "nassurrogate.predictors.probe_former:ProbeFormer",
    "proxy-process": "nassurrogate.predictors.proxy_process:ProxyProcess",
    "space-process": "nassurrogate.predictors.space_process:SpaceProcess",
    "across-spaces": "nassurrogate.predictors.across_spaces:AcrossSpaces",
    "nar-former-v2": "nassurrogate.predictors.nar_former_v2:NarFormerV2",
    "gradient-boosting": "nassurrogate.predictors.gradient_boosting:GradientBoosting",
    "gcn": "nassurrogate.predictors.gcn:GCN",
    "nar-former-v1": "nassurrogate.predictors.nar_former_v1:NarFormerV1",
    "gaussian-process": "nassurrogate.predictors.gaussian_process:GaussianProcess",
    "random-forest": "nassurrogate.predictors.random_forest:RandomForest",
    "ridge": "nassurrogate.predictors.ridge:RidgeRegression",
    "mlp-ensemble": "nassurrogate.predictors.mlp_ensemble:MlpEnsemble",
    "ensemble": "nassurrogate.predictors.stacked_ensemble:StackedEnsemble",
    "roofline": "nassurrogate.predictors.roofline:Roofline",
    "nar-former-v2-networks": "nassurrogate.predictors.whole_networks.nar_former:NarFormerV2Networks",
    "nnlp-gcn": "nassurrogate.predictors.whole_networks.gcn:NetworkGCN",
    "flops-regression": "nassurrogate.predictors.network_baselines.additive:FlopsRegression",
    "flops-memory-regression": "nassurrogate.predictors.network_baselines.additive:FlopsMemoryRegression",
    "operator-additive": "nassurrogate.predictors.network_baselines.additive:OperatorAdditive",
    "boosting-networks": "nassurrogate.predictors.network_baselines.boosting:BoostingNetworks",
}


def default_predictor(space: Space, metric: Metric, *, search: bool = False) -> str:
    """The name of the predictor to use if the user names none.

    On a space whose zero-cost proxies ship with the package, it is Probe-Former for an accuracy or a loss, or in a
    search the faster Proxy-Process. For costs of whole networks, it is Roofline. For costs of other architectures, and
    on all other spaces, it is Space-Process.

    >>> from nassurrogate.metric import known_metric
    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("nb201")
    >>> default_predictor(space, known_metric("val_accuracy_pct")), default_predictor(space, known_metric("latency_ms"))
    ('probe-former', 'space-process')
    """
    from nassurrogate.proxies.table import has_probes

    if metric.belongs_to == "function" and isinstance(space, CellSpace) and has_probes(space):
        return SEARCH_PREDICTOR if search else DEFAULT_PREDICTOR
    if metric.belongs_to == "architecture" and isinstance(space, NetworkSpace) and not space.genes:
        return OPEN_PREDICTOR if isinstance(space, CellSpace) else NETWORK_PREDICTOR
    return OPEN_PREDICTOR


def who_scores_without_labels(space: Space, *, besides: str = "") -> str:
    """Which built-in predictors score architectures of a space before any label, for a message.

    Args:
        space: the space.
        besides: a predictor that cannot.

    >>> from nassurrogate.spaces import get_space
    >>> who_scores_without_labels(get_space("nb201"), besides="ridge")
    'probe-former and proxy-process score nb201 without labels'
    >>> who_scores_without_labels(get_space("macro"))
    'no built-in predictor scores macro without labels'
    """
    from nassurrogate.proxies.table import has_probes

    if not isinstance(space, CellSpace) or not has_probes(space):
        return f"no built-in predictor scores {space.name} without labels"
    others = [name for name in (DEFAULT_PREDICTOR, SEARCH_PREDICTOR) if name != besides]
    return f"{' and '.join(others)} {'score' if len(others) > 1 else 'scores'} {space.name} without labels"


def make_predictor(cls: type[Predictor], space: Space, *, metric: Metric, **options: Any) -> Predictor:
    """A predictor that knows its metric, even if the constructor of its class does not take one."""
    parameters = inspect.signature(cls).parameters.values()
    if any(p.name == "metric" or p.kind is p.VAR_KEYWORD for p in parameters):
        return cls(space, metric=metric, **options)
    made = cls(space, **options)
    made.metric = metric
    return made


_REGISTRY: ClassRegistry[Predictor] = ClassRegistry(
    "predictor",
    Predictor,  # type: ignore[type-abstract]  # the base class of all others
    ENTRY_POINT_GROUP,
    _BUILT_IN,
    ("name", "description", "presets"),
)


def predictor_names() -> list[str]:
    """The names that `predictor_class` knows: built-in predictors first, then plug-ins."""
    return _REGISTRY.names()


def predictor_class(name: str) -> type[Predictor]:
    """The class of a predictor. Raises `InputError` for an unknown name or a plug-in that does not load.

    >>> predictor_class("gradient-boosting").name
    'gradient-boosting'
    """
    return _REGISTRY.find(name)


def resolve_predictor(predictor: PredictorLike) -> tuple[type[Predictor], str | None]:
    """The class, and the preset if one is named.

    Raises `InputError` for an unknown name, and for a class that is not a complete predictor or has the name of another
    predictor: its models would be loaded as that one's.

    >>> resolve_predictor("gradient-boosting:default")
    (<class 'nassurrogate.predictors.gradient_boosting.GradientBoosting'>, 'default')
    """
    if isinstance(predictor, str):
        name, preset = split_preset(predictor)
        return predictor_class(name), preset
    return _REGISTRY.given(predictor, DEFAULT_PREDICTOR), None


def split_preset(text: str) -> tuple[str, str | None]:
    """A predictor's name and preset from `name` or `name:preset`.

    >>> split_preset("nar-former-v2:paper")
    ('nar-former-v2', 'paper')
    """
    if not isinstance(text, str):
        raise InputError(f"predictor must be a name such as {DEFAULT_PREDICTOR!r}, got {brief(text)}")
    name, colon, preset = text.partition(":")
    return name, preset if colon else None
