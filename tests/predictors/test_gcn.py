"""The GCN of BRP-NAS: its size, its inputs, and the direction of edges."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.errors import InputError
from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.predictors.gcn import GCN, PAPER, GCNConfig, GCNNet, GraphConvolution
from nassurrogate.predictors.inputs.graph_batch import encode
from nassurrogate.predictors.training.losses import absolute_loss
from nassurrogate.spaces.nb201.space import EDGES

TINY = {"width": 8, "members": 2, "epochs": 2}


def own_inputs(space, graphs, cells):
    predictor = GCN(space, config={**TINY, "cells": cells}, device="cpu")
    batch = encode(graphs, predictor._vocabulary, 8, depth_as_position=False)
    return predictor._read(*(torch.from_numpy(part) for part in vars(batch).values()))


def test_the_paper_has_its_number_of_parameters():
    """1.1 million: 4 layers of 600, an affine norm after each, one output; 3 operations and 3 special nodes."""
    with torch.device("meta"):
        net = GCNNet(6, PAPER)
    layers = (6 + 1 + 2) * 600 + 3 * (600 + 1 + 2) * 600
    assert sum(weight.numel() for weight in net.parameters()) == layers + 601 == 1_091_401


def test_a_cell_by_hand(space):
    """Cell 1 reads its input twice; the sum of four tensors is its output."""
    graph = space.graph(space.parse(1))
    assert graph.ops == ("input", "nor_conv_3x3", "nor_conv_3x3", "avg_pool_3x3", "nor_conv_3x3", "output")
    feature, reads = (part[0].tolist() for part in own_inputs(space, [graph], "reduced"))
    # The global node comes first and reads everything; a node reads itself and the nodes it feeds.
    nothing = [0] * 9
    assert reads == [
        [1, 1, 1, 1, 1, 1, 1, 0, 0],
        [0, 1, 1, 1, 0, 0, 1, 0, 0],
        [0, 0, 1, 0, 1, 1, 0, 0, 0],
        [0, 0, 0, 1, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 1, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 1, 0, 0],
        nothing,
        nothing,
    ]
    numbers = {"global": 5, "input": 0, "nor_conv_1x1": 1, "nor_conv_3x3": 2, "avg_pool_3x3": 3, "output": 4}
    for row, name in zip(feature, ("global", *graph.ops), strict=False):
        assert row == [float(place == numbers[name]) for place in range(6)]
    assert feature[7:] == [[0] * 6] * 2


def test_pruned_cells_keep_nodes_of_removed_operations(space):
    """As released: only the global node reads them, they have no features, and an edge counts once."""
    twice = CellGraph(("input", "nor_conv_1x1", "output"), [[0, 1, 2], [0, 0, 3], [0, 0, 0]])
    feature, reads = (part[0] for part in own_inputs(space, [twice], "pruned"))
    expected = np.eye(9)
    expected[0] = 1
    expected[1, [2, 3]] = 1
    expected[2, 3] = 1
    assert reads.tolist() == expected.tolist()
    assert not feature[4:].any()
    assert own_inputs(space, [twice], "reduced")[1][0, 1:4, 1:4].tolist() == [[1, 1, 2], [0, 1, 3], [0, 0, 1]]


@settings(max_examples=15)
@given(index=st.integers(0, 15_624))
def test_pruning_keeps_nodes_on_paths_from_input_to_output(space, index):
    """The nodes that the released code's pruning keeps are those of the canonical graph, counted by networkx."""
    cell = space.parse(index)
    lines = nx.DiGraph([("in", (0, 0)), ((3, 0), "out")])
    ops = dict(zip(EDGES, space.to_ops(cell), strict=True))
    for edge in ops:
        lines.add_edge((edge[0], 0), edge)
        lines.add_edge(edge, (edge[1], 0))
    lines.remove_nodes_from([edge for edge, op in ops.items() if op == "none"])
    live = nx.descendants(lines, "in") & nx.ancestors(lines, "out")
    convolutions = sorted(ops[node] for node in live if ops.get(node, "skip_connect") != "skip_connect")
    assert convolutions == sorted(space.graph(cell).ops[1:-1])


def test_a_layer_is_its_formula():
    torch.manual_seed(0)
    layer = GraphConvolution(3, 4, dropout=0.0)
    x, reads = torch.rand(2, 5, 3), torch.randint(0, 3, (2, 5, 5)).float()
    given_ = layer(x, reads)
    for row in range(2):
        summed = torch.stack([sum(reads[row, i, j] * (x[row, j] @ layer.weight) for j in range(5)) for i in range(5)])
        pre = summed + layer.bias
        normed = (pre - pre.mean(-1, keepdim=True)) / (pre.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        np.testing.assert_allclose(given_[row].detach(), normed.clamp(min=0).detach(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("cells", ["reduced", "pruned"])
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_predictions_do_not_depend_on_the_order_of_nodes(space, cells, seed):
    rng = np.random.default_rng(seed)
    graph = space.graph(space.parse(int(rng.integers(15_625))))
    feature, reads = (part.double() for part in own_inputs(space, [graph], cells))
    order = torch.from_numpy(np.r_[0, 1 + rng.permutation(8)])
    torch.manual_seed(0)
    net = GCNNet(6, GCNConfig(width=8)).eval().double()
    with torch.no_grad():
        np.testing.assert_allclose(
            net(feature, reads), net(feature[:, order], reads[:, order][:, :, order]), rtol=0, atol=1e-12
        )


def test_predictions_do_not_depend_on_padding(space):
    feature, reads = (part.double() for part in own_inputs(space, [space.graph(space.parse(1))], "reduced"))
    torch.manual_seed(0)
    net = GCNNet(6, GCNConfig(width=8)).eval().double()
    more = torch.nn.functional.pad(feature, (0, 0, 0, 4), value=7.0), torch.nn.functional.pad(reads, (0, 4, 0, 4))
    with torch.no_grad():
        np.testing.assert_allclose(net(feature, reads), net(*more), rtol=0, atol=1e-12)


def test_the_paper_learns_fractions_and_scores_equal_functions_equally(space):
    predictor = GCN(space, preset="paper", config={"width": 16, "epochs": 3}, device="cpu")
    predictor.fit(space.parse_many(range(60)), np.linspace(10, 90, 60))
    assert predictor._loss is absolute_loss
    classes = space.class_ids()
    for number in range(5):
        mean, std = predictor.predict(space.parse_many(np.flatnonzero(classes == number)))
        assert len(set(mean)) == 1
        assert not std.any()
    restored = GCN(space, preset="paper", config={"width": 16, "epochs": 3}, device="cpu")
    restored.load_state(*predictor.state())
    cells = space.parse_many(range(100))
    assert (restored.predict(cells)[0] == predictor.predict(cells)[0]).all()


def test_the_absolute_error():
    rng = np.random.default_rng(0)
    y, target = rng.random((2, 6, 1)), rng.random((2, 6))
    given_ = absolute_loss(torch.from_numpy(y), torch.from_numpy(target))
    np.testing.assert_allclose(given_, np.abs(y[..., 0] - target).mean(axis=1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cells": "wired"}, "cells is one of reduced, pruned"),
        ({"labels": "ranks"}, "labels is one of rank, fraction"),
        ({"width": 4096, "members": 17}, "must be at most 65536"),
        ({"layers": 0}, "layers must lie in"),
        ({"width": 10**9}, "width must lie in"),
    ],
)
def test_bad_configurations(space, changes, message):
    with pytest.raises(InputError, match=message):
        GCN(space, config=changes)
