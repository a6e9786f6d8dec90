"""What the name of a metric says: its unit and, for the field's metrics, direction, cost and what it belongs to.

A table knows the field's metrics by the words in their names. Nothing is assumed about any other name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, NamedTuple, TypeAlias

Direction: TypeAlias = Literal["maximize", "minimize"]
BelongsTo: TypeAlias = Literal["function", "architecture"]
UNKNOWN_UNIT: Final = "unknown"


class Meaning(NamedTuple):
    """What a name says about a metric; the fields are those of `Metric`."""

    direction: Direction | None
    needs_training: bool
    belongs_to: BelongsTo


def meaning_of(name: str) -> Meaning | None:
    """What the words of a name say; None for a name that the table does not know.

    >>> meaning_of("raspi4.latency_ms")
    Meaning(direction='minimize', needs_training=False, belongs_to='architecture')
    >>> meaning_of("usefulness")
    """
    if name.strip().startswith(("1-", "1 -")):  # such as 1 - accuracy: its direction is not the accuracy's
        return None
    return next(filter(None, map(_meaning_of_words, _readings(name))), None)


def is_measured_on_test_set(name: str) -> bool:
    """Whether a name says so.

    >>> is_measured_on_test_set("test_top1_pct"), is_measured_on_test_set("val_top1_pct")
    (True, False)
    """
    return any(" test " in words for words in _readings(name))


def _words(name: str) -> str:
    """The words of a name in lower case, with a space before, between and after them.

    >>> _words("Val-Top1_pct")
    ' val top 1 pct '
    """
    apart = re.sub(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])|[^A-Za-z0-9]+", " ", name)
    return f" {' '.join(apart.casefold().split())} "


def _readings(name: str) -> Iterator[str]:
    """The words of a name as it is written, then with every capital starting a word, as in `valTop1`, `LatencyMS`."""
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
"""Last part of a name, in any case → its unit as printed. `a` for amperes is left out: it often numbers variants."""
POSITIVE_UNITS: Final = frozenset(
    ("s", "ms", "us", "ns", "h", "J", "kJ", "mJ", "uJ", "nJ", "pJ", "Wh", "mWh", "kWh", "W", "kW", "mW", "uW",
     "A", "mA", "uA")
)  # fmt: skip
"""Times, energies, powers and currents."""
_RATE: Final = re.compile(r"(?:^|_)(images?|imgs?|samples?|frames?|tokens?|inferences?|requests?)_s(?:ec)?$")
"""What a throughput counts: `throughput_img_s` is in images per second, not in seconds."""


def ends_with_unit(name: str) -> bool:
    """Whether a name says its unit, as `latency_ms` and `intensity_ops_per_byte` do.

    >>> ends_with_unit("latency_ms"), ends_with_unit("latency")
    (True, False)
    """
    stem, _, unit = name.rpartition("_")
    return bool(stem) and (unit.casefold() in UNITS or "_per_" in name)


def unit_of(name: str) -> str:
    """The unit that a name ends with; `"unknown"` if it has none.

    >>> unit_of("latency_ms"), unit_of("throughput_img_s"), unit_of("usefulness")
    ('ms', 'img/s', 'unknown')
    """
    if ratio := re.search(r"([a-z0-9]+)_per_([a-z0-9]+)$", name.casefold()):
        return "/".join(ratio.groups())
    if rate := _RATE.search(name.casefold()):
        return f"{rate[1]}/s"
    if re.search(r"(?:^|_)current_(?:\w+_)?a$", name.casefold()):
        return "A"
    return UNITS.get(re.split(r"[^A-Za-z0-9]+", name.casefold())[-1], UNKNOWN_UNIT)


@dataclass(frozen=True)
class _Row:
    """What certain words in a name mean.

    Args:
        words: regular expression of whole words, separated by spaces.
        meaning: direction, needs_training and belongs_to.
    """

    words: str
    meaning: Meaning

    def end(self, words: str) -> int:
        """Where the last of its words ends; 0 if there is none."""
        return max((match.end() for match in self._pattern.finditer(words)), default=0)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # The space after a word is also the one before the next.
        return re.compile(rf" (?:{self.words})(?= )")


_TRAINED = "train|training|trained|retrain|retraining|epoch|epochs|finetuning"
_NO_LOSS = r"(?! (?:scale|scaling|weight|weights|coefficient|factor|free|bar|bars|bound|tolerance|threshold) )"
"""Words after `loss` or `error` that make it a setting, or a share without errors."""
_NO_FORMAT = "".join(
    f"(?<! {word} )" for word in ("bit", "bits", "weight", "activation", "numeric", "mixed", "half", "float")
)
"""Words before `precision` that make it a number format."""
_TABLE: Final = (
    _Row(
        rf"(?:loss|losses|error|errors|err|errs){_NO_LOSS}|mse|rmse|mae|perplexity|ppl|nll|bpc|wer|cer|fid|lpips|"
        r"cross ?entropy",
        Meaning("minimize", True, "function"),
    ),
    _Row(
        r"accuracy|accuracies|acc|top ?\d+|auc|auroc|auprc|roc|area under \w+(?: \w+)*|f [12]|f ?beta|f ?score|"
        r"iou|miou|(?<!feature )(?<!activation )(?<!attention )(?<!saliency )map|ap|m ap|"
        rf"{_NO_FORMAT}precision(?! bits? )|recall|psnr|ssim|bleu|rouge|jaccard|dice|kappa|mcc|sensitivity|specificity",
        Meaning("maximize", True, "function"),
    ),
    _Row(
        r"fps|throughput|\w+ per (?:s|sec|second)",
        Meaning("maximize", False, "architecture"),
    ),
    _Row(
        r"latency|latencies|runtime|inference time|energy|power|params?|parameters?|[kmg]params|[kmgt]?flops?|"
        r"[kmgt]?macs?|maccs|m?adds|mult(?:iply|i)? ?adds|memory|ram|flash|model size|cycles|area|ms|us|ns|mj|uj|nj|"
        r"pj|mw|uw|kb|mb|gb|kib|mib|gib|current (?:\w+ )?(?:amps|ma|ua|a)",
        Meaning("minimize", False, "architecture"),
    ),
    _Row(r"arithmetic intensity(?: \w+)*", Meaning(None, False, "architecture")),
)  # fmt: skip
"""The last matching word of a name decides: `feature_map_mb` is not a mAP, `top1_error_pct` not an accuracy."""
_OF_TRAINING: Final = re.compile(
    rf" (?:{_TRAINED}) (?:\w+ )*(?:time|energy|cost|s|ms|h|hours|days|j|mj|kwh|mb|gb) |"
    rf" (?:time|energy|cost) per (?:{_TRAINED}) | gpu (?:h|hours|days) "
)
"""What training takes is known only after training, however many words are in between."""
_UNCLEAR: Final = re.compile(
    r" (?:neg|negative|minus|inv|inverse|reciprocal|std|stddev|stdev|var|variance|sem|drop|gap|diff|difference|delta|"
    r"ratio|per) | rank $"
)
"""Words that reverse a direction, or leave it open."""
_EACH: Final = re.compile(
    r" per (?:inference|prediction|forward|image|img|sample|frame|input|example|item|batch|query|request|token)(?= )"
)
"""A cost per piece of work is still a cost."""


def _meaning_of_words(words: str) -> Meaning | None:
    if _OF_TRAINING.search(words):
        return Meaning("minimize", True, "architecture")
    ends = [row.end(words) for row in _TABLE]
    if not any(ends):
        return None
    # Where the words of two rows end at the same place, those of the earlier row are the longer ones.
    meaning = _TABLE[ends.index(max(ends))].meaning
    if _UNCLEAR.search(_EACH.sub("", words)) and not re.search(r" per (?:s|sec|second) $", words):
        # A spread over seeds, or a ratio: it is free only if no part of it needs training.
        needs_training = any(end and row.meaning.needs_training for end, row in zip(ends, _TABLE, strict=True))
        return Meaning(None, needs_training, meaning.belongs_to)
    return meaning
