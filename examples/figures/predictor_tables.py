"""Markdown tables and a figure of stored splits, as the documentation shows them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stored_splits import Key, Line, by_row

from nassurrogate.benchmarks.experiments import markdown_table, mean_and_std

Splits = Mapping[int, Line]
Rows = Mapping[Key, Splits]
TAU = "kendall_tau"
COVERAGE = "coverage90"
PAIRED_NOTE = "Mean ± standard deviation of the differences on the same splits, and in how many it is ahead."
DATASETS = ("cifar10", "cifar100", "ImageNet16-120")

# Okabe and Ito's colours, distinguishable by the colour-blind, then four more.
_COLOURS = (
    "#D55E00",
    "#0072B2",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#7F3C8D",
    "#8C6D31",
    "#A8A800",
    "#004D40",
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "h", "d", "<")


def report(lines: Sequence[Line], lead: str) -> str:
    """All tables: τ by protocol and data set, the leaders, the lead against its best peer, intervals, seconds."""
    rows = by_row(lines)
    if not rows:
        return "nothing is stored yet"
    shown = settings(rows)
    tau = [f"### {of[0]} on {of[1]}\n\n{about(rows, *of)}\n\n{tau_table(rows, *of)}" for of in shown]
    with_intervals = [of for of in shown if any(_means(rows, *of, size, COVERAGE) for size in _sizes(rows, *of))]
    intervals = [f"{of[0]} on {of[1]}:\n\n{tau_table(rows, *of, field=COVERAGE, bold=False)}" for of in with_intervals]
    return "\n\n".join(
        [
            *tau,
            f"### Who leads\n\n{leaders_table(rows)}",
            f"### {lead} less its best peer\n\n{PAIRED_NOTE}\n\n{paired_table(rows, lead)}",
            "### Share of the targets in the 90 % interval",
            *intervals,
            f"### Seconds of a fit on one thread, median\n\n{seconds_table(rows)}",
        ]
    )


def settings(rows: Rows) -> list[tuple[str, str]]:
    """(protocol, data set) of the stored rows: by protocol, then in the order of `DATASETS`."""
    found = {(protocol, dataset) for dataset, protocol, _, _ in rows}
    return sorted(found, key=lambda pair: (pair[0], DATASETS.index(pair[1])))


def about(rows: Rows, protocol: str, dataset: str) -> str:
    """What the protocol compares, the number of splits, and the τ of the labels themselves."""
    from nassurrogate.benchmarks.evaluation.protocols import get_protocol

    most = max(len(splits) for key, splits in rows.items() if (key[1], key[0]) == (protocol, dataset))
    text = f"Protocol {protocol}: {get_protocol(protocol).summary}; mean ± standard deviation of {most} splits."
    reference = _first(rows, protocol, dataset, "reference_tau_all")
    if reference is None:
        return text
    classes = _first(rows, protocol, dataset, "reference_tau_classes")
    return f"{text} The labels themselves: {reference:.3f}, averaged over cells that compute the same {classes:.3f}."


def tau_table(
    rows: Rows, protocol: str, dataset: str, *, field: str = TAU, names: Sequence[str] | None = None, bold: bool = True
) -> str:
    """A line per predictor, a column per number of labels: mean ± standard deviation.

    Args:
        field: what is averaged.
        names: which predictors; None: all, those with the best τ first.
        bold: whether the highest mean is in bold.
    """
    sizes = _sizes(rows, protocol, dataset)
    best = {size: max(means.values()) for size in sizes if (means := _means(rows, protocol, dataset, size, field))}
    most = max(len(splits) for key, splits in rows.items() if (key[1], key[0]) == (protocol, dataset))
    body = []
    for name in names if names is not None else _predictors(rows, protocol, dataset):
        cells = [name]
        for size in sizes:
            values = _values(rows.get((dataset, protocol, name, size), {}), field)
            text = mean_and_std(values, 3) + (f" ({len(values)})" if 0 < len(values) < most else "")
            first = bold and values and statistics.fmean(values) == best[size]
            cells.append(f"**{text}**" if first else text)
        body.append(cells)
    return markdown_table(["predictor", *map(str, sizes)], body)


def leaders_table(rows: Rows) -> str:
    """A line per protocol and data set, a column per number of labels: the predictor with the highest mean τ."""
    sizes = sorted({size for *_, size in rows})
    body = []
    for protocol, dataset in settings(rows):
        cells = [f"{protocol} {dataset}"]
        for size in sizes:
            means = _means(rows, protocol, dataset, size)
            cells.append(max(means, key=means.__getitem__) if means else "-")
        body.append(cells)
    return markdown_table(["", *map(str, sizes)], body)


def paired_table(rows: Rows, lead: str) -> str:
    """As `leaders_table`: the lead's τ minus that of the peer with the highest mean, over the splits that both have."""
    sizes = sorted({size for *_, size in rows})
    body = []
    for protocol, dataset in settings(rows):
        cells = [f"{protocol} {dataset}"]
        for size in sizes:
            means = _means(rows, protocol, dataset, size)
            peers = {name: mean for name, mean in means.items() if name != lead}
            if lead not in means or not peers:
                cells.append("-")
                continue
            peer = max(peers, key=peers.__getitem__)
            difference = paired(rows[dataset, protocol, lead, size], rows[dataset, protocol, peer, size])
            cells.append(f"{difference} ({peer})")
        body.append(cells)
    return markdown_table(["", *map(str, sizes)], body)


def paired(ours: Splits, theirs: Splits, field: str = TAU) -> str:
    """Mean ± standard deviation of ours minus theirs over the splits that both have, and in how many ours is ahead."""
    differences = [ours[split][field] - theirs[split][field] for split in sorted(ours.keys() & theirs.keys())]
    ahead = sum(difference > 0 for difference in differences)
    return f"{mean_and_std(differences, 3, sign='+')}, {ahead}/{len(differences)}" if differences else "-"


def seconds_table(rows: Rows) -> str:
    """A line per predictor, a column per number of labels: median seconds over all data sets and splits."""
    sizes = sorted({size for *_, size in rows})
    body = []
    for name in dict.fromkeys(name for _, _, name, _ in rows):
        cells = [name]
        for size in sizes:
            here = [line for key, splits in rows.items() if key[2:] == (name, size) for line in splits.values()]
            cells.append(f"{statistics.median(line['fit_s'] for line in here):.1f}" if here else "-")
        body.append(cells)
    return markdown_table(["predictor", *map(str, sizes)], body)


def draw(lines: Sequence[Line], path: Path, lead: str) -> None:
    """Write the `picture`."""
    picture(lines, lead).savefig(path, dpi=130)


def picture(lines: Sequence[Line], lead: str, protocols: Sequence[str] = ("A1", "A2", "A4")) -> Any:
    """τ against labels, a panel per protocol and data set; the lead's line is thick, published rows are grey."""
    # Figure with its own Agg canvas: pyplot would keep state and might open a window.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from nassurrogate.benchmarks.evaluation.plot import explain_bars, name_published

    rows = by_row(lines)
    shown = [pair for pair in settings(rows) if pair[0] in protocols]
    columns = min(3, max(1, len(shown)))
    height = -(-len(shown) // columns) or 1
    figure = Figure(figsize=(4.2 * columns, 3.6 * height + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(height, columns, squeeze=False).ravel()
    names = sorted({name for _, _, name, _ in rows}, key=lambda name: (name != lead, name))
    for panel, (protocol, dataset) in zip(panels, shown, strict=False):
        _draw_panel(panel, rows, protocol, dataset, names, lead)
    for panel in panels[len(shown) :]:
        panel.set_axis_off()
    explain_bars(panels[0], "± 1 std over the splits")
    known: dict[str, Any] = {}
    for panel in panels:
        known |= {label: handle for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    legend_columns = 1 if columns == 1 else 5
    figure.legend(
        known.values(), known.keys(), loc="outside lower center", ncols=legend_columns, fontsize=8, frameon=False
    )
    for panel, (protocol, _) in zip(panels, shown, strict=False):
        name_published(panel, protocol)
    return figure


def _draw_panel(panel: Any, rows: Rows, protocol: str, dataset: str, names: Sequence[str], lead: str) -> None:
    from nassurrogate.benchmarks.evaluation import published_rows
    from nassurrogate.benchmarks.evaluation.plot import draw_published, set_label_ticks

    draw_published(panel, protocol)
    sizes = _sizes(rows, protocol, dataset)
    for place, name in enumerate(names):
        values = {size: _values(rows.get((dataset, protocol, name, size), {}), TAU) for size in sizes}
        drawn = [size for size in sizes if values[size]]
        if drawn:
            panel.errorbar(
                drawn, [statistics.fmean(values[size]) for size in drawn],
                yerr=[statistics.stdev(values[size]) if len(values[size]) > 1 else 0.0 for size in drawn],
                color=_COLOURS[place % len(_COLOURS)], marker=_MARKERS[place % len(_MARKERS)], markersize=4,
                linewidth=2.4 if name == lead else 1.1, capsize=2, zorder=4 if name == lead else 3, label=name,
            )  # fmt: skip
    reference = _first(rows, protocol, dataset, "reference_tau_all")
    if reference is not None:
        panel.axhline(reference, color="black", linestyle="--", linewidth=0.9, label="the labels themselves")
    ticks = sorted({*sizes, *(row.labels for row in published_rows(protocol))})
    set_label_ticks(panel, ticks)
    panel.set_title(f"{protocol} · {dataset}", loc="left", fontsize=10, fontweight="bold")
    panel.set_xlabel("labels (evaluated cells)")
    panel.set_ylabel("Kendall's τ")
    panel.grid(visible=True, color="#EEEEEE", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _first(rows: Rows, protocol: str, dataset: str, field: str) -> float | None:
    lines = [line for key, splits in rows.items() if key[:2] == (dataset, protocol) for line in splits.values()]
    value: float | None = lines[0][field]
    return value


def _sizes(rows: Rows, protocol: str, dataset: str) -> list[int]:
    return sorted({size for there, by, _, size in rows if (by, there) == (protocol, dataset)})


def _predictors(rows: Rows, protocol: str, dataset: str) -> list[str]:
    """The best at the fewest labels first."""
    names = list(dict.fromkeys(name for there, by, name, _ in rows if (by, there) == (protocol, dataset)))
    means = [_means(rows, protocol, dataset, size) for size in _sizes(rows, protocol, dataset)]
    return sorted(names, key=lambda name: [-of_size.get(name, 0.0) for of_size in means])


def _means(rows: Rows, protocol: str, dataset: str, size: int, field: str = TAU) -> dict[str, float]:
    found = {}
    for (there, by, name, labels), splits in rows.items():
        if (there, by, labels) == (dataset, protocol, size) and (values := _values(splits, field)):
            found[name] = statistics.fmean(values)
    return found


def _values(splits: Splits, field: str) -> list[float]:
    return [line[field] for line in splits.values() if line[field] is not None]
