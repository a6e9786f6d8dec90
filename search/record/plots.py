"""The plots of one run, drawn from its ledger and the benchmark alone."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nassurrogate.benchmarks import LABEL, Benchmark, TabularBenchmark
from nassurrogate.constraints import Constraint
from nassurrogate.display.metric_words import heading, name_in_words, value_in_words, with_unit
from nassurrogate.errors import InputError, one_line
from nassurrogate.files.atomic_file import write_atomically
from nassurrogate.metric import Metric, known_metric
from nassurrogate.search.record.ledger import PHASES, Ledger, Query, labelled, read_ledger
from nassurrogate.search.record.optimum import optimum_of
from nassurrogate.search.record.plot_view import (
    across,
    cost_plot_limits,
    counted,
    in_view,
    label_limits,
    outside,
    prediction_limits,
)
from nassurrogate.search.record.report import PHASE_WORDS, anytime
from nassurrogate.search.record.run_folder import PLOTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which the colour-blind tell apart.
_COLOURS = {"init": "#56B4E9", "search": "#0072B2", "confirm": "#D55E00"}
_MARKERS = {"init": "s", "search": "o", "confirm": "D"}
_BEST, _BOUND, _QUIET, _BARS, _DARK = "#009E73", "#CC79A7", "#BBBBBB", "#999999", "#555555"
_SIZE, _DPI = (7.0, 4.8), 150
_SMALL = 7.5
"""Font size of the lines below a title, in points."""
_LINE_LENGTH, _TITLE_LENGTH, _LABEL_LENGTH, _LEGEND_LENGTH = 96, 62, 45, 110
"""Characters that fit into a line below the title, the title, an axis label and a row of the legend."""
_MARKER_LENGTH = 7
"""Width of the marker beside a legend entry and the gap, in characters."""


def draw_plots(run_dir: str | Path, benchmark: Benchmark) -> list[Path]:
    """Draw every plot of a run into its folder's `plots/`, as PNG; returns their paths.

    `best_so_far.png`; `predicted_vs_true.png`, if architectures were proposed on a prediction; and for every
    constrained metric (without constraints: `latency_ms`, if there is one) `accuracy_vs_<metric>.png` with the bounds
    drawn in, unless the metric is unknown for all queries. Each is written completely or not at all.

    Raises `InputError` for a folder without a ledger or of another benchmark, and if a plot cannot be drawn or written;
    the others are drawn nevertheless.
    """
    folder = Path(run_dir)
    ledger = read_ledger(folder)
    asked = ledger.header["config"]
    if (asked["space"], asked["dataset"]) != (benchmark.space.name, benchmark.dataset):
        raise InputError(
            f"{folder} is a run on {asked['space']}/{asked['dataset']}, got the benchmark "
            f"{benchmark.space.name}/{benchmark.dataset}"
        )
    figures: dict[str, Callable[[], Figure | None]] = {"best_so_far": partial(best_so_far, ledger, benchmark)}
    if any(query.predicted_mean is not None for query in labelled(ledger.queries)):
        figures["predicted_vs_true"] = partial(predicted_vs_true, ledger)
    constraints = [Constraint.parse(text) for text in asked["constraints"]]
    for metric in dict.fromkeys(c.metric for c in constraints) or ["latency_ms"]:
        if metric in benchmark.free_metrics() and metric != _objective(ledger).name:
            figures[f"accuracy_vs_{metric}"] = partial(accuracy_vs_cost, ledger, benchmark, metric)
    drawn, failures = [], []
    for name, draw in figures.items():
        path = folder / PLOTS / f"{name}.png"
        try:
            figure = draw()
            if figure is not None:
                _save(figure, path)
                drawn.append(path)
        except Exception as error:  # whatever a benchmark, matplotlib or the disk raises
            failures.append(f"{path} ({_reason(error)})")
    if failures:
        raise InputError(f"cannot draw {', '.join(failures)}; the ledger is complete")
    return drawn


def best_so_far(ledger: Ledger, benchmark: Benchmark) -> Figure:
    """The best label against the number of queries, with every label as a dot, and the optimum, if known, as a line."""
    figure, axes = _canvas()
    objective, queries = _objective(ledger), labelled(ledger.queries)
    numbers, labels = [query.number for query in queries], [query.value for query in queries]
    curve = anytime(ledger.queries, sign=objective.sign)
    axes.step(
        [query.number for query in ledger.queries], curve, where="post", color="black", linewidth=1.8,
        label="best so far",
    )  # fmt: skip
    constraints = [Constraint.parse(text) for text in ledger.header["config"]["constraints"]]
    optimum = optimum_of(objective, constraints, benchmark)
    if optimum is not None:
        # A single training, of this or another architecture, may give more.
        mean = " on average" if ledger.header["config"]["labels"] == "single" and objective.needs_training else ""
        label = f"best feasible {_kind(benchmark)}, {value_in_words(optimum, objective, _form(objective))}{mean}"
        axes.axhline(optimum, color=_BEST, linestyle="--", linewidth=1.2, label=label)
    if labels:
        known = [*labels, *([] if optimum is None else [optimum])]
        axes.set_ylim(label_limits(labels, max(known), min(known), objective))
    _whole_ticks(axes, max((query.number for query in ledger.queries), default=1))
    _scatter_phases(axes, queries, numbers, labels)
    axes.set_xlabel("queries")
    axes.set_ylabel(heading(objective))
    failed = len(ledger.queries) - len(queries)
    _finish(
        figure, axes, ledger, f"Best {name_in_words(objective)} so far",
        outside(axes, numbers, labels, "query", "queries") + counted(failed, "failed query", "failed queries"),
    )  # fmt: skip
    return figure


def predicted_vs_true(ledger: Ledger) -> Figure:
    """The prediction for each proposal, with its standard deviation, against the label that was then measured."""
    figure, axes = _canvas()
    objective = _objective(ledger)
    queries = [query for query in labelled(ledger.queries) if query.predicted_mean is not None]
    truth = np.array([query.value for query in queries])
    predicted = np.array([query.predicted_mean for query in queries], dtype=np.float64)
    deviation = np.array([query.predicted_std or 0.0 for query in queries])
    view = prediction_limits(truth, predicted, objective)
    axes.set(xlim=view, ylim=view)
    axes.plot(view, view, color="black", linewidth=1, linestyle=":", label="predicted = measured")
    barred = in_view(axes, truth, predicted) & (deviation > 0)
    if barred.any():
        axes.errorbar(
            truth[barred], predicted[barred], yerr=deviation[barred], fmt="none", ecolor=_BARS, elinewidth=1.0,
            zorder=1, label="± 1 std of the prediction",
        )  # fmt: skip
        axes.set(xlim=view, ylim=view)
    _scatter_phases(axes, queries, truth.tolist(), predicted.tolist())
    axes.set_xlabel(with_unit(f"measured {name_in_words(objective)}", objective))
    axes.set_ylabel(with_unit(f"predicted {name_in_words(objective)}", objective))
    without = sum(query.predicted_mean is None for query in ledger.queries)
    failed = len(ledger.queries) - without - len(queries)
    _finish(
        figure, axes, ledger, f"Predicted against measured {name_in_words(objective)}",
        outside(axes, truth, predicted, "query", "queries")
        + counted(without, "query without a prediction", "queries without a prediction")
        + counted(failed, "failed query", "failed queries"),
    )  # fmt: skip
    return figure


def accuracy_vs_cost(ledger: Ledger, benchmark: Benchmark, metric: str) -> Figure | None:
    """Labels evaluated in the run against a free metric, over the table in grey, with the metric's bounds.

    None if no query has a known value of the metric.
    """
    objective, queries, kind = _objective(ledger), labelled(ledger.queries), _kind(benchmark)
    labels = np.array([query.value for query in queries])
    at = np.asarray(benchmark.lookup([benchmark.space.parse(query.arch) for query in queries], metric), np.float64)
    if not np.isfinite(at).any():
        return None
    figure, axes = _canvas()
    cost = truth = np.empty(0)
    n_blank = 0
    if isinstance(benchmark, TabularBenchmark):
        cost, truth = benchmark.column(metric).mean, benchmark.column(objective.name).mean
        known = np.isfinite(cost) & np.isfinite(truth)
        n_blank = int((~known).sum())
        cost, truth = cost[known], truth[known]
    constraints = map(Constraint.parse, ledger.header["config"]["constraints"])
    bounds = [constraint for constraint in constraints if constraint.metric == metric]
    own = np.array([*at[np.isfinite(at)], *(bound.bound for bound in bounds)])
    axes.set_xlim(across(own, cost))
    left, right = axes.get_xlim()
    beside = truth[(cost >= left) & (cost <= right)]
    axes.set_ylim(cost_plot_limits(labels, beside, objective))
    if in_view(axes, cost, truth).any():
        axes.scatter(cost, truth, s=2, color=_QUIET, linewidths=0, rasterized=True)
        axes.scatter([], [], s=12, color=_QUIET, label=f"{kind}s of the table")  # a legend needs larger dots
    _scatter_phases(axes, queries, at.tolist(), labels.tolist())
    best = int((objective.sign * labels).argmax())
    if np.isfinite(at[best]):
        axes.scatter(
            at[best], labels[best], s=200, marker="*", facecolors="none", edgecolors=_BEST, linewidths=1.6, zorder=4,
            clip_on=False, label=f"best {name_in_words(objective)} measured",
        )  # fmt: skip
    cost_metric = known_metric(metric)
    for bound in bounds:
        sign = {"<=": "≤", ">=": "≥"}.get(bound.operator, bound.operator)
        limit = f"{name_in_words(cost_metric)} {sign} {value_in_words(bound.bound, cost_metric, 'g')}"
        axes.axvline(bound.bound, color=_BOUND, linewidth=1.5, label=f"{limit} (infeasible: shaded)")
        refused = (bound.bound, right) if bound.operator in ("<=", "<") else (left, bound.bound)
        axes.axvspan(*refused, color=_BOUND, alpha=0.08, linewidth=0)
    axes.set_xlim(left, right)
    axes.set_xlabel(heading(cost_metric))
    axes.set_ylabel(heading(objective))
    blank = f"of the table without a known {name_in_words(cost_metric)} or {name_in_words(objective)}"
    _finish(
        figure, axes, ledger, f"{_capitalised(name_in_words(objective))} against {name_in_words(cost_metric)}",
        outside(axes, at, labels, "query", "queries")
        + outside(axes, cost, truth, f"{kind} of the table", f"{kind}s of the table")
        + counted(n_blank, f"{kind} {blank}", f"{kind}s {blank}")
        + counted(len(ledger.queries) - len(queries), "failed query", "failed queries"),
    )  # fmt: skip
    return figure


def _objective(ledger: Ledger) -> Metric:
    """The metric of the labels; ledgers of earlier releases do not name it."""
    fields = ledger.header["config"].get("objective")
    return known_metric(LABEL) if fields is None else Metric.from_dict(fields)


def _kind(benchmark: Benchmark) -> str:
    from nassurrogate.spaces import CellSpace

    return "cell" if isinstance(benchmark.space, CellSpace) else "architecture"


def _form(objective: Metric) -> str:
    return ".2f" if objective.is_percent else ".5g"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- what all plots share --------------------------------------------------------------------------------------------


def _canvas() -> tuple[Figure, Axes]:
    # Figure with its own Agg canvas: pyplot would keep state and might open a window.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.grid(visible=True, color="#EEEEEE", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _finish(figure: Figure, axes: Axes, ledger: Ledger, title: str, not_shown: Sequence[str]) -> None:
    """Add the title, lines on the run and on what is not shown, and a legend outside the axes."""
    asked = ledger.header["config"]
    marked = " (ORACLE: an upper bound)" if asked["oracle"] else ""
    about = f"{asked['space']}/{asked['dataset']} · {asked['searcher']} · {asked['predictor']} · seed {asked['seed']}"
    texts = [about, *([f"not shown: {', '.join(not_shown)}"] if not_shown else [])]
    lines = [line for text in texts for line in _wrapped(text, _LINE_LENGTH)]
    axes.annotate(
        "\n".join(lines), (0, 1), xytext=(0, 5), xycoords="axes fraction", textcoords="offset points", va="bottom",
        fontsize=_SMALL, color=_DARK, linespacing=1.2,
    )  # fmt: skip
    heading = "\n".join(_wrapped(f"{title}{marked}", _TITLE_LENGTH))
    axes.set_title(heading, loc="left", pad=9 + 1.3 * _SMALL * len(lines), fontsize=11, fontweight="bold")
    axes.set_xlabel("\n".join(_wrapped(axes.get_xlabel(), _LABEL_LENGTH)))
    axes.set_ylabel("\n".join(_wrapped(axes.get_ylabel(), _LABEL_LENGTH)))
    handles, labels = axes.get_legend_handles_labels()
    labels = ["\n".join(_wrapped(label, _LEGEND_LENGTH)) for label in labels]
    columns = _columns([max(map(len, label.split("\n"))) for label in labels])
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8, frameon=False)


def _columns(lengths: Sequence[int]) -> int:
    """How many columns a legend with entries of these lengths may have; entries fill one column after the other."""
    for columns in (3, 2):
        parts = np.array_split(np.array(lengths), columns)
        if sum(part.max(initial=0) + _MARKER_LENGTH for part in parts) <= _LEGEND_LENGTH:
            return columns
    return 1


def _wrapped(text: str, length: int) -> list[str]:
    """Lines that fit. A dollar sign in a name must not start a formula."""
    return [line.replace("$", r"\$") for line in textwrap.wrap(text, length)]


def _scatter_phases(axes: Axes, queries: Sequence[Query], x: Sequence[float], y: Sequence[float]) -> None:
    """Draw the queries inside the axes' limits, with whole markers; the legend lists the phases that have any."""
    shown = in_view(axes, x, y)
    for phase in PHASES:
        at = [place for place, query in enumerate(queries) if query.phase == phase and shown[place]]
        if at:
            axes.scatter(
                [x[i] for i in at], [y[i] for i in at], s=18, color=_COLOURS[phase], marker=_MARKERS[phase],
                label=PHASE_WORDS[phase], zorder=3, clip_on=False,
            )  # fmt: skip


def _whole_ticks(axes: Axes, last: int) -> None:
    from matplotlib.ticker import MaxNLocator

    margin = max(0.5, 0.02 * last)
    axes.set_xlim(1 - margin, last + margin)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.set_xticks([tick for tick in axes.get_xticks() if 1 <= tick <= last])


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=_DPI))


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or one_line(error)
