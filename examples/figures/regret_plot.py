"""The figure of the searches: regret against evaluations, all methods, with and without a bound on latency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from search_runs import BUDGETS, CASES, CONSTRAINT, DEFAULT, LONGEST, METHODS, of, regret_after

# Okabe and Ito's colours, distinguishable by the colour-blind.
_STYLES = {
    DEFAULT: ("#D55E00", "nassurrogate", "-"),
    ("none", "random"): ("#777777", "random", ":"),
    ("none", "evolution"): ("#0072B2", "evolution", "--"),
    ("none", "optuna-tpe"): ("#009E73", "Optuna TPE", "-."),
    ("none", "optuna-nsga2"): ("#CC79A7", "Optuna NSGA-II", (0, (3, 1, 1, 1, 1, 1))),
}
_ZERO = 2e-3
"""Where a mean regret of 0 is drawn on the logarithmic axis."""
_TOP = 30
"""Upper limit of the axis, above the mean regret after the first evaluation."""
_BOUNDS = {CONSTRAINT: "latency ≤ 14.28 ms"}
_PUBLISHED = {
    "cifar10": ((100, "NPENAS 94.31"), (192, "AG-Net 94.37")),
    "cifar100": ((100, "NPENAS 73.46"), (192, "AG-Net 73.51")),
    "ImageNet16-120": ((100, "NPENAS 46.48"),),
}
"""Published searches: number of evaluations, and the test accuracy of what they found (%)."""


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Mean regret over the seeds, on a logarithmic scale."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 2, figsize=(10, 7.2), sharex=True, sharey=True, layout="constrained")
    numbers = np.arange(1, LONGEST + 1)
    for panel, (dataset, constraint) in zip(panels.flat, CASES, strict=True):
        for method in reversed(METHODS):
            colour, name, line = _STYLES[method]
            runs = of(rows, dataset=dataset, constraint=constraint, predictor=method[0], searcher=method[1],
                      labels="mean", budget=LONGEST)  # fmt: skip
            mean = np.mean([[regret_after(row, number) for number in numbers] for row in runs], axis=0)
            panel.plot(numbers, np.maximum(mean, _ZERO), color=colour, linestyle=line, linewidth=2, label=name)
        own = [
            of(rows, dataset=dataset, constraint=constraint, predictor=DEFAULT[0], searcher=DEFAULT[1], labels="mean",
               budget=budget) for budget in BUDGETS
        ]  # fmt: skip
        ends = [float(np.mean([row["regret_points"] for row in runs])) for runs in own]
        panel.plot(
            BUDGETS, np.maximum(ends, _ZERO), "o", color=_STYLES[DEFAULT][0], label="nassurrogate, runs of that budget"
        )
        for evaluations, text in _PUBLISHED.get(dataset, ()) if constraint is None else ():
            panel.axvline(evaluations, color="#BBBBBB", linewidth=1, zorder=0)
            panel.text(
                evaluations + 1, 0.98, text, transform=panel.get_xaxis_transform(), rotation=90, fontsize=7.5,
                color="#555555", ha="left", va="top",
            )  # fmt: skip
        panel.set_title(dataset if constraint is None else f"{dataset}, {_BOUNDS[constraint]}", fontsize=10)
        panel.grid(color="#E8E8E8")
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_yscale("log")
        panel.set_ylim(_ZERO * 0.8, _TOP)
        panel.set_xlim(0, 200)
        panel.set_yticks([_ZERO, 0.01, 0.1, 1, 10], ["0", "0.01", "0.1", "1", "10"])
        panel.minorticks_off()
    for panel in panels[1]:
        panel.set_xlabel("evaluations (trainings)")
    for panel in panels[:, 0]:
        panel.set_ylabel("mean regret (points)")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    order = [labels.index(_STYLES[method][1]) for method in METHODS] + [len(labels) - 1]
    figure.legend(
        [handles[i] for i in order], [labels[i] for i in order], loc="outside lower center", ncols=6, fontsize=8.5,
        frameon=False,
    )  # fmt: skip
    seeds = len({row["seed"] for row in rows})
    figure.suptitle(
        f"NAS-Bench-201: mean regret to the best cell, in points of validation accuracy, over {seeds} seeds\n"
        "grey lines: published searches, at their number of evaluations, with the test accuracy (%) of what they found",
        fontsize=10,
    )
    figure.savefig(path, dpi=130)
    plt.close(figure)
