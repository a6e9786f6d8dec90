"""Kendall's τ against the number of labels: our rows, the label reference, and published figures in grey."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import cycle
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING

from nassurrogate.benchmarks.evaluation.published import PublishedRow, published_rows
from nassurrogate.errors import InputError, one_line, unknown_choice
from nassurrogate.files.atomic_file import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nassurrogate.benchmarks.evaluation.report import ProtocolResult

FORMATS = ("png", "svg", "pdf")
# Okabe and Ito's colours, distinguishable by the colour-blind.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_LINES = ("-", "--", "-.", ":")
"""Used in turn when there are more predictors than colours."""
_GREY, _DARK_GREY = "#B0B0B0", "#777777"
_DPI = 150
_NAME_SIZE = 6.0
"""Font size of the published methods' names, in points."""
_BELOW_AXES = 36.0
"""Height of the tick labels and the axis label, in points."""


def plot_format(path: Path) -> str:
    """The format that a plot's file name ends with. Raises `InputError` for an unknown one.

    >>> plot_format(Path("tau.SVG"))
    'svg'
    """
    ending = path.suffix.removeprefix(".").lower()
    if ending not in FORMATS:
        raise unknown_choice("ending", ending, FORMATS, place=f" of the plot {str(path)!r}")
    return ending


def draw_tau(evaluation: ProtocolResult, path: Path) -> Path:
    """Write the plot, completely or not at all. Raises `InputError` if that fails."""
    kind = plot_format(path)
    try:
        figure = tau_against_labels(evaluation)
        write_atomically(path, lambda file: figure.savefig(file, format=kind, dpi=_DPI))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    except Exception as error:  # the drawing library may raise anything
        raise InputError(f"cannot draw {path} ({one_line(error)})") from error
    return path


def tau_against_labels(evaluation: ProtocolResult) -> Figure:
    """Mean τ with the standard deviation over the splits as bars, labels on a logarithmic axis."""
    # Figure with its own Agg canvas: pyplot would keep state and might open a window.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.transforms import ScaledTranslation

    protocol = evaluation.protocol
    figure = Figure(figsize=(7.5, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw_published(axes, protocol.id)
    names = dict.fromkeys(row.predictor for row in evaluation.rows)
    left_out = []
    for place, (name, colour, marker) in enumerate(zip(names, cycle(_COLOURS), cycle(_MARKERS), strict=False)):
        rows = sorted((row for row in evaluation.rows if row.predictor == name), key=lambda row: row.labels)
        drawn = [row for row in rows if row.kendall_tau_mean is not None]
        left_out += [f"{name} at {row.labels} labels" for row in rows if row.kendall_tau_mean is None]
        axes.errorbar(
            [row.labels for row in drawn], [row.kendall_tau_mean or 0.0 for row in drawn],
            yerr=[row.kendall_tau_std or 0.0 for row in drawn],
            color=colour, marker=marker, markersize=5, linewidth=1.8, linestyle=_LINES[place // len(_COLOURS) % 4],
            capsize=3, label=name, zorder=3,
        )  # fmt: skip
    splits = evaluation.rows[0].splits
    if any(row.kendall_tau_std is not None for row in evaluation.rows):
        explain_bars(axes, f"± 1 std over {splits} splits")
    if evaluation.reference_tau is not None:
        label = f"the labels themselves, {evaluation.reference_tau:.3f}"
        axes.axhline(evaluation.reference_tau, color="black", linestyle="--", linewidth=1.1, label=label)
    set_label_ticks(
        axes, sorted({row.labels for row in evaluation.rows} | {row.labels for row in published_rows(protocol.id)})
    )
    axes.set_xlabel("labels (evaluated architectures to learn from)")
    axes.set_ylabel("Kendall's τ")
    about = [f"{protocol.space}/{evaluation.dataset} · {splits} split{'s' if splits > 1 else ''}"]
    if left_out:
        about.append(f"not shown, as τ is undefined: {', '.join(left_out)}")
    _set_titles(axes, f"Protocol {protocol.id}{' (LEAKY)' if protocol.leaky else ''}", about)
    axes.grid(visible=True, color="#EEEEEE", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    # Below the axes and their labels, where it covers no point.
    below = axes.transAxes + ScaledTranslation(0, -_BELOW_AXES / 72, figure.dpi_scale_trans)
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, ncols=3, fontsize=8, frameon=False
    )  # fmt: skip
    name_published(axes, protocol.id)
    return figure


def _set_titles(axes: Axes, title: str, about: Sequence[str]) -> None:
    """The title, and smaller lines below it."""
    lines = [line.replace("$", r"\$") for text in about for line in textwrap.wrap(text, 100)]
    axes.annotate(
        "\n".join(lines), (0, 1), xytext=(0, 5), xycoords="axes fraction", textcoords="offset points", va="bottom",
        fontsize=7.5, color="#555555", linespacing=1.2,
    )  # fmt: skip
    axes.set_title(title, loc="left", pad=9 + 9.8 * len(lines), fontsize=11, fontweight="bold")


def explain_bars(axes: Axes, text: str) -> None:
    """Add a legend entry that explains the error bars."""
    axes.errorbar([], [], yerr=[], fmt="none", ecolor=_DARK_GREY, capsize=3, label=text)


def set_label_ticks(axes: Axes, sizes: Sequence[int]) -> None:
    """Ticks at these numbers of labels on a logarithmic axis; a number too close to the one before is not printed."""
    axes.set_xscale("log")
    width = log10(sizes[-1] / sizes[0]) or 1.0
    printed, texts = -1.0, []
    for size in sizes:
        at = log10(size / sizes[0]) / width
        shown = printed < 0 or at - printed > _TICK_GAP
        printed = at if shown else printed
        texts.append(str(size) if shown else "")
    axes.set_xticks(sizes, texts)
    axes.minorticks_off()
    if len(sizes) == 1:
        axes.set_xlim(sizes[0] / 1.5, sizes[0] * 1.5)


_TICK_GAP = 0.06
"""Share of the axis that a tick's number takes."""


def draw_published(axes: Axes, protocol: str) -> None:
    """Draw published results in grey; hollow markers are recalled rather than verified. See `name_published`."""
    published = published_rows(protocol)
    last_size = max((row.labels for row in published), default=0)
    for method in dict.fromkeys(row.method for row in published):
        rows = [row for row in published if row.method == method]
        axes.plot([row.labels for row in rows], [row.kendall_tau for row in rows], color=_GREY, linewidth=0.9, zorder=1)
        # A curve that ends early has no room for its name beside it: the legend names it.
        ends_early = rows[-1].labels < last_size
        marker, size = ("*", 8.0) if ends_early else ("o", 3.5)
        for row in rows:
            face = "white" if row.recalled else _GREY
            axes.plot(
                row.labels, row.kendall_tau, marker, markersize=size, color=_GREY, markerfacecolor=face,
                zorder=5 if ends_early else 2,
            )  # fmt: skip
        if ends_early:
            axes.plot([], [], marker, color=_GREY, markersize=size, label=f"published: {_titled(rows[-1])}")
    if published:
        axes.plot([], [], "o-", color=_GREY, markersize=3.5, linewidth=0.9, label="published, on splits of their own")
    if any(row.recalled for row in published):
        axes.plot(
            [], [], "o", color=_GREY, markersize=3.5, markerfacecolor="white", label="[r]: recalled, not verified"
        )


def name_published(axes: Axes, protocol: str) -> None:
    """Write each published method's name right of the axes, level with its last point, without overlaps.

    Call it last: it fixes the limits of the axes.
    """
    from matplotlib.figure import Figure

    published = published_rows(protocol)
    last_size = max((row.labels for row in published), default=0)
    ends = {row.method: row for row in published if row.labels == last_size}
    if not ends:
        return
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    figure = axes.figure
    assert isinstance(figure, Figure)
    figure.draw_without_rendering()  # computes the layout, which gives the height
    line = 1.25 * _NAME_SIZE / 72 * figure.dpi / axes.get_window_extent().height * (high - low)
    recalled = {row.method for row in published if row.recalled}  # any point of the curve
    wanted = sorted(ends.values(), key=lambda row: row.kendall_tau)
    for row, height in zip(wanted, _apart([row.kendall_tau for row in wanted], line), strict=True):
        axes.annotate(
            f"{_titled(row)}{' [r]' if row.method in recalled else ''}", (1.0, height), xytext=(6, 0),
            xycoords=axes.get_yaxis_transform(), textcoords="offset points", fontsize=_NAME_SIZE, color=_DARK_GREY,
            va="center", annotation_clip=False,
        )  # fmt: skip


def _titled(row: PublishedRow) -> str:
    return f"{row.method} ({row.note})" if row.note else row.method


def _apart(heights: Sequence[float], least: float) -> list[float]:
    """Ascending heights, moved until neighbours are `least` apart; groups stay centred.

    >>> _apart([1.0, 5.0, 5.0], 2.0)
    [1.0, 4.0, 6.0]
    """
    groups: list[list[float]] = []
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and _placed(groups[-1], least)[0] - _placed(groups[-2], least)[-1] < least:
            upper = groups.pop()
            groups[-1] += upper
    return [place for group in groups for place in _placed(group, least)]


def _placed(group: Sequence[float], least: float) -> list[float]:
    first = sum(group) / len(group) - least * (len(group) - 1) / 2
    return [first + least * place for place in range(len(group))]
