"""How long it takes to score whole networks, and to read an ONNX file.

    python examples/networks/network_speed.py --family graphs/mobilenetv2.json.gz --onnx model.onnx
    python examples/networks/network_speed.py --report    # from the stored results

The first 1,000 networks of the family, in nn-Meter's form, are scored by the shipped model of a phone's CPU; the
reference is `boosting-networks` on the same graphs. An ONNX file is read; the reference is the shape inference of the
`onnx` package on the same file. Each time is the median of seven runs in turns. The lines in
`examples/results/network_speed.jsonl` are replaced.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from nassurrogate.benchmarks.experiments import append_lines, markdown_table, read_lines
from nassurrogate.devices.latency_models import latency_predictor
from nassurrogate.graphs.readers.network import read_network
from nassurrogate.graphs.readers.node_list import read_node_lists
from nassurrogate.surrogate import Surrogate

RESULTS = Path(__file__).parents[1] / "results" / "network_speed.jsonl"
RUNS, NETWORKS = 7, 1000


def in_turns(ours: Callable[[], object], reference: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of both, run in turns after one run each."""
    times: tuple[list[float], list[float]] = ([], [])
    for run in range(RUNS + 1):
        for each, found in zip((ours, reference), times, strict=True):
            began = time.perf_counter()
            each()
            if run:
                found.append(time.perf_counter() - began)
    return statistics.median(times[0]), statistics.median(times[1])


def scoring(family: Path) -> dict[str, Any]:
    """The line of scoring."""
    graphs = list(read_node_lists(family).values())[:NETWORKS]
    model = latency_predictor("cortexA76_cpu", device="cpu")
    latency_ms = model.predict(graphs)[0]
    reference = Surrogate("networks", predictor="boosting-networks", metric="latency_ms").fit(
        graphs[:100], latency_ms[:100]
    )
    ours, other = in_turns(lambda: model.predict(graphs), lambda: reference.predict(graphs))
    operators = sum(map(len, graphs)) / len(graphs)
    return _line(f"score {len(graphs):,} networks of {operators:.0f} operators", ours, "boosting-networks", other)


def reading(path: Path) -> dict[str, Any]:
    """The line of reading an ONNX file."""
    import onnx

    nodes = len(onnx.load(path, load_external_data=False).graph.node)

    def reference() -> None:
        onnx.shape_inference.infer_shapes(onnx.load(path))

    ours, other = in_turns(lambda: read_network(path), reference)
    return _line(f"read {path.name}, {nodes} ONNX nodes", ours, "onnx.shape_inference", other)


def _line(what: str, seconds: float, reference: str, other: float) -> dict[str, Any]:
    return {
        "what": what,
        "seconds": round(seconds, 4),
        "reference": reference,
        "reference_seconds": round(other, 4),
        "ratio": round(seconds / other, 2),
        "threads": torch.get_num_threads(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", type=Path, help="a family's node lists")
    parser.add_argument("--onnx", type=Path, action="append", default=[], help="an ONNX file; may be repeated")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args(arguments)
    if not chosen.report:
        if chosen.family is None or not chosen.onnx:
            parser.error("--family and --onnx say what to measure")
        lines = [scoring(chosen.family), *map(reading, chosen.onnx)]
        RESULTS.unlink(missing_ok=True)
        for line in lines:
            append_lines(RESULTS, line)
    columns = ("what", "seconds", "reference", "reference_seconds", "ratio", "threads")
    sys.stdout.write(markdown_table(columns, [[str(line[name]) for name in columns] for line in read_lines(RESULTS)]))
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
