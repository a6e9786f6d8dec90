"""What is measured of an architecture: its name, unit and direction, what it costs to know, and what it belongs to.

One table here knows the metrics of the field by the words in their names. Of a name that it does not know, nothing is
guessed: whoever uses the metric says which direction is better, and the answer is kept with the data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Final, Literal, TypeAlias

from nassurrogate.errors import InputError, brief
from nassurrogate.runtime.plug_ins import find_plug_in, load_plug_in, place_of

__all__ = [
    "ENTRY_POINT_GROUP",
    "UNITS",
    "Direction",
    "Metric",
    "MetricLike",
    "as_metric",
    "ends_with_unit",
    "known_metric",
]

Direction: TypeAlias = Literal["maximize", "minimize"]
BelongsTo: TypeAlias = Literal["function", "architecture"]
ENTRY_POINT_GROUP = "nassurrogate.metrics"
UNKNOWN_UNIT = "unknown"


@dataclass(frozen=True)
class Metric:
    """One quantity of an architecture.

    Args:
        name: with the unit at its end where it has one: `latency_ms`, `val_accuracy_pct`, `raspi4.latency_ms`.
        unit: `"ms"`, `"percent"`, …; None: read from the name, `"unknown"` where it does not say.
        direction: `"maximize"` or `"minimize"`; None: unknown.
        needs_training: whether knowing it means training the network: such a value costs a query, and cannot be a
            constraint that is free to check.
        belongs_to: `"function"`, if networks that compute the same function have equal values but for noise, as of an
            accuracy; `"architecture"`, if they may differ, as of a latency.

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
            raise InputError(f"a metric needs the name of what is measured, such as latency_ms, got {brief(self.name)}")
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
            object.__setattr__(self, "unit", _unit_of(self.name))
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
        """+1 where larger is better, −1 where smaller is: `sign * value` is better when larger."""
        return 1 if self.larger_is_better else -1

    @property
    def better(self) -> str:
        """`"larger is better"`, `"smaller is better"` or `"direction unknown"`."""
        if self.direction is None:
            return "direction unknown"
        return "larger is better" if self.direction == "maximize" else "smaller is better"

    @property
    def is_positive(self) -> bool:
        """Whether values must be above 0, as of all times, energies, powers and currents."""
        return self.unit in _MEASURED

    @property
    def is_percent(self) -> bool:
        """Whether values run from 0 to 100."""
        return self.unit == "percent"

    @property
    def is_of_test(self) -> bool:
        """Whether it is measured on the test set, which no search may see.

        >>> known_metric("test_top1_pct").is_of_test, known_metric("latency_ms").is_of_test
        (True, False)
        """
        return self.needs_training and any(" test " in words for words in _readings(self.name))

    @property
    def note(self) -> str:
        """What a reader of its values must know; empty if nothing."""
        return "labels are test accuracies, which no search may see" if self.is_of_test else ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; `Metric.from_dict` reads it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "direction": self.direction,
            "needs_training": self.needs_training,
            "belongs_to": self.belongs_to,
        }

    @classmethod
    def from_dict(cls, fields: object) -> Metric:
        """The inverse of `as_dict`; the dict may come from an untrusted file. Raises `InputError` for what is none."""
        if not isinstance(fields, Mapping) or set(fields) != {
            "name", "unit", "direction", "needs_training", "belongs_to",
        }:  # fmt: skip
            raise InputError(
                f"a stored metric must have name, unit, direction, needs_training and belongs_to, got {brief(fields)}"
            )
        return cls(**fields)


def _require_printable(what: str, text: str) -> None:
    """Names are printed with their values, so they must not have line breaks or escape codes."""
    if not text.isprintable():
        raise InputError(f"{what} must be printable, got {brief(text)}")


def _is_one_of(value: object, *choices: str) -> bool:
    return isinstance(value, str) and value in choices


MetricLike: TypeAlias = "str | Metric"
"""What stands for a metric everywhere: the value itself, or its name."""


def as_metric(metric: MetricLike, direction: Direction | None = None) -> Metric:
    """The metric itself, or what is known of the name.

    Args:
        metric: a metric or a name.
        direction: what the user says; it must not contradict what is known.

    Raises `InputError` if `metric` is not a metric, or the direction contradicts what is known.

    >>> as_metric("usefulness", "maximize").larger_is_better
    True
    """
    found = metric if isinstance(metric, Metric) else known_metric(metric)
    known = known_metric(found.name).direction or found.direction
    given = direction or found.direction
    if known is not None and given is not None and given != known:
        better = "larger" if known == "maximize" else "smaller"
        raise InputError(f"{found.name!r} is known to be better when {better}; the direction given contradicts that")
    return found if given == found.direction else replace(found, direction=given)


def known_metric(name: str) -> Metric:
    """What the table, or a plug-in's entry point, knows of a name; of an unknown name the direction is None.

    An unknown metric counts as one that needs training: else a search could be bounded by what it must not see.

    Raises `InputError` for what is no name, and for a plug-in that does not load.

    >>> known_metric("accelerator_latency_ms").needs_training, known_metric("val_f1_pct").needs_training
    (False, True)
    """
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"metric must be the name of what is measured, such as latency_ms, got {brief(name)}")
    return _known(name)


@lru_cache(maxsize=1024)
def _known(name: str) -> Metric:
    point = find_plug_in(ENTRY_POINT_GROUP, name)
    if point is not None:
        loaded = load_plug_in("metric", point)
        if not isinstance(loaded, Metric) or loaded.name != name:
            raise InputError(f"{place_of('metric', point)}, which is not a Metric of that name")
        return loaded
    if name.strip().startswith(("1-", "1 -")):  # one less an accuracy: who knows
        return Metric(name)
    for words in _readings(name):
        known = _known_by_words(words)
        if known is not None:
            return Metric(name, None, *known)
    return Metric(name)


def _words(name: str) -> str:
    """The words of a name, lower case, with a space at every border.

    >>> _words("Val-Top1_pct")
    ' val top 1 pct '
    """
    apart = re.sub(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])|[^A-Za-z0-9]+", " ", name)
    return f" {' '.join(apart.casefold().split())} "


def _readings(name: str) -> Iterator[str]:
    """The words of a name as it is written, then with capitals as the beginnings of words: `valTop1`, `LatencyMS`."""
    yield _words(name)
    yield _words(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))


UNITS: Final = {
    "pct": "percent", "percent": "percent",
    "s": "s", "sec": "s", "secs": "s", "seconds": "s", "ms": "ms", "msec": "ms", "us": "us", "usec": "us", "ns": "ns",
    "h": "h",
    "m": "millions", "k": "thousands", "g": "billions", "count": "count",
    "j": "J", "kj": "kJ", "mj": "mJ", "uj": "uJ", "nj": "nJ", "pj": "pJ", "wh": "Wh", "mwh": "mWh", "kwh": "kWh",
    "w": "W", "kw": "kW", "mw": "mW", "uw": "uW",
    "amps": "A", "ma": "mA", "ua": "uA", "v": "V", "mv": "mV", "mah": "mAh",
    "hz": "Hz", "khz": "kHz", "mhz": "MHz", "ghz": "GHz", "fps": "frames/s", "tops": "TOPS", "celsius": "degrees C",
    "b": "bytes", "kb": "kB", "mb": "MB", "gb": "GB", "tb": "TB", "kib": "KiB", "mib": "MiB", "gib": "GiB",
    "nats": "nats", "bits": "bits", "db": "dB",
}  # fmt: skip
"""Unit at the end of a name, in any case → how it is printed. `a` is missing, as it often numbers variants."""
_MEASURED: Final = frozenset(
    ("s", "ms", "us", "ns", "h", "J", "kJ", "mJ", "uJ", "nJ", "pJ", "Wh", "mWh", "kWh", "W", "kW", "mW", "uW",
     "A", "mA", "uA")
)  # fmt: skip
"""Times, energies, powers and currents."""
_RATE: Final = re.compile(r"(?:^|_)(images?|imgs?|samples?|frames?|tokens?|inferences?|requests?)_s(?:ec)?$")
"""What a throughput counts: `throughput_img_s` is in images a second, not in seconds."""


def ends_with_unit(name: str) -> bool:
    """Whether a name says its unit, as `latency_ms` and `intensity_ops_per_byte` do.

    >>> ends_with_unit("latency_ms"), ends_with_unit("latency")
    (True, False)
    """
    stem, _, unit = name.rpartition("_")
    return bool(stem) and (unit.casefold() in UNITS or "_per_" in name)


def _unit_of(name: str) -> str:
    if ratio := re.search(r"([a-z0-9]+)_per_([a-z0-9]+)$", name.casefold()):
        return "/".join(ratio.groups())
    if rate := _RATE.search(name.casefold()):
        return f"{rate[1]}/s"
    if re.search(r"(?:^|_)current_(?:\w+_)?a$", name.casefold()):
        return "A"
    return UNITS.get(re.split(r"[^A-Za-z0-9]+", name.casefold())[-1], UNKNOWN_UNIT)


@dataclass(frozen=True)
class _Row:
    """What a name means that holds one of some words.

    Args:
        words: regular expression of whole words, separated by spaces.
        about: direction, needs_training and belongs_to.
    """

    words: str
    about: tuple[Direction | None, bool, BelongsTo]

    def end(self, words: str) -> int:
        """Where the last of its words ends; 0 where there is none."""
        return max((match.end() for match in self._pattern.finditer(words)), default=0)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # The space behind a word is the one before the next.
        return re.compile(rf" (?:{self.words})(?= )")


_TRAINED = "train|training|trained|retrain|retraining|epoch|epochs|finetuning"
_NO_LOSS = r"(?! (?:scale|scaling|weight|weights|coefficient|factor|free|bar|bars|bound|tolerance|threshold) )"
"""Not after `loss` or `error`: words that make it a setting, or a share without errors."""
_NO_FORMAT = "".join(
    f"(?<! {word} )" for word in ("bit", "bits", "weight", "activation", "numeric", "mixed", "half", "float")
)
"""Not before `precision`: words that make it a number format."""
_TABLE: Final = (
    _Row(
        rf"(?:loss|losses|error|errors|err|errs){_NO_LOSS}|mse|rmse|mae|perplexity|ppl|nll|bpc|wer|cer|fid|lpips|"
        r"cross ?entropy",
        ("minimize", True, "function"),
    ),
    _Row(
        r"accuracy|accuracies|acc|top ?\d+|auc|auroc|auprc|roc|area under \w+(?: \w+)*|f [12]|f ?beta|f ?score|"
        r"iou|miou|(?<!feature )(?<!activation )(?<!attention )(?<!saliency )map|ap|m ap|"
        rf"{_NO_FORMAT}precision(?! bits? )|recall|psnr|ssim|bleu|rouge|jaccard|dice|kappa|mcc|sensitivity|specificity",
        ("maximize", True, "function"),
    ),
    _Row(
        r"fps|throughput|\w+ per (?:s|sec|second)",
        ("maximize", False, "architecture"),
    ),
    _Row(
        r"latency|latencies|runtime|inference time|energy|power|params?|parameters?|[kmg]params|[kmgt]?flops?|"
        r"[kmgt]?macs?|maccs|m?adds|mult(?:iply|i)? ?adds|memory|ram|flash|model size|cycles|area|ms|us|ns|mj|uj|nj|"
        r"pj|mw|uw|kb|mb|gb|kib|mib|gib|current (?:\w+ )?(?:amps|ma|ua|a)",
        ("minimize", False, "architecture"),
    ),
    _Row(r"arithmetic intensity(?: \w+)*", (None, False, "architecture")),
)  # fmt: skip
"""The last matching word of a name decides: `feature_map_mb` is not mAP, `top1_error_pct` not an accuracy."""
_OF_TRAINING: Final = re.compile(
    rf" (?:{_TRAINED}) (?:\w+ )*(?:time|energy|cost|s|ms|h|hours|days|j|mj|kwh|mb|gb) |"
    rf" (?:time|energy|cost) per (?:{_TRAINED}) | gpu (?:h|hours|days) "
)
"""What training takes: known after a training only, however many words stand between."""
_UNCLEAR: Final = re.compile(
    r" (?:neg|negative|minus|inv|inverse|reciprocal|std|stddev|stdev|var|variance|sem|drop|gap|diff|difference|delta|"
    r"ratio|per) | rank $"
)
"""Words that turn a direction round, or leave it open."""
_EACH: Final = re.compile(
    r" per (?:inference|prediction|forward|image|img|sample|frame|input|example|item|batch|query|request|token)(?= )"
)
"""A cost per piece of work is still a cost."""


def _known_by_words(words: str) -> tuple[Direction | None, bool, BelongsTo] | None:
    if _OF_TRAINING.search(words):
        return "minimize", True, "architecture"
    ends = [row.end(words) for row in _TABLE]
    if not any(ends):
        return None
    # Where two rows' words end together, the longer ones are those of the earlier row.
    row = _TABLE[ends.index(max(ends))]
    direction, needs_training, belongs_to = row.about
    if _UNCLEAR.search(_EACH.sub("", words)) and not re.search(r" per (?:s|sec|second) $", words):
        # How far seeds spread, or a ratio: whether any part of it needs training decides whether it is free.
        needs_training = any(end and other.about[1] for end, other in zip(ends, _TABLE, strict=True))
        return None, needs_training, belongs_to
    return direction, needs_training, belongs_to
