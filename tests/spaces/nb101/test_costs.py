"""Parameters and multiply-accumulates of nb101 cells, against networks that are built and run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.spaces import get_space
from nassurrogate.spaces.nb101.space import NB101, OPS


@pytest.fixture(scope="module")
def space() -> NB101:
    found = get_space("nb101")
    assert isinstance(found, NB101)
    return found


def _convolution(channels_in: int, channels_out: int, kernel: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


class _Cell(nn.Module):
    """The module of the paper, vertex by vertex (section 2.2)."""

    def __init__(self, graph: CellGraph, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.graph, self.last = graph, graph.n_nodes - 1
        feeders = [v for v in range(1, self.last) if graph.adjacency[v, self.last]]
        shares = [len(part) for part in np.array_split(np.arange(channels_out), max(1, len(feeders)))]
        self.width = dict(zip(feeders, shares, strict=False)) | {self.last: channels_out}
        for vertex in reversed(range(1, self.last)):
            if vertex not in self.width:
                reads = [y for y in range(vertex + 1, self.last) if graph.adjacency[vertex, y]]
                self.width[vertex] = max(self.width[y] for y in reads)
        self.projections = nn.ModuleDict(
            {
                str(v): _convolution(channels_in, self.width[v], 1)
                for v in range(1, self.last + 1)
                if graph.adjacency[0, v]
            }
        )
        kinds = {OPS[0]: 3, OPS[1]: 1}
        self.operations = nn.ModuleDict(
            {
                str(v): _convolution(self.width[v], self.width[v], kinds[graph.ops[v]])
                if graph.ops[v] in kinds
                else nn.MaxPool2d(3, 1, 1)
                for v in range(1, self.last)
            }
        )

    def forward(self, image: Tensor) -> Tensor:
        made: dict[int, Tensor] = {}
        for vertex in range(1, self.last):
            reads = [made[x][:, : self.width[vertex]] for x in range(1, vertex) if self.graph.adjacency[x, vertex]]
            if self.graph.adjacency[0, vertex]:
                reads.append(self.projections[str(vertex)](image))
            made[vertex] = self.operations[str(vertex)](torch.stack(reads).sum(dim=0))
        outputs = [made[x] for x in range(1, self.last) if self.graph.adjacency[x, self.last]]
        total = torch.cat(outputs, dim=1) if outputs else torch.zeros(())
        if self.graph.adjacency[0, self.last]:
            total = total + self.projections[str(self.last)](image)
        return total


def _network(graph: CellGraph) -> nn.Module:
    layers: list[nn.Module] = [_convolution(3, 128, 3)]
    channels = 128
    for stage in range(3):
        if stage:
            layers.append(nn.MaxPool2d(2))
        for _ in range(3):
            layers.append(_Cell(graph, channels, 128 << stage))
            channels = 128 << stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def _counted(network: nn.Module) -> tuple[int, int]:
    """Parameters, and multiply-accumulates seen while one image passes."""
    macs = 0

    def count(layer: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        nonlocal macs
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        macs += layer.weight[0].numel() * made.numel()

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.device("meta"):
        image = torch.empty(1, 3, 32, 32)
    network.eval()(image)
    return sum(parameter.numel() for parameter in network.parameters()), macs


def test_counts_are_those_of_the_built_network(space: NB101) -> None:
    known = space.free_metrics("cifar10")
    rng = np.random.default_rng(0)
    smallest = [int(np.flatnonzero(space.cells["n_vertices"] == n)[0]) for n in (2, 3, 4, 5, 6)]
    for index in [*smallest, *rng.choice(space.size, 8).tolist()]:
        with torch.device("meta"):
            network = _network(space.graph(space.parse(index), canonical=False))
        params, macs = _counted(network)
        assert (known["params_m"][index], known["flops_m"][index]) == (params / 1e6, macs / 1e6)


def test_costs_are_known_for_cifar10_alone(space: NB101) -> None:
    assert space.free_metrics("cifar100") == {}
    assert {name: column.shape for name, column in space.free_metrics("cifar10").items()} == {
        "params_m": (space.size,),
        "flops_m": (space.size,),
    }
