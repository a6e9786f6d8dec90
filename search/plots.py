"""Three plots of one run, drawn from its ledger and the benchmark alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nassurrogate.benchmarks import LABEL, TEST, Benchmark, TabularBenchmark
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric, known_metric
from nassurrogate.search.ledger import PHASES, Ledger, Query, labelled, read_ledger
from nassurrogate.search.report import anytime
from nassurrogate.search.run_folder import PLOTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which the colour-blind tell apart.
_COLOURS = {"init": "#56B4E9", "search": "#0072B2", "confirm": "#D55E00"}
_BEST, _BOUND, _QUIET = "#009E73", "#CC79A7", "#BBBBBB"
_DPI = 150
_AXES = {LABEL: "validation accuracy (%)", TEST: "test accuracy (%)"}


def draw_plots(run_dir: str | Path, benchmark: Benchmark) -> list[Path]:
    """Draw every plot of a run into its folder's `plots/`, as PNG; returns their paths.

    `best_so_far.png`; `predicted_vs_true.png`, where cells were proposed on a prediction; and for every constrained
    metric (`latency_ms` without constraints, where there is one) `accuracy_vs_<metric>.png` with the bounds drawn in.

    Raises `InputError` for a folder without a ledger, of another benchmark, or that cannot be written.
    """
    folder = Path(run_dir)
    ledger = read_ledger(folder)
    asked = ledger.header["config"]
    if (asked["space"], asked["dataset"]) != (benchmark.space.name, benchmark.dataset):
        raise InputError(
            f"{folder} is a run on {asked['space']}/{asked['dataset']}, got the benchmark "
            f"{benchmark.space.name}/{benchmark.dataset}"
        )
    figures = {"best_so_far": best_so_far(ledger, benchmark)}
    if any(query.predicted_mean is not None for query in labelled(ledger.queries)):
        figures["predicted_vs_true"] = predicted_vs_true(ledger)
    constraints = [Constraint.parse(text) for text in asked["constraints"]]
    for metric in dict.fromkeys(c.metric for c in constraints) or ["latency_ms"]:
        if metric in benchmark.free_metrics() and metric != _objective(ledger).name:
            figures[f"accuracy_vs_{metric}"] = accuracy_vs_cost(ledger, benchmark, metric)
    return [_save(figure, folder / PLOTS / f"{name}.png") for name, figure in figures.items()]


def _objective(ledger: Ledger) -> Metric:
    """What the labels are; a ledger of an earlier release does not say, for then there was but one."""
    told = ledger.header["config"].get("objective")
    return known_metric(LABEL) if told is None else Metric.from_dict(told)


def _axis(objective: Metric) -> str:
    unit = {"percent": "%"}.get(str(objective.unit), objective.unit)
    return _AXES.get(objective.name, f"{objective.name} ({unit})")


def best_so_far(ledger: Ledger, benchmark: Benchmark) -> Figure:
    """The best label against queries, with every label as a dot and the best feasible one, if known, as a line."""
    figure, axes = _canvas(ledger, "Best so far")
    objective, queries = _objective(ledger), labelled(ledger.queries)
    labels = [query.value for query in queries]
    _scatter_phases(axes, queries, [query.number for query in queries], labels)
    curve = anytime(ledger.queries, sign=objective.sign)
    numbers = [query.number for query in ledger.queries]
    axes.step(numbers, curve, where="post", color="black", linewidth=1.8, label="best so far")
    optimum = _optimum(ledger, benchmark)
    if optimum is not None:
        axes.axhline(optimum, color=_BEST, linestyle="--", linewidth=1.2, label=f"best feasible, {optimum:.2f}")
    if labels and objective.is_percent and objective.larger_is_better:
        # Untrainable cells would squeeze all that matters into one line; the plot states how many lie below.
        high = max(np.nanmax(curve), optimum or 0.0)
        low = min(float(np.quantile(labels, 0.1)), labels[0], high - 0.5)
        low = max(low, high - 25.0)
        margin = 0.05 * (high - low)
        axes.set_ylim(low - margin, high + margin)
        _tell_hidden(axes, sum(label < low for label in labels))
    axes.set_xlabel("queries")
    axes.set_ylabel(_axis(objective))
    axes.legend(loc="lower right" if objective.larger_is_better else "upper right", fontsize=8, framealpha=0.9)
    return figure


def predicted_vs_true(ledger: Ledger) -> Figure:
    """What was predicted at the proposal, with its standard deviation, against the label that was then measured."""
    figure, axes = _canvas(ledger, "Predicted against true")
    objective = _objective(ledger)
    queries = [query for query in labelled(ledger.queries) if query.predicted_mean is not None]
    truth = np.array([query.value for query in queries])
    predicted = np.array([query.predicted_mean for query in queries], dtype=np.float64)
    deviation = np.array([query.predicted_std or 0.0 for query in queries])
    axes.errorbar(truth, predicted, yerr=deviation, fmt="none", ecolor=_QUIET, elinewidth=0.8, zorder=1)
    _scatter_phases(axes, queries, truth.tolist(), predicted.tolist())
    high, low = float(max(truth.max(), predicted.max())), float(min(truth.min(), predicted.min()))
    if objective.is_percent and objective.larger_is_better:
        # As above, what hardly trains must not squeeze the rest; an interval may reach beyond the frame.
        low = max(min(float(np.quantile(truth, 0.1)), float(np.quantile(predicted, 0.1)), high - 0.5), high - 25.0)
    margin = 0.05 * (high - low) or 1.0
    view = (low - margin, high + margin)
    axes.plot(view, view, color="black", linewidth=1, linestyle=":", label="equal")
    axes.set(xlim=view, ylim=view)
    _tell_hidden(axes, int(((truth < view[0]) | (predicted < view[0])).sum()), at=0.2)
    axes.set_xlabel(f"measured {_axis(objective)}")
    axes.set_ylabel("predicted when proposed")
    axes.legend(loc="best", fontsize=8)
    return figure


def accuracy_vs_cost(ledger: Ledger, benchmark: Benchmark, metric: str) -> Figure:
    """Labels evaluated in the run against a free metric, over the whole table in grey, with the metric's bounds."""
    figure, axes = _canvas(ledger, f"Accuracy against {metric}")
    objective, queries = _objective(ledger), labelled(ledger.queries)
    if isinstance(benchmark, TabularBenchmark):
        cost, truth = benchmark.column(metric).mean, benchmark.column(objective.name).mean
        known = np.isfinite(cost) & np.isfinite(truth)
        axes.scatter(cost[known], truth[known], s=2, color=_QUIET, linewidths=0, rasterized=True, label="all in table")
    at = benchmark.lookup([benchmark.space.parse(query.arch) for query in queries], metric).tolist()
    _scatter_phases(axes, queries, at, [query.value for query in queries])
    if queries:
        best = max(range(len(queries)), key=lambda place: objective.sign * queries[place].value)
        place = [at[best]], [queries[best].value]
        axes.scatter(*place, s=160, marker="*", color=_BEST, edgecolors="black", zorder=4, label="best label")
    for bound in map(Constraint.parse, ledger.header["config"]["constraints"]):
        if bound.metric == metric:
            axes.axvline(bound.bound, color=_BOUND, linewidth=1.5, label=str(bound))
            left, right = axes.get_xlim()
            refused = (bound.bound, right) if bound.operator in ("<=", "<") else (left, bound.bound)
            axes.axvspan(*refused, color=_BOUND, alpha=0.08, linewidth=0)
            axes.set_xlim(left, right)
    if isinstance(benchmark, TabularBenchmark) and known.any() and objective.larger_is_better:
        low, high = float(np.quantile(truth[known], 0.15)), float(truth[known].max())
        axes.set_ylim(low, high + 0.08 * (high - low or 1.0))
    axes.set_xlabel(metric)
    axes.set_ylabel(_axis(objective))
    axes.legend(loc="lower right", fontsize=8, framealpha=0.9)
    return figure


def _canvas(ledger: Ledger, title: str) -> tuple[Figure, Axes]:
    # Figure with its own Agg canvas: pyplot would keep state and might open a window.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    asked = ledger.header["config"]
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    marked = " — ORACLE, an upper bound" if asked["oracle"] else ""
    axes.set_title(f"{title}{marked}", loc="left", fontsize=11, fontweight="bold")
    about = f"{asked['space']}/{asked['dataset']} · {asked['searcher']} · {asked['predictor']} · seed {asked['seed']}"
    axes.set_title(about, loc="right", fontsize=7, color="#555555")
    axes.grid(visible=True, color="#EEEEEE", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _scatter_phases(axes: Axes, queries: Sequence[Query], x: Sequence[float], y: Sequence[float]) -> None:
    for phase in PHASES:
        at = [place for place, query in enumerate(queries) if query.phase == phase]
        if at:
            axes.scatter([x[i] for i in at], [y[i] for i in at], s=18, color=_COLOURS[phase], label=phase, zorder=3)


def _tell_hidden(axes: Axes, count: int, at: float = 0.01) -> None:
    """Say how many cells lie below what is shown, at this share of the width."""
    if count:
        axes.annotate(f"{count} cells below", (at, 0.015), xycoords="axes fraction", fontsize=8, color="#555555")


def _optimum(ledger: Ledger, benchmark: Benchmark) -> float | None:
    """The best feasible cell's mean label, in percent; None where a feasible cell has none."""
    if not isinstance(benchmark, TabularBenchmark):
        return None
    objective = _objective(ledger)
    feasible = np.ones(benchmark.space.size, dtype=bool)
    for constraint in map(Constraint.parse, ledger.header["config"]["constraints"]):
        feasible &= constraint.check(benchmark.column(constraint.metric).mean)
    truth = benchmark.column(objective.name).mean[feasible]
    return objective.sign * float((objective.sign * truth).max()) if truth.size and np.isfinite(truth).all() else None


def _save(figure: Figure, path: Path) -> Path:
    try:
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, dpi=_DPI)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; the ledger is complete") from error
    return path
