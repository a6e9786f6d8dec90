"""Metrics of architectures: name, unit and direction, whether knowing one takes training, and what it belongs to.

The field's metrics are known by name (see `metric_names`). Nothing is guessed about any other metric: the user says
which direction is better, and the answer is stored with the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

from nassurrogate.errors import InputError, brief
from nassurrogate.metric_names import (
    POSITIVE_UNITS,
    UNITS,
    UNKNOWN_UNIT,
    BelongsTo,
    Direction,
    ends_with_unit,
    is_measured_on_test_set,
    meaning_of,
    unit_of,
)
from nassurrogate.runtime.plug_ins import find_plug_in, load_plug_in, place_of

__all__ = [
    "ENTRY_POINT_GROUP",
    "UNITS",
    "UNKNOWN_UNIT",
    "Direction",
    "Metric",
    "MetricLike",
    "as_metric",
    "ends_with_unit",
    "known_metric",
]

ENTRY_POINT_GROUP = "nassurrogate.metrics"


@dataclass(frozen=True)
class Metric:
    """A quantity measured or computed for an architecture.

    Args:
        name: ends with the unit if there is one: `latency_ms`, `val_accuracy_pct`, `raspi4.latency_ms`.
        unit: `"ms"`, `"percent"`, …; None: read from the name, `"unknown"` if it has none.
        direction: `"maximize"` or `"minimize"`; None: unknown.
        needs_training: whether the network has to be trained to know it. Such a value costs a query, so it cannot be a
            constraint that is free to check.
        belongs_to: `"function"` if networks that compute the same function have equal values up to noise, like an
            accuracy; `"architecture"` if their values may differ, like a latency.

    Raises `InputError` for an invalid argument.

    >>> Metric("usefulness", direction="maximize").needs_training
    True
    """

    name: str
    unit: str | None = None
    direction: Direction | None = None
    needs_training: bool = True
    belongs_to: BelongsTo = "function"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise InputError(f"a metric needs a name such as latency_ms, got {brief(self.name)}")
        _require_printable("a metric's name", self.name)
        if self.direction is not None and not _is_one_of(self.direction, "maximize", "minimize"):
            raise InputError(
                f"the direction of {self.name!r} must be 'maximize', 'minimize' or None, got {brief(self.direction)}"
            )
        if not _is_one_of(self.belongs_to, "function", "architecture"):
            raise InputError(
                f"{self.name!r} must belong to the 'function' or the 'architecture', got {brief(self.belongs_to)}"
            )
        if not isinstance(self.needs_training, bool):
            raise InputError(f"needs_training of {self.name!r} must be True or False, got {brief(self.needs_training)}")
        if self.unit is None:
            object.__setattr__(self, "unit", unit_of(self.name))
        elif not isinstance(self.unit, str):
            raise InputError(f"the unit of {self.name!r} must be text, got {brief(self.unit)}")
        else:
            _require_printable(f"the unit of {self.name!r}", self.unit)

    @property
    def larger_is_better(self) -> bool:
        """Whether a larger value is better. Raises `InputError` if the direction is unknown.

        >>> known_metric("latency_ms").larger_is_better
        False
        """
        if self.direction is None:
            raise InputError(
                f"it is not known whether a larger or a smaller {self.name!r} is better; give --larger-is-better "
                f"or --smaller-is-better (in Python: Metric({self.name!r}, direction='maximize' or 'minimize'))"
            )
        return self.direction == "maximize"

    @property
    def sign(self) -> int:
        """+1 if larger is better, −1 if smaller is: a larger `sign * value` is always better."""
        return 1 if self.larger_is_better else -1

    @property
    def better(self) -> str:
        """`"larger is better"`, `"smaller is better"` or `"direction unknown"`."""
        if self.direction is None:
            return "direction unknown"
        return "larger is better" if self.direction == "maximize" else "smaller is better"

    @property
    def is_positive(self) -> bool:
        """Whether values must be above 0, as times, energies, powers and currents are."""
        return self.unit in POSITIVE_UNITS

    @property
    def is_percent(self) -> bool:
        """Whether values run from 0 to 100."""
        return self.unit == "percent"

    @property
    def is_of_test(self) -> bool:
        """Whether it is measured on the test set, which a search must not see.

        >>> known_metric("test_top1_pct").is_of_test, known_metric("latency_ms").is_of_test
        (True, False)
        """
        return self.needs_training and is_measured_on_test_set(self.name)

    @property
    def note(self) -> str:
        """A warning for readers of its values; empty if there is none."""
        return "labels are test accuracies, which no search may see" if self.is_of_test else ""

    def as_dict(self) -> dict[str, Any]:
        """The fields, for JSON; `Metric.from_dict` reads them back."""
        return {
            "name": self.name,
            "unit": self.unit,
            "direction": self.direction,
            "needs_training": self.needs_training,
            "belongs_to": self.belongs_to,
        }

    @classmethod
    def from_dict(cls, fields: object) -> Metric:
        """The inverse of `as_dict`; raises `InputError` for anything else, as a file may be damaged or forged."""
        if not isinstance(fields, Mapping) or set(fields) != {
            "name", "unit", "direction", "needs_training", "belongs_to",
        }:  # fmt: skip
            raise InputError(
                f"a stored metric must have name, unit, direction, needs_training and belongs_to, got {brief(fields)}"
            )
        return cls(**fields)


def _require_printable(what: str, text: str) -> None:
    """Raise `InputError` for line breaks or escape codes: names are printed next to their values."""
    if not text.isprintable():
        raise InputError(f"{what} must be printable, got {brief(text)}")


def _is_one_of(value: object, *choices: str) -> bool:
    return isinstance(value, str) and value in choices


MetricLike: TypeAlias = "str | Metric"
"""Anything that names a metric: a `Metric` or its name."""


def as_metric(metric: MetricLike, direction: Direction | None = None) -> Metric:
    """The metric itself, or what is known about the name.

    Args:
        metric: a metric or a name.
        direction: the user's answer; it must not contradict a known direction.

    Raises `InputError` if `metric` is not a metric, or the direction contradicts the known one.

    >>> as_metric("usefulness", "maximize").larger_is_better
    True
    """
    found = metric if isinstance(metric, Metric) else known_metric(metric)
    known = known_metric(found.name).direction or found.direction
    given = direction or found.direction
    if known is not None and given is not None and given != known:
        better = "larger" if known == "maximize" else "smaller"
        raise InputError(f"{found.name!r} is known to be better when {better}; the given direction contradicts that")
    return found if given == found.direction else replace(found, direction=given)


def known_metric(name: str) -> Metric:
    """The metric of a name, known from its words or from a plug-in; an unknown one has no direction.

    An unknown metric counts as one that needs training: otherwise a search could be constrained by values that it must
    not see.

    Raises `InputError` if it is not a name, or a plug-in does not load.

    >>> known_metric("accelerator_latency_ms").needs_training, known_metric("val_f1_pct").needs_training
    (False, True)
    """
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"metric must be a name such as latency_ms, got {brief(name)}")
    return _known(name)


@lru_cache(maxsize=1024)
def _known(name: str) -> Metric:
    point = find_plug_in(ENTRY_POINT_GROUP, name)
    if point is not None:
        loaded = load_plug_in("metric", point)
        if not isinstance(loaded, Metric) or loaded.name != name:
            raise InputError(f"{place_of('metric', point)}, which is not a Metric of that name")
        return loaded
    meaning = meaning_of(name)
    return Metric(name) if meaning is None else Metric(name, **meaning._asdict())
