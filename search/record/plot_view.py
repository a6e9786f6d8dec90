"""The limits of a plot, which follow the queries of a run, and the number of points outside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from nassurrogate.metric import Metric

DEEPEST = 25.0
"""Points below the best at which a view in percent ends, unless more than a quarter of the queries lie lower still."""
_MARGIN = 0.05
_CONTEXT = 0.35
"""How much of a table is shown on either side of the queries, as a share of their width."""


class View(Protocol):
    """What has limits: matplotlib's axes, or a chart of the page."""

    def get_xlim(self) -> tuple[float, float]:
        """The ends of the x axis."""

    def get_ylim(self) -> tuple[float, float]:
        """The ends of the y axis."""

    def get_xlabel(self) -> str:
        """What the x axis shows."""


def label_limits(labels: Sequence[float], high: float, low: float, objective: Metric) -> tuple[float, float]:
    """(bottom, top) limits for labels against the number of queries.

    Args:
        labels: (n,) in the order of the queries, not empty.
        high, low: of what must be in view if nothing is left out: the labels and the optimum.
        objective: the metric of the labels.
    """
    if _crops(objective):
        wished = min(float(np.quantile(labels, 0.1)), labels[0], high - 0.5)
        low = lower_limit(labels, wished, high - DEEPEST)
    return with_margin(low, high)


def prediction_limits(truth: np.ndarray, predicted: np.ndarray, objective: Metric) -> tuple[float, float]:
    """The limits of both axes for (n,) predictions against (n,) labels, not empty."""
    high, low = float(max(truth.max(), predicted.max())), float(min(truth.min(), predicted.min()))
    if _crops(objective):
        # A few wild predictions must not squeeze the rest either.
        best = int(truth.argmax())
        high = max(upper_limit(np.maximum(truth, predicted), truth.max() + DEEPEST), predicted[best])
        wished = min(float(np.quantile(truth, 0.1)), float(np.quantile(predicted, 0.1)), truth.max() - 0.5)
        # Points above the view count as well: at least three quarters of all are inside it.
        points = np.where(np.maximum(truth, predicted) > high, -np.inf, np.minimum(truth, predicted))
        low = min(lower_limit(points, wished, truth.max() - DEEPEST), predicted[best])
    return with_margin(low, high)


def cost_plot_limits(labels: np.ndarray, beside: np.ndarray, objective: Metric) -> tuple[float, float]:
    """(bottom, top) limits for the labels and the table's values `beside` them, which are empty without a table."""
    every = np.concatenate([labels, beside])
    low, high = float(every.min()), float(every.max())
    if beside.size and objective.larger_is_better:
        # Most architectures of a table are good and close together; the plot states how many lie below.
        wished = min(float(np.quantile(labels, 0.1)), float(np.quantile(beside, 0.15)))
        low = lower_limit(labels, wished, float(labels.max()) - DEEPEST if objective.is_percent else -np.inf)
    return with_margin(low, high, above=0.08)


def lower_limit(values: Sequence[float] | np.ndarray, wished: float, deepest: float = -np.inf) -> float:
    """The lower end of a view: `wished`, not below `deepest`, but never above the upper three quarters of the values.

    A few architectures that do not train would squeeze all others into a line; if a run consists of them, they are
    shown.

    Args:
        values: (n,) of the queries, not empty.
        wished: the limit by other criteria.
        deepest: the view reaches no further down for a few outliers.

    >>> lower_limit([10, 90, 91, 92], wished=10, deepest=67), lower_limit([10, 10, 91, 92], wished=10, deepest=67)
    (67.0, 10.0)
    """
    upper_part = np.sort(np.asarray(values, dtype=np.float64))[len(values) // 4 :]
    return float(min(upper_part[0], max(wished, deepest)))


def upper_limit(values: np.ndarray, highest: float) -> float:
    """The upper end of a view: the largest value, at most `highest`, but never below seven eighths of the values.

    >>> upper_limit(np.array([90.0, 91.0, 2e6]), highest=116.0)
    2000000.0
    >>> upper_limit(np.array([90.0, 91.0, 92.0, 93.0, 94.0, 95.0, 95.5, 2e6]), highest=116.0)
    116.0
    """
    lower_part = np.sort(values)[: len(values) - len(values) // 8]
    return float(max(lower_part[-1], min(values.max(), highest)))


def across(own: np.ndarray, table: np.ndarray) -> tuple[float, float]:
    """(left, right) limits around all values of a run, and the part of the table next to them.

    Args:
        own: (n,) values that must be in view, not empty.
        table: (m,) all values of the table; empty without one.
    """
    low, high = float(own.min()), float(own.max())
    if table.size:
        width = high - low
        context = _CONTEXT * width if width else np.inf
        low = min(low, max(low - context, float(table.min())))
        high = max(high, min(high + context, float(table.max())))
    return with_margin(low, high)


def with_margin(low: float, high: float, above: float = _MARGIN) -> tuple[float, float]:
    """The limits with room for a marker at the edge, also if both are equal."""
    width = high - low or 0.1 * abs(high) or 1.0
    return low - _MARGIN * width, high + above * width


def in_view(axes: View, x: np.ndarray | Sequence[float], y: np.ndarray | Sequence[float]) -> np.ndarray:
    """(n,) bool: which points lie inside the limits of the axes; one with an unknown coordinate never does."""
    across, up = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    (left, right), (bottom, top) = sorted(axes.get_xlim()), sorted(axes.get_ylim())
    return (across >= left) & (across <= right) & (up >= bottom) & (up <= top)


def outside(
    axes: View, x: np.ndarray | Sequence[float], y: np.ndarray | Sequence[float], one: str, several: str
) -> list[str]:
    """How many points lie outside the axes, by side; a point beyond a corner counts as below or above."""
    across, up = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    (left, right), (bottom, top) = sorted(axes.get_xlim()), sorted(axes.get_ylim())
    below, above = up < bottom, up > top
    beside = ~(below | above)
    sides = {
        "below": below,
        "above": above,
        "further left": beside & (across < left),
        "further right": beside & (across > right),
        f"without a known {axes.get_xlabel()}": beside & ~np.isfinite(across),
    }
    return [f"{count} {side}" for side, there in sides.items() for count in counted(int(there.sum()), one, several)]


def counted(count: int, one: str, several: str) -> list[str]:
    """The count in words; empty for 0."""
    return [f"{count:,} {one if count == 1 else several}"] if count else []


def _crops(objective: Metric) -> bool:
    """Whether a plot may leave out very low labels: a few failed trainings would squeeze the others into a line."""
    return objective.is_percent and objective.larger_is_better
