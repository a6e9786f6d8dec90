"""The curves of a comparison as a picture."""

from __future__ import annotations

import textwrap
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from nassurrogate.display.metric_words import heading, name_in_words, with_unit
from nassurrogate.errors import InputError, one_line, unknown_choice
from nassurrogate.files.atomic_file import write_atomically
from nassurrogate.search.record.comparison.comparing import Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FORMATS = ("png", "svg", "pdf")
# Okabe and Ito's colours, which the colour-blind tell apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_LINES = ("-", "--", "-.", ":")
_DPI = 150
_LEAST_REGRET_PCT = 0.02
"""Regrets in points up to this one share the linear part of the axis."""
_LEGEND_LENGTH = 90


def plot_format(path: Path) -> str:
    """The format that a plot's file name ends with. Raises `InputError` for an unknown one.

    >>> plot_format(Path("runs.SVG"))
    'svg'
    """
    ending = path.suffix.removeprefix(".").lower()
    if ending not in _FORMATS:
        raise unknown_choice("ending", ending, _FORMATS, place=f" of the plot {str(path)!r}")
    return ending


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Draw the curves into a PNG, SVG or PDF file, completely or not at all. Raises `InputError` if that fails."""
    kind = plot_format(path)
    try:
        figure = curves_figure(comparison)
        write_atomically(path, lambda file: figure.savefig(file, format=kind, dpi=_DPI))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    except Exception as error:  # the drawing library may raise anything
        raise InputError(f"cannot draw {path} ({one_line(error)})") from error


def curves_figure(comparison: Comparison) -> Figure:
    """The mean of every group against the number of queries, with its interval over seeds as a band."""
    # Figure with its own Agg canvas: pyplot would keep state and might open a window.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    objective = comparison.objective
    figure = Figure(figsize=(7.0, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.grid(visible=True, color="#EEEEEE", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    styles = ((colour, line) for line in cycle(_LINES) for colour in _COLOURS)
    for each, (colour, line) in zip(comparison.groups, styles, strict=False):
        known = [(number, interval) for number, interval in enumerate(each.curve, start=1) if interval is not None]
        numbers, means = [number for number, _ in known], [interval.mean for _, interval in known]
        seeds = f"{each.best.n} seed{'s' if each.best.n > 1 else ''}"
        label = "\n".join(textwrap.wrap(f"{each.group.name} ({seeds})", _LEGEND_LENGTH)).replace("$", r"\$")
        axes.step(numbers, means, where="post", color=colour, linestyle=line, linewidth=1.8, label=label)
        halves = [interval.half for _, interval in known]
        if halves and None not in halves:
            low = [mean - (half or 0.0) for mean, half in zip(means, halves, strict=True)]
            high = [mean + (half or 0.0) for mean, half in zip(means, halves, strict=True)]
            if comparison.shows_regret:
                low = [max(0.0, end) for end in low]
            axes.fill_between(numbers, low, high, step="post", color=colour, alpha=0.15, linewidth=0)
    if comparison.shows_regret:
        axes.set_yscale("asinh", linear_width=_LEAST_REGRET_PCT if objective.is_percent else 1e-3)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.set_ylim(bottom=0)
        axes.set_ylabel(with_unit("regret", objective).replace("(%)", "(points)"))
    else:
        axes.set_ylabel(f"{heading(objective)}, best so far")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.set_xlabel("queries")
    what = "Regret" if comparison.shows_regret else f"Best {name_in_words(objective)} so far"
    title = f"{what} on {comparison.name}".replace("$", r"\$")
    axes.set_title("\n".join(textwrap.wrap(title, 62)), loc="left", fontsize=11, fontweight="bold", pad=18)
    band = "bands: 95 % confidence intervals of the mean over seeds"
    axes.annotate(
        band, (0, 1), xytext=(0, 4), xycoords="axes fraction", textcoords="offset points", va="bottom", fontsize=7.5,
        color="#555555",
    )  # fmt: skip
    figure.legend(loc="outside lower center", ncols=1, fontsize=8, frameon=False)
    return figure
