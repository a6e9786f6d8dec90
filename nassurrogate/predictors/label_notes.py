"""What labels cannot tell, whatever a predictor makes of them: how far others are from a single one, and their unit."""

from __future__ import annotations

from collections.abc import Mapping

from nassurrogate.metric import Metric

_RATIO = 2.0
"""Deviation over the label of one architecture: mean ± 1.645 of them covers 90 % of the others in every latency and
energy table of NAS-Bench-201 and FBNet."""


def deviation_of_unknown(label: float, metric: Metric) -> float:
    """How far the value of any architecture may be from the only one that is known, as a standard deviation.

    Of a percentage it is the root mean square distance from the label over 0 to 100, all values equally likely; of what
    has no such ends, twice the label's size (of 0, one unit).

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
    """What whoever gave labels should be told: by what it is about, a line each.

    Args:
        metric: what the labels are.
        stats: their `mean`, `min` and `max`.
        n_architectures: how many different ones were labelled.
    """
    notes = {}
    low, high = stats["min"], stats["max"]
    if n_architectures == 1:
        guess = deviation_of_unknown(stats["mean"], metric)
        notes["few"] = (
            "too few labels for a 90 % interval: one architecture says nothing of others; the deviation of "
            f"{metric.name}, {guess:.3g}, is a guess from the size of its label"
        )
    elif n_architectures == 2:
        notes["few"] = (
            "too few labels for a 90 % interval: of two architectures the deviations are wide guesses, from how far "
            "their labels are apart"
        )
    if metric.is_percent and low >= 0.0 and 0.0 < high <= 1.0:
        notes["fractions"] = (
            f"{metric.name} is in percent, but all labels lie between 0 and 1 ({low:.4g} to {high:.4g}): fractions "
            "must be multiplied by 100 first; if they are percent, nothing need be done"
        )
    return notes
