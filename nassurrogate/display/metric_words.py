"""Metrics in words instead of column names, for axes, table headers and results."""

from __future__ import annotations

import re
from typing import Final

from nassurrogate.metric import UNKNOWN_UNIT, Metric, ends_with_unit

_WORDS: Final = {
    "val": "validation", "valid": "validation", "acc": "accuracy", "param": "parameters", "params": "parameters",
    "flop": "FLOPs", "flops": "FLOPs", "macs": "MACs", "auc": "AUC", "iou": "IoU", "miou": "mIoU", "psnr": "PSNR",
    "ssim": "SSIM", "bleu": "BLEU", "gpu": "GPU", "cpu": "CPU", "ram": "RAM",
}  # fmt: skip
_UNITS: Final = {"percent": "%", "millions": "M", "thousands": "k", "billions": "G", "count": "", UNKNOWN_UNIT: ""}


def name_in_words(metric: Metric) -> str:
    """The name in words, without its unit.

    >>> name_in_words(Metric("raspi4.latency_ms")), name_in_words(Metric("val_accuracy_pct"))
    ('raspi4 latency', 'validation accuracy')
    """
    name = metric.name
    if ends_with_unit(name) and Metric(name).unit == metric.unit:
        name = re.sub(r"_[A-Za-z0-9]+(?:_per_[A-Za-z0-9]+)?$", "", name)
    words = [_WORDS.get(word.casefold(), word) for word in re.split(r"[_.\s]+", name) if word]
    return " ".join(words) or metric.name


def unit_sign(metric: Metric) -> str:
    """The unit to print after a value; empty if there is none or it is unknown.

    >>> unit_sign(Metric("latency_ms")), unit_sign(Metric("params_m")), unit_sign(Metric("val_loss"))
    ('ms', 'M', '')
    """
    unit = str(metric.unit)
    return _UNITS.get(unit, unit)


def with_unit(name: str, metric: Metric) -> str:
    """A heading: `name`, followed by the metric's unit in brackets, if it has one.

    >>> with_unit("measured", Metric("val_accuracy_pct"))
    'measured (%)'
    """
    sign = unit_sign(metric)
    return f"{name} ({sign})" if sign else name


def heading(metric: Metric) -> str:
    """The label of an axis.

    >>> heading(Metric("latency_ms")), heading(Metric("val_loss"))
    ('latency (ms)', 'validation loss')
    """
    return with_unit(name_in_words(metric), metric)


def value_in_words(value: float, metric: Metric, form: str = ".4g") -> str:
    """The value and its unit.

    >>> value_in_words(0.55938, Metric("params_m"))
    '0.5594 M'
    """
    return f"{value:{form}} {unit_sign(metric)}".rstrip()
