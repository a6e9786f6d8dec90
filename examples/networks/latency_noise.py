"""How much of a predictor's error on measured networks is noise of the measurements.

    python examples/networks/latency_noise.py --data DIR --on DEVICE
    python examples/networks/latency_noise.py --report    # from the stored results

A network's latency is the mean of several runs, and the table also has their standard deviation. That says nothing
about the network, but something about the state of the device while it was measured, such as a clock that was
throttled. If it explains part of the error of a predictor, that part is noise, which no predictor can avoid.

The predictor is fitted as in protocol C3, split 0. In each family, the errors of its test networks are corrected by the
median error of those with a similar relative standard deviation, in eight groups, each network by the others. A line in
`examples/results/latency_noise.jsonl` has the mean absolute percentage error (MAPE) of all families before and after.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate.benchmarks.evaluation.networks.splits import NetworkSplits
from nassurrogate.benchmarks.experiments import append_lines, markdown_table, missing_tasks, read_lines
from nassurrogate.benchmarks.networks import MeasuredNetworks, read_measured
from nassurrogate.prediction_quality import mean_absolute_percentage_error
from nassurrogate.surrogate import Surrogate

RESULTS = Path(__file__).parents[1] / "results" / "latency_noise.jsonl"
_GROUPS = 8


def explained(error: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """(n,) what the spread of the runs says about the (n,) errors: the median of the others in its group."""
    group = np.argsort(np.argsort(spread)) * _GROUPS // len(spread)
    return np.array(
        [np.median(np.delete(error[group == own], np.flatnonzero(np.flatnonzero(group == own) == place)))
         for place, own in enumerate(group)]
    )  # fmt: skip


def measure(task: dict[str, Any], networks: MeasuredNetworks, device: str) -> dict[str, Any]:
    """The line of one predictor."""
    split = NetworkSplits(networks, seed=0).in_domain(0, networks.family_names)
    surrogate = Surrogate("networks", predictor=task["predictor"], metric="latency_ms", seed=split.seed, device=device)
    surrogate.fit([networks.graphs[place] for place in split.train], networks.latency_ms[split.train])
    predicted = surrogate.predict([networks.graphs[place] for place in split.test])[0]
    latency, std_ms = networks.latency_ms[split.test], networks.take(split.test).std_ms
    assert std_ms is not None
    family = np.array(networks.families)[split.test]
    before, after = [], []
    for name in networks.family_names:
        own = family == name
        error = np.log(predicted[own] / latency[own])
        corrected = predicted[own] * np.exp(-explained(error, std_ms[own] / latency[own]))
        before.append(mean_absolute_percentage_error(predicted[own], latency[own]))
        after.append(mean_absolute_percentage_error(corrected, latency[own]))
    return {
        **task,
        "mape_pct": round(float(np.mean(before)), 3),
        "mape_without_noise_pct": round(float(np.mean(after)), 3),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of measured networks")
    parser.add_argument("--on", metavar="DEVICE", help="the measured device")
    parser.add_argument("--predictor", default="roofline", metavar="NAME[:PRESET]")
    parser.add_argument("--device", default="cpu", help="where the predictor runs (default: cpu)")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args(arguments)
    if not chosen.report:
        if not (chosen.data and chosen.on):
            parser.error("--data and --on say what to measure")
        task = {"on": chosen.on, "predictor": chosen.predictor}
        for missing in list(missing_tasks([task], read_lines(RESULTS))):
            append_lines(RESULTS, measure(missing, read_measured(chosen.data, chosen.on), chosen.device))
    columns = ("on", "predictor", "mape_pct", "mape_without_noise_pct")
    sys.stdout.write(markdown_table(columns, [[str(line[name]) for name in columns] for line in read_lines(RESULTS)]))
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
