"""The networks: numbers of weights, lists of edges against matrices, gradients, independence of the batch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
from nassurrogate.predictors.nar_former_v2.network import Block
from nassurrogate.predictors.whole_networks.batches import GraphSet
from nassurrogate.predictors.whole_networks.config import GcnConfig, NarFormerConfig
from nassurrogate.predictors.whole_networks.edge_sums import graph_sum, neighbour_sum, self_products
from nassurrogate.predictors.whole_networks.gcn_network import GcnNetwork
from nassurrogate.predictors.whole_networks.nar_former_network import EdgeBlock, NarFormerNetwork
from nassurrogate.predictors.whole_networks.plain_features import operator_features, static_features
from nassurrogate.predictors.whole_networks.tokens import operator_tokens, static_tokens
from tests.predictors.whole_networks.chains import random_graph

CPU = torch.device("cpu")
SMALL = NarFormerConfig(width=16, groups=4, head_width=8, layer_scale=0.5)
GRAPHS = [random_graph(n, seed) for seed, n in enumerate([1, 2, 5, 9, 23, 40])]
TOKENS = GraphSet.of(GRAPHS, operator_tokens, static_tokens, CPU)
PLAIN = GraphSet.of(GRAPHS, operator_features, static_features, CPU)


def seeded(build) -> nn.Module:
    """An untrained network in double precision, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return build().double().eval()


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_the_paper_configuration_has_as_many_weights_as_published():
    assert count(NarFormerNetwork(NarFormerConfig())) == 2_310_921


def test_the_released_gcn_has_two_layers_of_512():
    layers = 2 * 44 * 512 + 512 + 2 * 512 * 512 + 512
    head = (4 * 512 + 512) + (1024 * 512 + 512) + (512 * 512 + 512) + (512 + 1)
    assert count(GcnNetwork(GcnConfig())) == layers + head


def adjacency_of(graph: OperatorGraph) -> torch.Tensor:
    matrix = torch.zeros(len(graph), len(graph), dtype=torch.float64)
    for x, y in graph.edges():
        matrix[x, y] = matrix[y, x] = 1
    return matrix


def grouped(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Each group of channels by its own matrix, then the norm that all groups share."""
    parts = zip(x.chunk(len(layer.weight), dim=1), layer.weight, layer.bias, strict=True)
    return torch.cat([layer.group_norm(part @ weight + bias) for part, weight, bias in parts], dim=1)


def dense_nar_former(network: NarFormerNetwork, graph: OperatorGraph) -> float:
    """The formulas of the paper, for one graph, with matrices over all pairs of nodes."""
    x = torch.from_numpy(operator_tokens(graph.operators)).double()
    adjacency = adjacency_of(graph)
    degree = adjacency.sum(dim=1, keepdim=True)
    for block in network.block:
        x = x * torch.sigmoid(degree @ block.degree_gate.weight.T + block.degree_gate.bias)
        query = torch.sigmoid(x @ block.query_key_map.weight.T + block.query_key_map.bias)
        similarity = query @ query.T / math.sqrt(x.shape[1]) * adjacency
        share = similarity / (similarity.sum(dim=1, keepdim=True) + 1e-6)
        y = share @ x @ block.neighbour_map.weight.T + block.neighbour_map.bias + x @ block.root_map.weight.T
        y = (y / y.norm(dim=1, keepdim=True).clamp(min=1e-12)).relu()
        up = grouped(block.ffn_up, block.ffn_pre_norm(y)).relu()
        last = grouped(block.ffn_down, up)
        x = y + block.layer_scale * last
    read = network.readout
    static = read.static_map(torch.from_numpy(static_tokens([graph])).double()).relu()
    hidden_graph = torch.cat([x.sum(dim=0, keepdim=True), static], dim=1)
    for layer in read.head:
        hidden_graph = layer(hidden_graph).relu()
    return -math.log(torch.sigmoid(read.output(hidden_graph)).item())


def test_lists_of_edges_give_what_the_paper_writes_with_matrices():
    network = seeded(lambda: NarFormerNetwork(SMALL))
    with torch.no_grad():
        found = network(TOKENS.batch(range(len(GRAPHS)), torch.float64))
        wanted = [dense_nar_former(network, graph) for graph in GRAPHS]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-12)


def test_the_block_of_cells_on_a_padded_batch_agrees():
    dense, sparse = seeded(lambda: Block(152, 16, SMALL)), seeded(lambda: EdgeBlock(152, 16, SMALL))
    sparse.load_state_dict(dense.state_dict())
    most = max(map(len, GRAPHS))
    token, adjacency = torch.zeros(len(GRAPHS), most, 152).double(), torch.zeros(len(GRAPHS), most, most).double()
    for row, graph in enumerate(GRAPHS):
        token[row, : len(graph)] = torch.from_numpy(operator_tokens(graph.operators))
        adjacency[row, : len(graph), : len(graph)] = adjacency_of(graph)
    batch = TOKENS.batch(range(len(GRAPHS)), torch.float64)
    with torch.no_grad():
        padded = dense(token, adjacency, adjacency.sum(dim=-1, keepdim=True))
        listed = sparse(batch.x, batch.edges, batch.degree)
    wanted = torch.cat([padded[row, : len(graph)] for row, graph in enumerate(GRAPHS)])
    torch.testing.assert_close(listed, wanted, rtol=1e-12, atol=1e-14)


def test_a_graphsage_layer_averages_neighbours():
    network = seeded(lambda: GcnNetwork(GcnConfig(width=6, layers=1, head_width=4)))
    (layer,) = network.layer
    batch = PLAIN.batch(range(len(GRAPHS)), torch.float64)
    found = layer(batch.x, batch)
    adjacency = torch.block_diag(*map(adjacency_of, GRAPHS))
    mean = adjacency @ batch.x / adjacency.sum(dim=1, keepdim=True).clamp(min=1)
    wanted = mean @ layer.neighbour_map.weight.T + layer.neighbour_map.bias + batch.x @ layer.root_map.weight.T
    torch.testing.assert_close(found, wanted / wanted.norm(dim=1, keepdim=True))


def test_gradients_of_sums_along_edges():
    batch = TOKENS.batch([2, 3, 0], torch.float64)
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(len(batch.x), 3, dtype=torch.float64, generator=generator, requires_grad=True)
    n_edges = len(batch.edges.source)
    weight = torch.rand(n_edges, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w, rows: neighbour_sum(w, rows, batch.edges), (weight, x))
    assert torch.autograd.gradcheck(lambda rows: self_products(rows, batch.edges), (x,))
    assert torch.autograd.gradcheck(lambda rows: graph_sum(rows, batch.first, batch.graph), (x,))


@pytest.mark.parametrize("kind", ["nar-former", "gcn"])
def test_a_prediction_does_not_depend_on_the_rest_of_the_batch(kind):
    """In single precision, in which networks are trained."""
    network = seeded(lambda: NarFormerNetwork(SMALL) if kind == "nar-former" else GcnNetwork(GcnConfig(width=16)))
    network.float()
    graphs = TOKENS if kind == "nar-former" else PLAIN
    with torch.no_grad():
        together = network(graphs.batch(range(len(GRAPHS))))
        alone = torch.cat([network(graphs.batch([row])) for row in range(len(GRAPHS))])
        turned = network(graphs.batch(range(len(GRAPHS))[::-1])).flip(0)
    torch.testing.assert_close(together, alone, rtol=1e-6, atol=0)
    torch.testing.assert_close(together, turned, rtol=1e-6, atol=0)


def test_a_network_of_2000_operators():
    graph = random_graph(2000, 0)
    graphs = GraphSet.of([graph, GRAPHS[3]], operator_tokens, static_tokens, CPU)
    network = seeded(lambda: NarFormerNetwork(SMALL))
    both = network(graphs.batch([0, 1], torch.float64))
    both.sum().backward()
    assert all(weight.grad.isfinite().all() for weight in network.parameters())
    with torch.no_grad():
        assert both[0].item() == pytest.approx(dense_nar_former(network, graph), rel=1e-10)


def test_a_network_without_edges():
    lonely = OperatorGraph([Operator("Input", (), ((1, 3, 4, 4),))])
    graphs = GraphSet.of([lonely], operator_tokens, static_tokens, CPU)
    network = seeded(lambda: NarFormerNetwork(SMALL))
    with torch.no_grad():
        found = network(graphs.batch([0, 0], torch.float64))
    assert found.tolist() == pytest.approx([dense_nar_former(network, lonely)] * 2)
