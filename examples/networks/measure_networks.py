"""Measure predictors of latency on whole networks: protocol C3 (in domain) and C4 (one family left out).

    python examples/networks/measure_networks.py --data DIR --on my-phone --predictor operator-additive,flops-regression
    python examples/networks/measure_networks.py --data DIR --on my-phone --protocol C4 --predictor nnlp-gcn \\
        --per-family 300 --device cuda
    python examples/networks/measure_networks.py --report    # from the stored results

Every fit is a line of `examples/results/networks_c3.jsonl` or `networks_c4.jsonl`, written as soon as it is finished;
another run makes those that are missing. Split s is the one of `nassurrogate evaluate --seed 0`.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nassurrogate.benchmarks.evaluation.networks import FamilyResult, PredictorResult, Summary, evaluate_networks
from nassurrogate.benchmarks.experiments import append_lines, markdown_table, missing_tasks, read_lines
from nassurrogate.benchmarks.networks import MeasuredNetworks, read_measured

RESULTS = Path(__file__).parents[1] / "results"
PROTOCOLS = ("C3", "C4")
_DIGITS = {"mape_pct": 2, "within_10_pct": 1, "spearman": 3, "bias_pct": 1, "coverage90": 2}
_TITLES = ("MAPE, %", "Acc(10 %), %", "Spearman's ρ", "bias, %", "in the 90 % interval")
_NO_METRIC = ("predictor", "family", "split", "train", "fit_s", "score_s")
"""Fields of a `FamilyResult` that belong to the fit."""
Line = dict[str, Any]


def tasks(protocol: str, chosen: argparse.Namespace, families: Sequence[str]) -> Iterator[Line]:
    """The fits asked for: in C4, one for each family left out."""
    for split in range(chosen.splits):
        for unseen in families if protocol == "C4" else [None]:
            for predictor in chosen.predictor.split(","):
                task: Line = {
                    "protocol": protocol, "on": chosen.on, "predictor": predictor,
                    "per_family": chosen.per_family, "split": split, "unseen": unseen,
                }  # fmt: skip
                if chosen.adapt_to and protocol == "C4":
                    task["adapt_to"] = chosen.adapt_to
                yield task


def measure(task: Line, networks: MeasuredNetworks, device: str) -> Line:
    """The line of one fit."""
    found = evaluate_networks(
        task["protocol"],
        networks,
        splits=[task["split"]],
        predictors=task["predictor"],
        per_family=task["per_family"],
        adapt_to=task.get("adapt_to", 0),
        families=None if task["unseen"] is None else [task["unseen"]],
        device=device,
    )
    first = found.results[0]
    metrics = {result.family: _metrics(result) for result in found.results}
    times = {"fit_s": round(first.fit_s, 3), "score_s": round(first.score_s, 3)}
    return {**task, "train": first.train, "families": metrics, **times}


def _metrics(result: FamilyResult) -> Line:
    """What belongs to the family, rounded; None for NaN, which JSON lacks."""
    found = {name: value for name, value in asdict(result).items() if name not in _NO_METRIC}
    return {name: None if math.isnan(value) else round(value, 5) for name, value in found.items()}


def results_of(lines: Sequence[Line]) -> dict[str, PredictorResult]:
    """Predictor → its result, from lines of one protocol, device and limit."""
    found: dict[str, list[FamilyResult]] = {}
    for line in lines:
        about = {name: line[name] for name in ("predictor", "split", "train", "fit_s", "score_s")}
        for family, stored in line["families"].items():
            metrics = {name: float("nan") if value is None else value for name, value in stored.items()}
            found.setdefault(line["predictor"], []).append(FamilyResult(family=family, **about, **metrics))
    return {name: PredictorResult.of(name, name.partition(":")[2], results) for name, results in found.items()}


def tables(lines: Sequence[Line]) -> Iterator[str]:
    """For each protocol, device and limit: the predictors, and their MAPE on each family."""
    groups: dict[tuple[str, str, int | None, int], list[Line]] = {}
    for line in lines:
        key = line["protocol"], line["on"], line["per_family"], line.get("adapt_to", 0)
        groups.setdefault(key, []).append(line)
    for (protocol, on, limit, few), group in sorted(groups.items(), key=str):
        found = results_of(group)
        adapted = f", adapted to {few} of the family left out" if few else ""
        yield f"{protocol} on {on}, {limit or 'all'} training networks per family{adapted}"
        yield markdown_table(
            ["predictor", "splits", *_TITLES, "median MAPE, %", "worst family", "s per fit"],
            [
                [
                    name,
                    str(result.mean.splits),
                    *(_shown(result.mean, metric) for metric in _DIGITS),
                    _shown(result.median, "mape_pct"),
                    f"{result.worst} {_shown(result.families[result.worst], 'mape_pct')}",
                    f"{result.fit_s_median:.1f}",
                ]
                for name, result in found.items()
            ],
        )
        families = list(dict.fromkeys(family for result in found.values() for family in result.families))
        yield markdown_table(
            ["MAPE, %", *found],
            [[family, *(_of(result.families.get(family)) for result in found.values())] for family in families],
        )


def _of(summary: Summary | None) -> str:
    return "-" if summary is None else _shown(summary, "mape_pct")


def _shown(summary: Summary, metric: str) -> str:
    mean, deviation, digits = summary.mean[metric], summary.std[metric], _DIGITS[metric]
    if mean is None:
        return "-"
    return f"{mean:.{digits}f}" if deviation is None else f"{mean:.{digits}f} ± {deviation:.{digits}f}"


def _path(folder: Path, protocol: str) -> Path:
    return folder / f"networks_{protocol.lower()}.jsonl"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of measured networks")
    parser.add_argument("--on", metavar="DEVICE", help="the measured device")
    parser.add_argument("--protocol", choices=PROTOCOLS, help="default: both")
    parser.add_argument("--predictor", metavar="NAME[:PRESET][,...]")
    parser.add_argument("--splits", type=int, default=3, metavar="S", help="default: 3")
    parser.add_argument("--per-family", type=int, metavar="N", help="most training networks of a family (default: all)")
    parser.add_argument("--adapt-to", type=int, default=0, metavar="N", help="C4: networks of the family left out")
    parser.add_argument(
        "--part", type=int, nargs=2, default=(0, 1), metavar=("K", "N"), help="every N-th fit from K on"
    )
    parser.add_argument("--device", default="cpu", help="where predictors run (default: cpu)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args(arguments)
    if not chosen.report:
        if not all((chosen.data, chosen.on, chosen.predictor)):
            parser.error("--data, --on and --predictor say what to measure")
        networks = read_measured(chosen.data, chosen.on)
        for protocol in PROTOCOLS if chosen.protocol is None else [chosen.protocol]:
            path = _path(chosen.results, protocol)
            part, parts = chosen.part
            wanted = list(tasks(protocol, chosen, networks.family_names))[part::parts]
            for task in list(missing_tasks(wanted, read_lines(path))):
                append_lines(path, measure(task, networks, chosen.device))
                sys.stderr.write(", ".join(f"{name} {value}" for name, value in task.items()) + "\n")
    for protocol in PROTOCOLS:
        print(*tables(read_lines(_path(chosen.results, protocol))), sep="\n\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
