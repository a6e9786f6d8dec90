"""Networks that read whole networks: NAR-Former V2 and NNLP as published, in domain and on unseen families. For a GPU.

    python examples/networks/train_networks_gpu.py FOLDER                      # all that is not in the results yet
    python examples/networks/train_networks_gpu.py FOLDER --kind full --on adreno640_gpu_tflite21
    python examples/networks/train_networks_gpu.py FOLDER --part 0/4 --device cuda:0 --results PART0   # of 4 GPUs
    python examples/networks/train_networks_gpu.py --report

FOLDER holds `measured.csv` and `graphs/FAMILY.json.gz` in nn-Meter's form. Kinds of tasks:

- `full`: all networks, 90 % of each family to learn and 10 % as the test set;
- `C3`: the same with 300 networks of each family;
- `C4`: 300 networks of each family but one to learn, all of that family as the test set; then fine-tuned on 20 of them,
  with the others as the test set.

Results: one JSON line per fit, in `examples/results/networks_gpu.jsonl`. The last weights count; nothing is chosen.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch

from nassurrogate.benchmarks.experiments import append_lines, markdown_table, mean_and_std, missing_tasks, read_lines
from nassurrogate.benchmarks.networks.measurements import read_measurements
from nassurrogate.graphs.readers.node_list import read_node_lists
from nassurrogate.metric import known_metric
from nassurrogate.prediction_quality import mean_absolute_percentage_error, spearman_rho
from nassurrogate.predictors import resolve_predictor
from nassurrogate.predictors.whole_networks.batches import GraphSet
from nassurrogate.predictors.whole_networks.predictor import WholeNetworkPredictor
from nassurrogate.runtime.device import torch_device
from nassurrogate.spaces import get_space

RESULTS = Path(__file__).parents[1] / "results" / "networks_gpu.jsonl"
PREDICTORS = ("nar-former-v2-networks:paper", "nnlp-gcn:paper")
KINDS = ("full", "C3", "C4")
SEEDS = {"full": 1, "C3": 3, "C4": 3}
PER_FAMILY, ADAPTED_TO = 300, 20
_SUFFIX = ".json.gz"


@dataclass(frozen=True)
class Measured:
    """Encoded networks, and what was measured of them.

    Attributes:
        graphs: by the name of a predictor: G networks on the torch device.
        rows: by device, then by family: (n,) positions of networks.
        latency_ms: by device: (G,), NaN where it was not measured.
    """

    graphs: Mapping[str, GraphSet]
    rows: Mapping[str, Mapping[str, np.ndarray]]
    latency_ms: Mapping[str, np.ndarray]

    @classmethod
    def read(cls, folder: Path, predictors: Sequence[str], device: str) -> Measured:
        """Read a folder; each family in a process of its own."""
        paths = sorted((folder / "graphs").glob(f"*{_SUFFIX}"), key=lambda path: -path.stat().st_size)
        with ProcessPoolExecutor() as pool:
            families = list(pool.map(_read_family, paths, [predictors] * len(paths)))
        place: dict[tuple[str, str], int] = {}
        for path, (names, _) in zip(paths, families, strict=True):
            for name in names:
                place[path.name.removesuffix(_SUFFIX), name] = len(place)
        rows: dict[str, dict[str, list[int]]] = {}
        latency_ms: dict[str, np.ndarray] = {}
        for line in read_measurements(folder / "measured.csv"):
            at = place[line.family, line.model]
            rows.setdefault(line.device, {}).setdefault(line.family, []).append(at)
            latency_ms.setdefault(line.device, np.full(len(place), np.nan))[at] = line.latency_ms
        return cls(
            {
                name: GraphSet.joined([encoded[name] for _, encoded in families], torch_device(device))
                for name in predictors
            },
            {name: {family: np.array(at) for family, at in by.items()} for name, by in rows.items()},
            latency_ms,
        )


def _read_family(path: Path, predictors: Sequence[str]) -> tuple[list[str], dict[str, GraphSet]]:
    """Names of the networks of a family, and for each predictor their encoding, on the CPU."""
    gc.disable()  # it would walk millions of operators again and again
    graphs = read_node_lists(path)
    return list(graphs), {name: make(name, 0, "cpu").encoded_graphs(list(graphs.values())) for name in predictors}


def tasks(
    devices: Mapping[str, Iterable[str]], predictors: Iterable[str], kinds: Iterable[str]
) -> Iterator[dict[str, Any]]:
    """What to measure, on devices with their families."""
    for predictor in predictors:
        for kind in kinds:
            for on, families in devices.items():
                for seed in range(SEEDS[kind]):
                    task = {"kind": kind, "predictor": predictor, "on": on, "seed": seed}
                    if kind == "C4":
                        yield from ({**task, "family": family} for family in sorted(families))
                    else:
                        yield task


def split(task: Mapping[str, Any], families: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the networks to learn, and of the test set."""
    known, unseen = [], []
    for family, rows in families.items():
        mixed = np.random.default_rng([task["seed"], crc32(family.encode())]).permutation(rows)
        if task["kind"] == "C4":
            (unseen if family == task["family"] else known).append(
                mixed if family == task["family"] else mixed[:PER_FAMILY]
            )
        else:
            some = mixed if task["kind"] == "full" else mixed[:PER_FAMILY]
            known.append(some[: round(0.9 * len(some))])
            unseen.append(some[round(0.9 * len(some)) :])
    return np.concatenate(known), np.concatenate(unseen)


def quality(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """MAPE and the share within 10 %, both in percent, and Spearman's ρ."""
    return {
        "mape_pct": mean_absolute_percentage_error(predicted, true),
        "acc10_pct": 100.0 * float(np.mean(np.abs(predicted / true - 1) <= 0.1)),
        "spearman": spearman_rho(predicted, true),
    }


def make(name: str, seed: int, device: str) -> WholeNetworkPredictor[Any]:
    """A predictor of latencies without a deviation, which would take further fits."""
    cls, preset = resolve_predictor(name)
    made = cls(
        get_space("networks"),
        preset=preset,
        config={"folds": 0},
        seed=seed,
        device=device,
        metric=known_metric("latency_ms"),
    )
    if not isinstance(made, WholeNetworkPredictor):
        sys.exit(f"{name} is no predictor of whole networks")
    return made


def measure(task: Mapping[str, Any], measured: Measured, device: str) -> dict[str, Any]:
    """Fit, predict the test set, and for C4 fine-tune."""
    graphs, latency_ms = measured.graphs[task["predictor"]], measured.latency_ms[task["on"]]
    known, unseen = split(task, measured.rows[task["on"]])
    predictor = make(task["predictor"], task["seed"], device)
    began = time.perf_counter()
    predictor.fit_encoded(graphs, known, latency_ms[known])
    fit_s = time.perf_counter() - began
    began = time.perf_counter()
    predicted = predictor.predict_encoded(graphs, unseen)
    score_s = time.perf_counter() - began
    line = {
        "train": len(known),
        "test": len(unseen),
        **quality(predicted, latency_ms[unseen]),
        "fit_s": round(fit_s, 2),
        "score_s": round(score_s, 2),
    }
    if task["kind"] == "C4":
        few, rest = unseen[:ADAPTED_TO], unseen[ADAPTED_TO:]
        began = time.perf_counter()
        predictor.fine_tune_encoded(graphs, few, latency_ms[few])
        adapted = quality(predictor.predict_encoded(graphs, rest), latency_ms[rest])
        line |= {f"adapted_{name}": value for name, value in adapted.items()}
        line["adapt_s"] = round(time.perf_counter() - began, 2)
    chip = torch_device(device)
    name = torch.cuda.get_device_name(chip) if chip.type == "cuda" else "cpu"
    return {**line, "device": name, "torch": torch.__version__}


def report(lines: Sequence[Mapping[str, Any]]) -> str:
    """A row per predictor, device and kind, and for C4 one per family; mean ± standard deviation over seeds."""
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for line in lines:
        group = line["predictor"], line["on"], line["kind"], line.get("family", "")
        groups.setdefault(group, []).append(line)
    columns = ("mape_pct", "acc10_pct", "spearman", "adapted_mape_pct", "adapted_acc10_pct", "fit_s")
    body = [
        (*group, *(mean_and_std([line[name] for line in found if name in line], 2) for name in columns))
        for group, found in sorted(groups.items())
    ]
    return markdown_table(("predictor", "on", "kind", "family", *columns), body)


def _part(text: str) -> tuple[int, int]:
    first, _, step = text.partition("/")
    return int(first), int(step)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--predictor", action="append", help=f"may be repeated; default {', '.join(PREDICTORS)}")
    parser.add_argument("--kind", action="append", choices=KINDS, help="may be repeated; default all")
    parser.add_argument("--on", action="append", help="a measured device; may be repeated; default all")
    parser.add_argument("--device", default="auto", help="the torch device")
    parser.add_argument("--part", type=_part, default=(0, 1), metavar="K/N", help="every N-th task, from number K on")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no task after so many seconds")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--report", action="store_true")
    chosen = parser.parse_args(arguments)
    if chosen.report:
        print(report(list(read_lines(chosen.results))))
        return 0
    if chosen.folder is None:
        parser.error("the folder of measured networks is needed")
    began = time.perf_counter()
    predictors = chosen.predictor or list(PREDICTORS)
    measured = Measured.read(chosen.folder, predictors, chosen.device)
    print(f"networks read, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    devices = {name: measured.rows[name] for name in chosen.on or measured.rows}
    wanted = list(tasks(devices, predictors, chosen.kind or KINDS))[chosen.part[0] :: chosen.part[1]]
    for task in list(missing_tasks(wanted, read_lines(chosen.results))):
        if time.perf_counter() - began > chosen.seconds:
            print("no time is left for the other tasks", file=sys.stderr)
            break
        line = {**task, **measure(task, measured, chosen.device)}
        append_lines(chosen.results, line)
        print(f"{time.perf_counter() - began:.0f} s: {line}", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
