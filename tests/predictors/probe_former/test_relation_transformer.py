"""The relation transformer: which nodes attend to which, and its invariances."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.predictors.inputs.graph_batch import encode, relabelled
from nassurrogate.predictors.probe_former.relation_transformer import (
    DEEPEST,
    RELATIONS,
    Block,
    RelationTransformer,
    relation_bias,
)
from tests.predictors.probe_former.oracle import network_inputs

OPS = ("input", "conv", "pool", "output")


@st.composite
def adjacencies(draw, most_nodes=8, most_times=3):
    """(n, n) whole numbers, strictly upper triangular: a directed acyclic graph with multiplicities."""
    n = draw(st.integers(2, most_nodes))
    times = st.integers(0, most_times)
    adjacency = np.zeros((n, n), np.int64)
    above = np.triu_indices(n, 1)
    adjacency[above] = draw(st.lists(times, min_size=len(above[0]), max_size=len(above[0])))
    return adjacency


def cells_of(adjacency, seed=0):
    """The graph as a cell with random inner operations."""
    inner = np.random.default_rng(seed).choice(OPS[1:-1], len(adjacency) - 2)
    return CellGraph(("input", *inner.tolist(), "output"), adjacency.astype(np.uint8))


def batch_of(graphs, n_nodes):
    return encode(graphs, OPS, n_nodes, depth_as_position=True)


def read(batch, *, masked=True):
    return network_inputs(batch, len(OPS), masked=masked)


def network(n_proxies=3, seed=0):
    """In double precision, with all weights far from their initial values."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = RelationTransformer(len(OPS), n_proxies, width=16, blocks=2, ffn_ratio=2).double().eval()
        for weight in net.parameters():
            weight.data.add_(0.3 * torch.randn_like(weight))
    return net


def predict(net, batch, *, masked=True):
    with torch.no_grad():
        return net(*read(batch, masked=masked)).numpy()


# --- relations -------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(adjacency=adjacencies(), padding=st.integers(0, 3))
def test_each_head_attends_along_its_relation(adjacency, padding):
    """networkx finds the related nodes; a node attends to these and itself only."""
    n = len(adjacency)
    padded = torch.zeros(1, n + padding, n + padding)
    padded[0, :n, :n] = torch.from_numpy(adjacency)
    mask = torch.arange(n + padding)[None] < n
    weights = relation_bias(padded, mask)[0].exp()  # e to the bias is the factor of a node in the softmax
    graph = nx.from_numpy_array(adjacency > 0, create_using=nx.DiGraph)
    related = {
        "parents": graph.predecessors,
        "children": graph.successors,
        "ancestors": lambda node: nx.ancestors(graph, node),
        "descendants": lambda node: nx.descendants(graph, node),
    }
    times = {"parents": lambda a, b: adjacency[b, a], "children": lambda a, b: adjacency[a, b]}
    for head, relation in enumerate(RELATIONS):
        expected = np.eye(n + padding)
        for node in range(n):
            for other in related[relation](node):
                expected[node, other] = times.get(relation, lambda a, b: 1)(node, other)
        np.testing.assert_allclose(weights[head], expected, rtol=1e-6, err_msg=relation)


@settings(max_examples=20)
@given(adjacency=adjacencies(), padding=st.integers(0, 3))
def test_without_relations_every_node_attends_to_all_nodes(adjacency, padding):
    batch = batch_of([cells_of(adjacency)], len(adjacency) + padding)
    weights = read(batch, masked=False)[1][0].exp().numpy()
    itself = np.eye(len(adjacency) + padding, dtype=bool)
    assert ((weights > 0) == (batch.mask[0] | itself)).all()


def test_unrelated_nodes_do_not_affect_each_other():
    """Of two operations that no node reads, one does not change the state of the other."""
    adjacency = np.zeros((4, 4), np.int64)
    adjacency[0, 3] = 1
    states = []
    net = network(0)
    for op in ("conv", "pool"):
        graph = CellGraph(("input", "conv", op, "output"), adjacency.astype(np.uint8))
        feature, bias, edges, _ = read(batch_of([graph], 5))
        with torch.no_grad():
            x = net.node(feature)
            for block in net.block:
                x = block(x, bias, edges)
        states.append(x[0])
    changed = (states[0] != states[1]).any(dim=-1)
    assert changed.tolist() == [False, False, True, False, False]


def test_an_edge_of_multiplicity_2_is_two_parents():
    """In the softmax of its child, the node has the weight of two equal parents."""
    once = torch.tensor([[[0.0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]])
    twice = torch.tensor([[[0.0, 1, 0], [0, 0, 2], [0, 0, 0]]])
    mask = torch.ones(1, 4, dtype=torch.bool)
    query_key = 0.7
    parents = RELATIONS.index("parents")
    two = (relation_bias(once, mask)[0, parents, 3] + query_key).softmax(-1)
    one = (relation_bias(twice, mask[:, :3])[0, parents, 2] + query_key).softmax(-1)
    assert one[1] == pytest.approx(float(two[1] + two[2]), rel=1e-6)


@settings(max_examples=20)
@given(adjacency=adjacencies(), seed=st.integers(0, 99))
def test_a_feed_forward_network_reads_the_sums_over_parents_and_children(adjacency, seed):
    """A node that is read twice counts twice."""
    n = len(adjacency)
    x = np.random.default_rng(seed).standard_normal((n, 8))
    wanted = np.zeros((2, n, 8))
    for parent, child in np.ndindex(n, n):
        wanted[0, child] += adjacency[parent, child] * x[parent]
        wanted[1, parent] += adjacency[parent, child] * x[child]
    edges = torch.from_numpy(adjacency)[None].double()
    found = Block(8, ffn_ratio=2).neighbour_sums(torch.from_numpy(x)[None], edges)
    np.testing.assert_allclose(torch.cat(found), wanted, rtol=0, atol=1e-12)


def test_multiplicities_reach_the_feed_forward_networks():
    """The bias of the attention is the same."""
    chain = np.diag(np.ones(3, np.uint8), 1)
    graphs = [CellGraph(("input", "conv", "pool", "output"), chain * times) for times in (1, 2)]
    once, twice = (read(batch_of([graph], 4)) for graph in graphs)
    block = network().block[0]
    x = torch.randn(1, 4, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        one, two = (block(x, once[1], edges) for edges in (once[2], twice[2]))
    assert (one - two).abs().max() > 1e-3


# --- what a prediction does not depend on ----------------------------------------------------------------------------


@settings(max_examples=30)
@given(adjacency=adjacencies(), seed=st.integers(0, 99), masked=st.booleans())
def test_the_order_of_the_nodes_changes_nothing(adjacency, seed, masked):
    batch = batch_of([cells_of(adjacency, seed)], 9)
    other = relabelled(batch, np.random.default_rng(seed), depth_as_position=True)
    found, again = (predict(network(), each, masked=masked) for each in (batch, other))
    np.testing.assert_allclose(found, again, rtol=0, atol=1e-10)


@settings(max_examples=30)
@given(first=adjacencies(), second=adjacencies(), padding=st.integers(1, 4), masked=st.booleans())
def test_padding_changes_nothing(first, second, padding, masked):
    """Nor do other cells in the batch."""
    net, cells = network(), [cells_of(first), cells_of(second)]
    together = predict(net, batch_of(cells, 8 + padding), masked=masked)
    alone = [predict(net, batch_of([cell], cell.n_nodes), masked=masked)[0] for cell in cells]
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-10)


# --- what it does depend on ------------------------------------------------------------------------------------------


def test_a_second_head_predicts_the_proxies():
    """It reads what the first reads, which does not depend on it."""
    batch = batch_of([cells_of(np.triu(np.ones((4, 4), np.int64), 1))], 5)
    both, alone = network(n_proxies=3), network(n_proxies=0)
    alone.load_state_dict({name: value for name, value in both.state_dict().items() if name in alone.state_dict()})
    found = predict(both, batch)
    assert found.shape == (1, 1 + 3)
    assert len(set(found[0])) == 4
    np.testing.assert_allclose(predict(alone, batch), found[:, :1], rtol=0, atol=1e-12)


def test_directions_matter():
    """A convolution before the pooling is not one after it, although both are paths of the same nodes."""
    chain = np.diag(np.ones(3, np.uint8), 1)
    cells = [CellGraph(("input", *inner, "output"), chain) for inner in (("conv", "pool"), ("pool", "conv"))]
    one, other = predict(network(0), batch_of(cells, 4))[:, 0]
    assert abs(one - other) > 1e-3


def test_the_features_of_a_node():
    """A chain deeper than the depths that are distinguished, the first edge three times."""
    n = DEEPEST + 4
    adjacency = np.diag(np.ones(n - 1, np.int64), 1)
    adjacency[0, 1] = 3
    feature, *_ = read(batch_of([cells_of(adjacency)], n + 1))
    op, depth, counts = feature[0].split([len(OPS), DEEPEST + 1, 2], dim=-1)
    assert op[:n].argmax(-1).tolist()[0 :: n - 1] == [0, len(OPS) - 1]
    assert depth[:n].argmax(-1).tolist() == [min(node, DEEPEST) for node in range(n)]
    assert (op[:n].sum(-1) == 1).all()
    assert (depth[:n].sum(-1) == 1).all()
    assert counts[:3].exp().sub(1).round().tolist() == [[3, 0], [1, 3], [1, 1]]
    assert not feature[0, n:].any()
