"""The networks behind the architectures of NAS-Bench-201, NAS-Bench-101 and NAS-Bench-Macro."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nassurrogate import get_space
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.graphs.readers.torch_reader import read_torch
from nassurrogate.graphs.simplification import simplified
from nassurrogate.spaces.nb101.costs import vertex_channels
from nassurrogate.spaces.network_space import NetworkSpace

IMAGE = (1, 3, 32, 32)
SPACES: dict[str, Any] = {name: get_space(name) for name in ("nb201", "nb101", "macro")}


def _normal(graph: OperatorGraph) -> OperatorGraph:
    """With swappable inputs in one order."""
    return OperatorGraph(simplified(graph.operators))


def _folded(graph: OperatorGraph) -> int:
    """Parameters that a batch norm has and the bias it is folded into has not: one per channel."""
    return sum(o.output_shape[1] for o in graph.operators if o.kind == "Conv" and o.bias)


@pytest.mark.parametrize("name", SPACES)
def test_spaces_offer_networks(name: str) -> None:
    space = SPACES[name]
    assert isinstance(space, NetworkSpace)
    arch = space.sample(1, np.random.default_rng(0))[0]
    graph = space.operator_graph(arch)
    assert (graph.name, graph.operators[0].output_shape) == (arch.string, IMAGE)
    assert graph.operators[-1].output_shape == (1, 10)
    assert graph == space.operator_graph(arch.string)
    assert len(_normal(graph)) == len(graph)


@pytest.mark.parametrize("name", ["nb101", "macro"])
def test_costs_are_those_of_the_space(name: str) -> None:
    space = SPACES[name]
    archs = space.sample(60, np.random.default_rng(1))
    graphs = [space.operator_graph(arch) for arch in archs]
    costs = space.costs(archs)
    assert [round(flops_m * 1e6) for flops_m in costs["flops_m"]] == [graph.flops // 2 for graph in graphs]
    assert [round(params_m * 1e6) for params_m in costs["params_m"]] == [g.params + _folded(g) for g in graphs]


def test_nb201_costs_are_those_of_the_string_where_all_of_it_is_used() -> None:
    space = SPACES["nb201"]
    archs = space.sample(300, np.random.default_rng(2))
    costs = space.costs(archs)
    used = 0
    for arch, flops_m, params_m in zip(archs, costs["flops_m"], costs["params_m"], strict=True):
        graph = space.operator_graph(arch)
        # The last batch norm stays if the cell's output is a sum, and is the second one to be folded if not.
        last = 0 if any(o.kind == "BatchNormalization" for o in graph.operators) else 2 * 64
        assert graph.flops / 2e6 <= flops_m + 1e-9
        if graph.flops == round(flops_m * 1e6) * 2:
            used += 1
            assert graph.params + _folded(graph) + last == round(params_m * 1e6)
    assert used > 150


def test_a_cell_without_a_path_makes_the_network_a_constant() -> None:
    space = SPACES["nb201"]
    cell = space.from_ops(["nor_conv_3x3", "none", "none", "none", "none", "nor_conv_3x3"])
    graph = space.operator_graph(cell)
    assert [operator.kind for operator in graph.operators] == ["Input", "ConstantOfShape"]
    assert (graph.flops, graph.params) == (0, 0)


@pytest.mark.parametrize("digits", ["00000000", "11111111", "22222222", "01201201", "20102012"])
def test_macro_networks_are_those_that_are_built(digits: str) -> None:
    space = SPACES["macro"]
    arch = space.parse(digits)
    assert _normal(space.operator_graph(arch)) == _normal(read_torch(space.build(arch), IMAGE))


class Cell201(nn.Module):
    """As in the paper: a node adds what its edges make of the nodes before it."""

    def __init__(self, ops: Sequence[str], channels: int) -> None:
        super().__init__()
        self.edges = nn.ModuleList(self._edge(op, channels) for op in ops)

    @staticmethod
    def _edge(op: str, channels: int) -> nn.Module | None:
        if op == "avg_pool_3x3":
            return nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        if op == "skip_connect":
            return nn.Identity()
        return None if op == "none" else _relu_conv_bn(channels, channels, int(op[-1]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        nodes = [x]
        edges = iter(self.edges)
        for end in (1, 2, 3):
            made = [edge(node) for node, edge in zip(nodes[:end], edges, strict=False) if edge is not None]
            nodes.append(_sum(made))
        return nodes[-1]


class Reduction201(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first, self.second = _relu_conv_bn(before, after, 3, 2), _relu_conv_bn(after, after, 3)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, after, 1, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.shortcut(x) + self.second(self.first(x))


class Cell101(nn.Module):
    """As in the official `model_builder`."""

    def __init__(self, adjacency: np.ndarray, ops: Sequence[str], before: int, after: int) -> None:
        super().__init__()
        self.adjacency = adjacency
        self.widths = [0, *vertex_channels(adjacency.astype(np.int64)[None], after)[0].tolist(), after]
        reads = [vertex for vertex in range(1, len(ops)) if adjacency[0, vertex]]
        self.projections = nn.ModuleDict({str(v): _conv_bn_relu(before, self.widths[v], 1) for v in reads})
        inner = [(vertex, op, self.widths[vertex]) for vertex, op in enumerate(ops)][1:-1]
        self.ops = nn.ModuleDict(
            {
                str(vertex): nn.MaxPool2d(3, 1, 1) if "pool" in op else _conv_bn_relu(width, width, int(op[4]))
                for vertex, op, width in inner
            }
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = [x]
        last = len(self.widths) - 1
        for vertex in range(1, last):
            width = self.widths[vertex]
            parts = [
                made[source] if made[source].shape[1] == width else made[source][:, :width]
                for source in range(1, vertex)
                if self.adjacency[source, vertex]
            ]
            if self.adjacency[0, vertex]:
                parts.append(self.projections[str(vertex)](x))
            made.append(self.ops[str(vertex)](_sum(parts)))
        joined = [made[source] for source in range(1, last) if self.adjacency[source, last]]
        parts = [torch.cat(joined, 1) if len(joined) > 1 else joined[0]] if joined else []
        if self.adjacency[0, last]:
            parts.append(self.projections[str(last)](x))
        return _sum(parts)


def _sum(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _relu_conv_bn(before: int, after: int, kernel: int, stride: int = 1) -> nn.Module:
    convolution = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(after))


def _conv_bn_relu(before: int, after: int, kernel: int) -> nn.Module:
    convolution = nn.Conv2d(before, after, kernel, 1, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())


def _network201(ops: Sequence[str]) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)]
    for before, after in ((0, 16), (16, 32), (32, 64)):
        layers += [Reduction201(before, after)] * bool(before)
        layers += [Cell201(ops, after) for _ in range(5)]
    head = [nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(*layers, *head)


def _network101(adjacency: np.ndarray, ops: Sequence[str]) -> nn.Module:
    layers: list[nn.Module] = [_conv_bn_relu(3, 128, 3)]
    before = 128
    for stage, after in enumerate((128, 256, 512)):
        layers += [nn.MaxPool2d(2, 2)] * bool(stage)
        for _ in range(3):
            layers.append(Cell101(adjacency, ops, before, after))
            before = after
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


@pytest.mark.parametrize("index", [1, 5, 77, 2024, 12345])
def test_nb201_networks_are_those_of_the_paper(index: int) -> None:
    space = SPACES["nb201"]
    arch = space.parse(index)
    read = read_torch(_network201(space.to_ops(arch)), IMAGE)
    assert _normal(space.operator_graph(arch)) == _normal(read)


@pytest.mark.parametrize("index", [0, 138_614, 200_000, 300_001, 423_623])
def test_nb101_networks_are_those_of_the_official_code(index: int) -> None:
    space = SPACES["nb101"]
    arch = space.parse(index)
    cell = space.graph(arch, canonical=False)
    read = read_torch(_network101(cell.adjacency, cell.ops), IMAGE)
    assert _normal(space.operator_graph(arch)) == _normal(read)
