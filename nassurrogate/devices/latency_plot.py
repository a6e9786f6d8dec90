"""A picture of where the time of networks goes: along each network, and by kind of operator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nassurrogate.devices.latency_prediction import KernelTime, PredictedLatency
from nassurrogate.errors import InputError, one_line, printable
from nassurrogate.files.atomic_file import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS: Final = 24
_ROLES: Final = {
    "convolution": "#0072B2",
    "depthwise convolution": "#56B4E9",
    "matrix product": "#D55E00",
    "pool": "#009E73",
    "elementwise": "#E69F00",
    "data movement": "#CC79A7",
    "unknown": "#555555",
}
"""Okabe and Ito's colours, distinguishable by the colour-blind."""
_ON_IMAGES = ("convolution", "depthwise convolution", "pool")
_MOST_BARS = 8
_WITH_GAPS = 150
"""Networks of more kernels are drawn without gaps between them, which would cover them."""
_LEAST_WIDTH = 0.085
"""A stage narrower than this share of the axis has no label."""
_DARK_GREY = "#555555"
_PANEL_INCHES = (6.6, 3.5)
_DPI = 150


def check_panels(n: int) -> None:
    """Raise `InputError` if there are more predictions than a picture can show."""
    if n > MOST_PANELS:
        raise InputError(
            f"a plot shows at most {MOST_PANELS} predictions, got {n}: one for each model and device; give fewer"
        )


def draw_breakdown(predictions: Sequence[PredictedLatency], titles: Sequence[str], path: Path, kind: str) -> Path:
    """Write the picture, completely or not at all.

    Args:
        predictions: with kernels, at most `MOST_PANELS` of them.
        titles: one for each.
        path: an existing file is replaced.
        kind: png, svg or pdf.

    Raises `InputError` for too many predictions, and if it cannot be drawn or written.
    """
    check_panels(len(predictions))
    try:
        figure = _figure(predictions, titles)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: figure.savefig(file, format=kind, dpi=_DPI))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    except Exception as error:  # the drawing library may raise anything
        raise InputError(f"cannot draw {path} ({one_line(error)})") from error
    return path


def _figure(predictions: Sequence[PredictedLatency], titles: Sequence[str]) -> Figure:
    # Figure with its own Agg canvas: pyplot would keep state and might open a window.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    columns = 1 if len(predictions) == 1 else 2
    rows = -(-len(predictions) // columns)
    width = _PANEL_INCHES[0] * (1.25 if columns == 1 else columns)
    figure = Figure(figsize=(width, _PANEL_INCHES[1] * rows + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subfigures(rows, columns, squeeze=False, wspace=0.03, hspace=0.04)
    for panel, prediction, title in zip(panels.flat, predictions, titles, strict=False):
        strip, bars = panel.subplots(2, 1, height_ratios=(1, 4.5))
        _draw_strip(strip, prediction)
        _draw_bars(bars, prediction)
        about = (
            f"{_number(prediction.latency_ms)} ms, 90 % interval {_number(prediction.low_ms)} to "
            f"{_number(prediction.high_ms)} ms; {len(prediction.kernels)} operators after fusion"
        )
        panel.suptitle(_plain(f"{_shortened(title, 70)}\n{about}"), x=0.02, ha="left", fontsize=9.5)
    roles = {kernel.role for prediction in predictions for kernel in prediction.kernels}
    patches = [Patch(color=colour, label=role) for role, colour in _ROLES.items() if role in roles]
    if any(kernel.is_unknown or kernel.is_beyond for each in predictions for kernel in each.kernels):
        patches.append(Patch(facecolor="white", edgecolor=_DARK_GREY, hatch="/////", label="unlike the training data"))
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), fontsize=8, frameon=False)
    return figure


def _draw_strip(axes: Axes, prediction: PredictedLatency) -> None:
    """All kernels in the network's order, as wide as they take long, with the resolution of each stage below."""
    kernels = prediction.kernels
    gap = 0.4 if len(kernels) <= _WITH_GAPS else 0.0
    start, spans = 0.0, []
    for kernel in kernels:
        spans.append((start, kernel.latency_ms))
        start += kernel.latency_ms
    colours = [_ROLES.get(kernel.role, _DARK_GREY) for kernel in kernels]
    axes.broken_barh(spans, (0, 1), facecolors=colours, edgecolors="white", linewidth=gap)
    strange = [span for span, each in zip(spans, kernels, strict=True) if each.is_unknown or each.is_beyond]
    if strange:
        axes.broken_barh(strange, (0, 1), facecolors="none", edgecolors="white", hatch="/////", linewidth=0.0)
    total = max(start, 1e-12)
    for label, begin, end in _stages(kernels):
        axes.plot([begin, begin], [-0.35, 0], color=_DARK_GREY, linewidth=0.7, clip_on=False)
        if (end - begin) / total >= _LEAST_WIDTH:
            axes.text((begin + end) / 2, -0.15, label, ha="center", va="top", fontsize=7, color=_DARK_GREY)
    axes.set_xlim(0, total)
    axes.set_ylim(-0.75, 1)
    axes.set_yticks([])
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    axes.set_ylabel("along the\nnetwork", rotation=0, ha="right", va="center", fontsize=8)


def _stages(kernels: Sequence[KernelTime]) -> list[tuple[str, float, float]]:
    """Runs of kernels of one resolution: the label, and where they begin and end on the axis of time.

    Outputs of one pixel, as in squeeze-and-excitation, and those that are no images belong to the stage around them.
    """
    found: list[tuple[str, float, float]] = []
    at = 0.0
    for kernel in kernels:
        end = at + kernel.latency_ms
        size = kernel.shape[2:] if len(kernel.shape) > 3 and kernel.role in _ON_IMAGES else ()
        label = "x".join(map(str, size)) if size and max(size) > 1 else ""
        if found and label in ("", found[-1][0]):
            found[-1] = (found[-1][0], found[-1][1], end)
        elif label or not found:
            found.append((label, at, end))
        at = end
    return found


def _draw_bars(axes: Axes, prediction: PredictedLatency) -> None:
    """The time of each kind of kernel, the largest on top; small ones in one bar."""
    kinds = prediction.by_kind()
    shown, rest = kinds[:_MOST_BARS], kinds[_MOST_BARS:]
    bars = [(f"{row.n_kernels} × {row.kind}", row.latency_ms, _ROLES.get(row.role, _DARK_GREY)) for row in shown]
    if rest:
        count = sum(row.n_kernels for row in rest)
        bars.append((f"{count} of {len(rest)} other kinds", sum(row.latency_ms for row in rest), "#BBBBBB"))
    names, times, colours = zip(*bars, strict=True)
    places = range(len(bars))
    axes.barh(places, times, color=colours, height=0.72)
    longest, total = max(times), max(sum(times), 1e-12)
    for place, time in zip(places, times, strict=True):
        share = 100 * time / total
        text = f" {_number(time)} ms, {f'{share:.1f}' if share >= 0.05 else '<0.1'} %"
        axes.text(time, place, text, va="center", fontsize=7.5, color=_DARK_GREY)
    axes.set_yticks(places, [_plain(_shortened(name, 34)) for name in names], fontsize=8)
    axes.set_ylim(max(len(bars), 4) - 0.4, -0.6)
    axes.set_xlim(0, 1.28 * max(longest, 1e-12))
    axes.set_xlabel("predicted ms", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-(most // 2) :]}"


def _plain(text: str) -> str:
    """Text that can be drawn as it is: no bytes that are no text, and no dollar signs, which would start a formula."""
    return printable(text, keep="\n").replace("$", r"\$")
