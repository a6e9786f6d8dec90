"""Small data sets of measured networks that tests make up: families of chains, in memory and as a folder."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nassurrogate.benchmarks.networks import MeasuredNetworks
from nassurrogate.graphs.operator_graph import Operator, OperatorGraph

KINDS = {"plain": "Relu", "gated": "Sigmoid", "padded": "Pad"}
"""Family → the operator that follows its convolutions."""


def network(family: str, number: int) -> OperatorGraph:
    """The network of that number in a family: one to four convolutions, wider with the number."""
    operators = [Operator("Input", (), ((1, 3, 16, 16),))]
    channels = 3
    for place in range(1 + number % 4):
        wider = 4 + 3 * number + place
        shape = ((1, wider, 16, 16),)
        params = 9 * channels * wider
        operators.append(
            Operator(
                "Conv", (len(operators) - 1,), shape, kernel=(3, 3), stride=(1, 1), padding=(1, 1, 1, 1),
                dilation=(1, 1), params=params, flops=2 * params * 256,
            )
        )  # fmt: skip
        operators.append(Operator(KINDS[family], (len(operators) - 1,), shape))
        channels = wider
    return OperatorGraph(operators, f"{family}_{number}")


def latency_ms(graph: OperatorGraph) -> float:
    """Half a millisecond, a tenth per operator, and a time for each operation and byte."""
    return 0.5 + 0.1 * (len(graph) - 1) + graph.flops / 1e7 + graph.memory_bytes / 1e6


def measured(sizes: Mapping[str, int], *, stages: bool = False) -> MeasuredNetworks:
    """Families of these sizes; with `stages`, every fifth network is in the data set's own test set."""
    graphs = [network(family, number) for family, size in sizes.items() for number in range(size)]
    own = ["test" if int(graph.name.rpartition("_")[2]) % 5 == 4 else "train" for graph in graphs]
    return MeasuredNetworks(
        "phone",
        graphs,
        [graph.name for graph in graphs],
        [graph.name.partition("_")[0] for graph in graphs],
        np.array([latency_ms(graph) for graph in graphs]),
        stages=own if stages else None,
    )


def write_folder(folder: Path, sizes: Mapping[str, int], devices: Mapping[str, float]) -> None:
    """`measured.csv` and `graphs/FAMILY.json.gz` in nn-Meter's form: convolutions in a chain.

    Args:
        folder: an empty one, or none yet.
        sizes: networks of each family.
        devices: each with a factor of its latencies.
    """
    (folder / "graphs").mkdir(parents=True)
    rows = ["device,family,model,latency_ms,std_ms"]
    for place, (family, size) in enumerate(sizes.items()):
        graphs = {}
        for number in range(size):
            name, channels, macs = f"{family}_{number}", 3, 0
            nodes = [["Input", [], [1, 16, 16, 3], {}]]
            for layer in range(1 + number % 4):
                wider = 4 + 3 * number + layer + place
                attributes = {"k": 3, "s": 1, "p": "SAME", "cin": channels}
                nodes.append(["Conv", [layer], [1, 16, 16, wider], attributes])
                macs += 9 * 256 * channels * wider
                channels = wider
            graphs[name] = nodes
            for device, factor in devices.items():
                rows.append(f"{device},{family},{name},{factor * (1 + macs / 1e6):.6f},0.1")
        with gzip.open(folder / "graphs" / f"{family}.json.gz", "wt") as file:
            json.dump({"graphs": graphs, "flops": {}}, file)
    (folder / "measured.csv").write_text("\n".join(rows) + "\n")
