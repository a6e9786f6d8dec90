"""The charts of a run's page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nassurrogate.benchmarks import TabularBenchmark
from nassurrogate.display.metric_words import heading, name_in_words, value_in_words, with_unit
from nassurrogate.metric import known_metric
from nassurrogate.search.record.known_truth import KnownTruth
from nassurrogate.search.record.ledger import PHASES, Query
from nassurrogate.search.record.plot_view import (
    across,
    cost_plot_limits,
    counted,
    in_view,
    label_limits,
    outside,
    prediction_limits,
)
from nassurrogate.search.record.progress import incumbents, label_noise
from nassurrogate.search.record.recorded_run import RecordedRun
from nassurrogate.search.record.report import PHASE_WORDS, anytime
from nassurrogate.search.record.report_page.chart import Chart, Shape
from nassurrogate.search.record.report_page.words import label_text

_SHAPES: dict[str, Shape] = {"init": "square", "search": "circle", "confirm": "diamond"}
_LEAST_REGRET_PCT = 0.02
"""Regrets in points up to about this one share the linear part of the axis."""
_MOST_OF_TABLE = 1500
"""Architectures of a table that are drawn behind those of the run."""


def best_so_far(run: RecordedRun, truth: KnownTruth) -> Chart:
    """Every label, and the best one so far, against the number of queries."""
    objective, queries = run.objective, run.labelled
    labels = [query.value for query in queries]
    optimum = truth.optimum
    known = [*labels, *([] if optimum is None else [optimum])]
    noise = label_noise(run)
    low, high = label_limits(labels, max(known), min(known), objective)
    words = name_in_words(objective)
    chart = Chart(f"Best {words} so far", _query_limits(run), (low, high), "queries", heading(objective), whole_x=True)
    best = [incumbent for incumbent in incumbents(run.queries, objective.sign) if incumbent is not None]
    numbers = [query.number for query in run.queries][len(run.queries) - len(best) :]
    if noise is not None:
        halves = [noise.std / incumbent.n_labels**0.5 for incumbent in best]
        points = [(number, incumbent.mean, half) for number, incumbent, half in zip(numbers, best, halves, strict=True)]
        chart.band(
            [(number, mean - half) for number, mean, half in points],
            [(number, mean + half) for number, mean, half in points],
            "noise", f"± 1 std of its mean; one training has ± {value_in_words(noise.std, objective, '.2g')}",
            steps=True,
        )  # fmt: skip
        chart.note(f"The noise of one training is {noise.origin}.")
    if optimum is not None:
        on_average = " on average" if run.config["labels"] == "single" and objective.needs_training else ""
        chart.horizontal(optimum, "optimum", f"best feasible one, {label_text(run, optimum)}{on_average}")
    curve = anytime(run.queries, sign=objective.sign) if noise is None else [incumbent.mean for incumbent in best]
    shown = [(number, float(value)) for number, value in zip(numbers, curve[-len(numbers) :], strict=True)]
    chart.line(shown, "best", "best so far" if noise is None else "best mean so far", steps=True)
    _phases(chart, run, queries, [query.number for query in queries], labels)
    failed = [query for query in run.queries if query.label is None]
    if failed:
        tips = [f"query {query.number} failed: {query.reason}"[:300] for query in failed]
        chart.dots([(query.number, low) for query in failed], "failed", "failed", tips, "cross")
    _note_hidden(chart, outside(chart, [query.number for query in queries], labels, "query", "queries"))
    return chart


def regret_so_far(run: RecordedRun, truth: KnownTruth) -> Chart | None:
    """How far the best architecture so far was from the optimum; None if that is not known."""
    objective, optimum = run.objective, truth.optimum
    found = incumbents(run.queries, objective.sign)
    archs = list(dict.fromkeys(incumbent.arch for incumbent in found if incumbent is not None))
    values = truth.true_values(archs)
    if optimum is None or values is None or not np.isfinite(values).all():
        return None
    true = dict(zip(archs, values.tolist(), strict=True))
    points = [
        (query.number, max(0.0, objective.sign * (optimum - true[incumbent.arch])))
        for query, incumbent in zip(run.queries, found, strict=True)
        if incumbent is not None
    ]
    largest = max(regret for _, regret in points) or 1.0
    zero = _LEAST_REGRET_PCT if objective.is_percent else largest / 1000
    label = with_unit("regret", objective).replace("(%)", "(points)")
    chart = Chart("Regret", _query_limits(run), (0.0, largest * 1.15), "queries", label, whole_x=True, y_zero=zero)
    chart.line(points, "best", "true value of the best so far, below the optimum", steps=True)
    chart.dots([points[-1]], "best", None, [f"after query {points[-1][0]}: {points[-1][1]:.4g}"])
    if run.config["labels"] == "single":
        chart.note("The best so far is chosen by its labels; its true value is the mean over all training seeds.")
    return chart


def predicted_against_measured(run: RecordedRun) -> Chart | None:
    """What was predicted for each proposal, with its deviation, against the label; None without predictions."""
    objective = run.objective
    queries = [query for query in run.labelled if query.predicted_mean is not None]
    if not queries:
        return None
    truth = np.array([query.value for query in queries])
    predicted = np.array([query.predicted_mean for query in queries], dtype=np.float64)
    deviation = np.array([query.predicted_std or 0.0 for query in queries])
    view = prediction_limits(truth, predicted, objective)
    words = name_in_words(objective)
    chart = Chart(
        f"Predicted against measured {words}", view, view,
        with_unit(f"measured {words}", objective), with_unit(f"predicted {words}", objective),
    )  # fmt: skip
    chart.line([(view[0], view[0]), (view[1], view[1])], "equal", "predicted = measured")
    if (deviation > 0).any():
        bars = zip(truth.tolist(), predicted.tolist(), deviation.tolist(), strict=True)
        chart.bars([bar for bar in bars if bar[2] > 0], "bar", "± 1 std of the prediction")
    _phases(chart, run, queries, truth.tolist(), predicted.tolist())
    _note_hidden(chart, outside(chart, truth, predicted, "query", "queries"))
    if text := agreement(truth, predicted, deviation, run):
        chart.note(text)
    without = sum(query.predicted_mean is None for query in run.queries)
    for part in counted(without, "query was made without a prediction", "queries were made without a prediction"):
        chart.note(f"{part}.")
    return chart


def agreement(truth: np.ndarray, predicted: np.ndarray, deviation: np.ndarray, run: RecordedRun) -> str:
    """How well predictions and labels agree, in words.

    Args:
        truth: (n,) labels.
        predicted: (n,) predictions.
        deviation: (n,) standard deviations of the predictions; 0 where there is none.
        run: of which they are.
    """
    from scipy.stats import kendalltau

    with np.errstate(all="ignore"):
        typical = float(np.median(np.abs(predicted - truth)))
        tau = float(kendalltau(truth, predicted).statistic) if len(truth) > 2 else np.nan
    error = f"{typical:.2g} points" if run.objective.is_percent else value_in_words(typical, run.objective, ".2g")
    parts = [f"Median absolute error {error}"]
    if np.isfinite(tau):
        parts.append(f"Kendall’s τ {tau:.2f} among these proposals, which were all expected to be good")
    known = deviation > 0
    if known.any():
        off = np.abs(predicted - truth)[known] / deviation[known]
        one, two = (f"{100 * (off <= width).mean():.0f} %" for width in (1, 2))
        parts.append(f"{one} of the labels lie within ± 1 std and {two} within ± 2 std (calibrated: 68 % and 95 %)")
    return "; ".join(parts) + "."


def objective_against_cost(run: RecordedRun, truth: KnownTruth, metric: str) -> Chart | None:
    """The labels against a metric that costs no query, with its bounds; None if it is known for no query."""
    objective, queries = run.objective, run.labelled
    labels = np.array([query.value for query in queries])
    at = truth.costs([query.arch for query in queries], metric)
    if not np.isfinite(at).any():
        return None
    cost, quality = _table_behind(truth, metric)
    bounds = [constraint for constraint in run.constraints if constraint.metric == metric]
    own = np.array([*at[np.isfinite(at)], *(bound.bound for bound in bounds)])
    left, right = across(own, cost)
    limits = cost_plot_limits(labels, quality[(cost >= left) & (cost <= right)], objective)
    about = known_metric(metric)
    words = f"{name_in_words(objective)} against {name_in_words(about)}"
    chart = Chart(words[:1].upper() + words[1:], (left, right), limits, heading(about), heading(objective))
    for bound in bounds:
        refused = (bound.bound, right) if bound.operator in ("<=", "<") else (left, bound.bound)
        chart.shade(*refused, "bound")
    shown = np.flatnonzero(in_view(chart, cost, quality))
    if shown.size:
        every = max(1, -(-shown.size // _MOST_OF_TABLE))
        kind = "architectures of the table" + (f", one in {every}" if every > 1 else "")
        chart.dots([(float(cost[i]), float(quality[i])) for i in shown[::every]], "table", kind)
    for bound in bounds:
        sign = {"<=": "≤", ">=": "≥"}.get(bound.operator, bound.operator)
        limit = f"{name_in_words(about)} {sign} {value_in_words(bound.bound, about, 'g')}"
        chart.vertical(bound.bound, "bound", f"{limit} (infeasible: shaded)")
    _phases(chart, run, queries, at.tolist(), labels.tolist())
    best = run.result["best"] if run.result is not None else {}
    place = next((i for i, query in enumerate(queries) if query.arch == best.get("arch")), None)
    if place is not None and np.isfinite(at[place]):
        chart.dots([(float(at[place]), float(best["value"]))], "chosen", "the best", shape="ring")
    _note_hidden(chart, outside(chart, at, labels, "query", "queries"))
    return chart


def _table_behind(truth: KnownTruth, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """The metric and the objective of all architectures of a table; empty without one."""
    table, name = truth.benchmark, truth.run.objective.name
    if not isinstance(table, TabularBenchmark) or not {metric, name} <= set(table.columns):
        return np.empty(0), np.empty(0)
    cost, quality = table.column(metric).mean, table.column(name).mean
    known = np.isfinite(cost) & np.isfinite(quality)
    return cost[known], quality[known]


def _phases(chart: Chart, run: RecordedRun, queries: Sequence[Query], x: Sequence[float], y: Sequence[float]) -> None:
    """The queries in the marks of their phases; only phases that are in view get a legend."""
    inside = in_view(chart, x, y)
    for phase in PHASES:
        places = [place for place, query in enumerate(queries) if query.phase == phase and inside[place]]
        if places:
            tips = [_tooltip(run, queries[place]) for place in places]
            points = [(float(x[place]), float(y[place])) for place in places]
            chart.dots(points, phase, PHASE_WORDS[phase], tips, _SHAPES[phase])


def _tooltip(run: RecordedRun, query: Query) -> str:
    predicted = "" if query.predicted_mean is None else f", predicted {label_text(run, query.predicted_mean)}"
    return f"query {query.number}: {label_text(run, query.value)}{predicted}\n{query.arch}"[:300]


def _note_hidden(chart: Chart, hidden: Sequence[str]) -> None:
    if hidden:
        chart.note(f"Not shown: {', '.join(hidden)}.")


def _query_limits(run: RecordedRun) -> tuple[float, float]:
    last = max(len(run.queries), run.config["budget"] if not run.is_finished else 1)
    margin = max(0.5, 0.02 * last)
    return 1 - margin, last + margin
