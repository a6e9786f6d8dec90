"""Notes on labels that no predictor can learn from alone: none, too few of them, or perhaps in another unit."""

from __future__ import annotations

from collections.abc import Mapping

from nassurrogate.metric import Metric

_RATIO = 2.0
"""Deviation relative to a single label: mean ± 1.645 deviations covers 90 % of the other architectures in all latency
and energy tables of NAS-Bench-201 and FBNet."""


def deviation_of_unknown(label: float, metric: Metric) -> float:
    """How far the values of other architectures may be from the only known one, as a standard deviation.

    For a percentage it is the root mean square distance of the label to a uniform value from 0 to 100, otherwise twice
    the size of the label (one unit for 0).

    >>> from nassurrogate.metric import known_metric
    >>> round(deviation_of_unknown(90.0, known_metric("val_accuracy_pct")), 1)
    49.3
    >>> deviation_of_unknown(3.0, known_metric("latency_ms"))
    6.0
    """
    if metric.is_percent:
        below = min(max(label, 0.0), 100.0)
        return float(((below**3 + (100.0 - below) ** 3) / 300.0) ** 0.5)
    return _RATIO * abs(label) or 1.0


def label_notes(metric: Metric, stats: Mapping[str, float], n_architectures: int) -> dict[str, str]:
    """Notes for the user: topic → one line.

    Args:
        metric: the metric of the labels.
        stats: their `mean`, `min` and `max`.
        n_architectures: number of different architectures among them.
    """
    notes = {}
    low, high = stats["min"], stats["max"]
    if n_architectures == 1:
        guess = deviation_of_unknown(stats["mean"], metric)
        notes["few"] = (
            "too few labels for a 90 % interval: one architecture says nothing about others; the deviation of "
            f"{metric.name}, {guess:.3g}, is a guess based on the size of its label"
        )
    elif n_architectures == 2:
        notes["few"] = (
            "too few labels for a 90 % interval: with two architectures, deviations are wide guesses based on the "
            "distance between their labels"
        )
    if metric.is_percent and low >= 0.0 and 0.0 < high <= 1.0:
        notes["fractions"] = (
            f"{metric.name} is in percent, but all labels are between 0 and 1 ({low:.4g} to {high:.4g}): multiply "
            "fractions by 100 first, or ignore this note if they are percent"
        )
    return notes


def unlearned_note(metric: Metric, predictor: str) -> str:
    """What scores are before any label.

    Args:
        metric: by which they rank.
        predictor: the name of what ranks.
    """
    return f"no label was learned, so scores of {predictor} have no unit: higher means a better expected {metric.name}"
