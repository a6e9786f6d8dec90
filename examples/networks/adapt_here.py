"""Adapt the shipped latency models to networks that were measured on a machine of one's own, and predict the others.

    python examples/networks/make_small_networks.py DIR
    nassurrogate measure DIR/*/*.onnx --out DIR/latencies.csv
    python examples/networks/adapt_here.py DIR --ask three    # the folder `three` is only predicted, never learned
    python examples/networks/adapt_here.py --report           # from the stored results

Each of ten draws takes 20 random networks to adapt to, and predicts all others. A line of
`examples/results/adapted_here.jsonl` has the errors of one model in one draw, and whether the networks of the asked
folder are predicted in their measured order.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate.benchmarks.experiments import append_lines, markdown_table, mean_and_std, missing_tasks, read_lines
from nassurrogate.benchmarks.networks import MeasuredNetworks, read_measured
from nassurrogate.devices.latency_models import adapted_to, latency_metric, latency_predictor, shipped_devices
from nassurrogate.prediction_quality import mean_absolute_percentage_error, spearman_rho
from nassurrogate.surrogate import Surrogate

RESULTS = Path(__file__).parents[1] / "results" / "adapted_here.jsonl"
ADAPTED_TO, DRAWS, SCRATCH = 20, 10, "from scratch"


def learned(model: str, few: MeasuredNetworks) -> Surrogate:
    """The model adapted to a few networks, or one that knows nothing else."""
    if model != SCRATCH:
        return adapted_to(latency_predictor(model, device="cpu"), few.device, list(few.graphs), few.latency_ms)
    surrogate = Surrogate("networks", metric=latency_metric(few.device), device="cpu")
    return surrogate.fit(list(few.graphs), few.latency_ms)


def measure(task: dict[str, Any], networks: MeasuredNetworks, asked: str) -> dict[str, Any]:
    """The line of one model and draw."""
    is_asked = np.array([family == asked for family in networks.families])
    order = np.random.default_rng(np.random.SeedSequence([0, task["draw"]])).permutation(np.flatnonzero(~is_asked))
    few, rest, three = order[:ADAPTED_TO], order[ADAPTED_TO:], np.flatnonzero(is_asked)
    model = learned(task["model"], networks.take(few))
    mean, std = model.predict([networks.graphs[place] for place in rest])
    latency = networks.latency_ms[rest]
    found = model.predict([networks.graphs[place] for place in three])[0]
    ranks = np.argsort(found).tolist() == np.argsort(networks.latency_ms[three]).tolist()
    return {
        **task,
        "on": networks.device,
        "n_test": len(rest),
        "mape_pct": round(mean_absolute_percentage_error(mean, latency), 2),
        "spearman": round(spearman_rho(mean, latency), 4),
        "coverage90": round(float(np.mean(np.abs(mean - latency) <= 1.645 * std)), 3),
        "same_order": ranks,
        "asked": {
            networks.names[place]: [round(float(value), 2), round(float(networks.latency_ms[place]), 2)]
            for place, value in zip(three, found, strict=True)
        },
    }


def report(lines: Sequence[dict[str, Any]]) -> str:
    """A row per model: mean ± standard deviation over draws."""
    rows = []
    for model in dict.fromkeys(line["model"] for line in lines):
        own = [line for line in lines if line["model"] == model]
        numbers = [mean_and_std([line[name] for line in own], digits) for name, digits in _DIGITS.items()]
        rows.append([model, *numbers, f"{sum(line['same_order'] for line in own)} of {len(own)}"])
    return markdown_table(["learned from", *_TITLES, "draws in the measured order"], rows)


_DIGITS = {"mape_pct": 1, "spearman": 3, "coverage90": 2}
_TITLES = ("MAPE, %", "Spearman's ρ", "in the 90 % interval")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="measured networks, a folder for each family")
    parser.add_argument("--ask", default="three", metavar="FAMILY", help="the folder that is only predicted")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args(arguments)
    if not chosen.report:
        if chosen.folder is None:
            parser.error("the folder of measured networks is needed")
        networks = read_measured(chosen.folder)
        wanted = [{"model": model, "draw": draw} for model in [*shipped_devices(), SCRATCH] for draw in range(DRAWS)]
        for task in list(missing_tasks(wanted, read_lines(RESULTS))):
            append_lines(RESULTS, measure(task, networks, chosen.ask))
    sys.stdout.write(report(list(read_lines(RESULTS))) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
