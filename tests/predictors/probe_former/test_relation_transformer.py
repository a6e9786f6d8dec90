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
    RelationTransformer,
    node_features,
    relation_bias,
)

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
    op, adjacency, depth, mask = (torch.from_numpy(part) for part in vars(batch).values())
    feature = node_features(op, adjacency, depth, mask, len(OPS))
    return feature, relation_bias(adjacency, mask, masked=masked), mask


def network(n_probes=3, seed=0):
    """In double precision, with all weights far from their initial values."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = RelationTransformer(len(OPS), n_probes, width=16, blocks=2, ffn_ratio=2).double().eval()
        for weight in net.parameters():
            weight.data.add_(0.3 * torch.randn_like(weight))
    return net


def predict(net, batch, probes, *, masked=True):
    feature, bias, mask = read(batch, masked=masked)
    with torch.no_grad():
        return net(feature.double(), bias.double(), mask, torch.as_tensor(probes, dtype=torch.float64)).numpy()


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
        feature, bias, _ = read(batch_of([CellGraph(("input", "conv", op, "output"), adjacency.astype(np.uint8))], 5))
        with torch.no_grad():
            x = net.node(feature.double())
            for block in net.block:
                x = block(x, bias.double())
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


# --- what a prediction does not depend on ----------------------------------------------------------------------------


@settings(max_examples=30)
@given(adjacency=adjacencies(), seed=st.integers(0, 99), masked=st.booleans())
def test_the_order_of_the_nodes_changes_nothing(adjacency, seed, masked):
    batch = batch_of([cells_of(adjacency, seed)], 9)
    other = relabelled(batch, np.random.default_rng(seed), depth_as_position=True)
    net, probes = network(), np.random.default_rng(seed).standard_normal((1, 3))
    found, again = (predict(net, each, probes, masked=masked) for each in (batch, other))
    np.testing.assert_allclose(found, again, rtol=0, atol=1e-10)


@settings(max_examples=30)
@given(first=adjacencies(), second=adjacencies(), padding=st.integers(1, 4), masked=st.booleans())
def test_padding_changes_nothing(first, second, padding, masked):
    """Nor do other cells in the batch."""
    net, probes = network(), np.random.default_rng(0).standard_normal((2, 3))
    cells = [cells_of(first), cells_of(second)]
    together = predict(net, batch_of(cells, 8 + padding), probes, masked=masked)
    alone = [
        predict(net, batch_of([cell], cell.n_nodes), probes[[row]], masked=masked)[0] for row, cell in enumerate(cells)
    ]
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-10)


# --- what it does depend on ------------------------------------------------------------------------------------------


def test_probes_matter():
    batch = batch_of([cells_of(np.triu(np.ones((4, 4), np.int64), 1))] * 2, 5)
    one, other = predict(network(), batch, np.array([[0.0, 1, 2], [0, 1, 3]]))
    assert one != other
    assert RelationTransformer(len(OPS), 0, 16, 1, 2).probe is None


def test_directions_matter():
    """A convolution before the pooling is not one after it, although both are paths of the same nodes."""
    chain = np.diag(np.ones(3, np.uint8), 1)
    cells = [CellGraph(("input", *inner, "output"), chain) for inner in (("conv", "pool"), ("pool", "conv"))]
    one, other = predict(network(0), batch_of(cells, 4), np.empty((2, 0)))
    assert abs(one - other) > 1e-3


def test_the_features_of_a_node():
    """A chain deeper than the depths that are distinguished, the first edge three times."""
    n = DEEPEST + 4
    adjacency = np.diag(np.ones(n - 1, np.int64), 1)
    adjacency[0, 1] = 3
    feature, _, _ = read(batch_of([cells_of(adjacency)], n + 1))
    op, depth, counts = feature[0].split([len(OPS), DEEPEST + 1, 2], dim=-1)
    assert op[:n].argmax(-1).tolist()[0 :: n - 1] == [0, len(OPS) - 1]
    assert depth[:n].argmax(-1).tolist() == [min(node, DEEPEST) for node in range(n)]
    assert (op[:n].sum(-1) == 1).all()
    assert (depth[:n].sum(-1) == 1).all()
    assert counts[:3].exp().sub(1).round().tolist() == [[3, 0], [1, 3], [1, 1]]
    assert not feature[0, n:].any()
