"""Kendall's τ against the number of labels: our rows, the label reference, and published figures in grey."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from nassurrogate.atomic_file import write_atomically
from nassurrogate.benchmarks.evaluation.published import PublishedRow, published_rows
from nassurrogate.errors import InputError, unknown_choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nassurrogate.benchmarks.evaluation.report import ProtocolResult

FORMATS = ("png", "svg", "pdf")
# Okabe and Ito's colours, which the colour-blind tell apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_GREY, _DARK_GREY = "#B0B0B0", "#777777"
_DPI = 150
_LINE_OF_TEXT = 0.016
"""The height of a line of small text, in units of τ."""


def plot_format(path: Path) -> str:
    """The format that a plot's name asks for. Raises `InputError` for one that is not drawn.

    >>> plot_format(Path("tau.SVG"))
    'svg'
    """
    ending = path.suffix.removeprefix(".").lower()
    if ending not in FORMATS:
        raise unknown_choice("ending", ending, FORMATS, place=f" of the plot {str(path)!r}")
    return ending


def draw_tau(evaluation: ProtocolResult, path: Path) -> Path:
    """Write the plot, whole or not at all. Raises `InputError` where that fails."""
    kind = plot_format(path)
    figure = tau_against_labels(evaluation)
    try:
        write_atomically(path, lambda file: figure.savefig(file, format=kind, dpi=_DPI))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def tau_against_labels(evaluation: ProtocolResult) -> Figure:
    """Mean τ with the standard deviation over the splits as bars, labels on a logarithmic axis."""
    # Figure with its own Agg canvas: pyplot would keep state and might open a window.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    protocol = evaluation.protocol
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw_published(axes, protocol.id)
    styles = zip(cycle(_COLOURS), cycle(_MARKERS), strict=False)
    for name, (colour, marker) in zip(dict.fromkeys(row.predictor for row in evaluation.rows), styles, strict=False):
        rows = sorted((row for row in evaluation.rows if row.predictor == name), key=lambda row: row.labels)
        drawn = [row for row in rows if row.kendall_tau_mean is not None]
        axes.errorbar(
            [row.labels for row in drawn], [row.kendall_tau_mean or 0.0 for row in drawn],
            yerr=[row.kendall_tau_std or 0.0 for row in drawn],
            color=colour, marker=marker, markersize=5, linewidth=1.8, capsize=3, label=name, zorder=3,
        )  # fmt: skip
    if evaluation.reference_tau is not None:
        told = f"the labels themselves, {evaluation.reference_tau:.3f}"
        axes.axhline(evaluation.reference_tau, color="black", linestyle="--", linewidth=1.1, label=told)
    sizes = sorted({row.labels for row in evaluation.rows} | {row.labels for row in published_rows(protocol.id)})
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("labels")
    axes.set_ylabel("Kendall's τ")
    leaky = " (LEAKY)" if protocol.leaky else ""
    axes.set_title(f"Protocol {protocol.id}{leaky}", loc="left", fontsize=11, fontweight="bold")
    splits = evaluation.rows[0].splits
    about = f"{protocol.space}/{evaluation.dataset} · {splits} splits · bars: standard deviation"
    axes.set_title(about, loc="right", fontsize=7, color="#555555")
    axes.grid(visible=True, color="#EEEEEE", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", fontsize=8, framealpha=0.9)
    return figure


def draw_published(axes: Axes, protocol: str) -> None:
    """Grey, on splits of their own; hollow where a figure is recalled rather than verified."""
    published = published_rows(protocol)
    for method in dict.fromkeys(row.method for row in published):
        rows = [row for row in published if row.method == method]
        axes.plot([row.labels for row in rows], [row.kendall_tau for row in rows], color=_GREY, linewidth=0.9, zorder=1)
        for row in rows:
            face = "white" if row.recalled else _GREY
            axes.plot(row.labels, row.kendall_tau, "o", markersize=3.5, color=_GREY, markerfacecolor=face, zorder=2)
    _name_at_the_end(axes, published)
    if published:
        axes.plot([], [], "o-", color=_GREY, markersize=3.5, linewidth=0.9, label="published, on splits of their own")
    if any(row.recalled for row in published):
        axes.plot(
            [], [], "o", color=_GREY, markersize=3.5, markerfacecolor="white", label="[r]: recalled, not verified"
        )


def _name_at_the_end(axes: Axes, published: Sequence[PublishedRow]) -> None:
    """Every method's name right of its last point, moved down where it would cover another."""
    ends = {row.method: row for row in published}  # the last row of each
    lowest: dict[int, float] = {}
    for last in sorted(ends.values(), key=lambda row: -row.kendall_tau):
        height = lowest[last.labels] = min(last.kendall_tau, lowest.get(last.labels, math.inf) - _LINE_OF_TEXT)
        note = f" ({last.note})" if last.note else ""
        axes.annotate(
            f"{last.method}{note}{' [r]' if last.recalled else ''}", (last.labels, height), xytext=(5, 0),
            textcoords="offset points", fontsize=6, color=_DARK_GREY, va="center", annotation_clip=False,
        )  # fmt: skip
