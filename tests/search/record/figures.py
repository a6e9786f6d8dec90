"""What the tests of plots read off a figure."""

from __future__ import annotations

import numpy as np

from nassurrogate.search import read_ledger
from nassurrogate.search.record.plots import accuracy_vs_cost, best_so_far, predicted_vs_true
from nassurrogate.search.record.report import PHASE_WORDS


def train(arch):
    if arch.choices["width"] == 4:
        raise MemoryError("full")
    return 90 + arch.choices["width"] / 10


def all_figures(folder, benchmark):
    ledger = read_ledger(folder)
    yield best_so_far(ledger, benchmark)
    if any(query.predicted_mean is not None and query.label is not None for query in ledger.queries):
        yield predicted_vs_true(ledger)
    for metric in ("latency_ms", "params_m"):
        if metric in benchmark.free_metrics():
            yield accuracy_vs_cost(ledger, benchmark, metric)


def texts_of(figure):
    """The boxes, in pixels, of all that is written on a figure."""
    (axes,) = figure.axes
    (legend,) = figure.legends
    figure.canvas.draw()
    written = [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label, *axes.texts, *legend.get_texts()]
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        written += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [(text.get_text(), text.get_window_extent()) for text in written if text.get_text()]


def subtitle(figure):
    return figure.axes[0].texts[0].get_text()


def dots_of(figure):
    """(n, 2) the queries that are drawn."""
    drawn = [dots for dots in figure.axes[0].collections if dots.get_label() in PHASE_WORDS.values()]
    return np.concatenate([np.empty((0, 2)), *(np.asarray(dots.get_offsets()) for dots in drawn)])


def n_hidden(figure):
    """How many queries lie outside the axes, by the words above them."""
    counted = subtitle(figure).replace("\n", " ").partition("not shown: ")[2].split(", ")
    return sum(int(part.split()[0]) for part in counted if part
               and part.split()[1].startswith("quer") and part.split()[2] in ("below", "above", "further"))  # fmt: skip


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def all_figures_of_three(ledger, bench):
    figures = best_so_far(ledger, bench), predicted_vs_true(ledger), accuracy_vs_cost(ledger, bench, "params_m")
    return [figure.axes[0] for figure in figures]
