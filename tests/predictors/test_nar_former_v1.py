"""NAR-Former: its size, its tokens, its invariances, and its training."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.errors import InputError
from nassurrogate.graphs.canonical import canonical_graph, graph_key
from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.predictors.nar_former_v1 import PAPER, Attention, NarFormerV1, NarFormerV1Net, V1Config, tokens
from nassurrogate.predictors.training.losses import inconsistency, sequence_ranking, squared_loss

TINY = {"code_width": 4, "heads": 2, "blocks": 1, "members": 2, "epochs": 2}
TINY_PAPER = {**TINY, "members": 1}


def own_inputs(space, indices, preset="fast", **changes):
    predictor = NarFormerV1(space, preset=preset, config=changes, device="cpu")
    batch = predictor._table.take(predictor._table.rows(space.parse_many(indices)))
    return predictor._read(*(torch.from_numpy(part) for part in vars(batch).values()))


def code(number, width):
    """The code of a number by its formula: frequency by frequency, sine before cosine."""
    last = width // 2 - 1
    return [f(math.pi * number * (1 + k / last)) for k in range(width // 2) for f in (math.sin, math.cos)]


def test_the_paper_has_the_parameters_of_its_layers():
    """Counted from the layers of the released code: 4.8 million."""
    square, norm = 192 * 192 + 192, 2 * 192
    feed_forward = norm + (192 * 768 + 768) + (768 * 192 + 192)
    block = norm + 4 * square + feed_forward
    fusion = norm + 3 * square + feed_forward
    recall = 2 * norm + 4 * square + feed_forward
    expected = square + 6 * block + 3 * fusion + 2 * recall + (4 + 2 + 1) * 192 + norm + 193
    with torch.device("meta"):
        net = NarFormerV1Net(PAPER)
    assert sum(weight.numel() for weight in net.parameters()) == expected == 4_822_081


def test_the_tokens_of_a_cell_by_hand(space):
    """The canonical graph of cell 1: input → two convolutions, the first → a pooling and a third convolution."""
    graph = space.graph(space.parse(1))
    assert graph.ops == ("input", "nor_conv_3x3", "nor_conv_3x3", "avg_pool_3x3", "nor_conv_3x3", "output")
    token, there = (part[0] for part in own_inputs(space, [1], code_width=16))
    op = {"input": 0, "nor_conv_3x3": 4, "avg_pool_3x3": 5, "output": 6}
    reads = [[-1], [0], [0], [1], [1], [0, 2, 3, 4]]
    assert graph.edges()[-1] == (4, 5, 1)
    expected = [code(6, 48), 3 * code(100_000, 16)]
    for place, (name, sources) in enumerate(zip(graph.ops, reads, strict=True)):
        summed = np.sum([code(source, 16) for source in sources], axis=0)
        expected.append([*code(op[name], 16), *code(place, 16), *summed])
    np.testing.assert_allclose(token[:8], expected, rtol=0, atol=1e-6)
    assert not token[8:].any()
    assert there.tolist() == [True] * 8 + [False] * 2


def test_a_node_that_is_read_twice_counts_twice():
    adjacency = torch.tensor([[0.0, 2.0], [0.0, 0.0]])
    token, _ = tokens(torch.tensor([0, 1]), adjacency, torch.ones(2, dtype=torch.bool), 8)
    np.testing.assert_allclose(token[3, 16:], 2 * np.array(code(0, 8)), rtol=0, atol=1e-6)


def test_the_paper_reads_all_edges(space):
    token, there = own_inputs(space, range(20), "paper")
    assert token.shape == (20, 10, 192)
    assert there.all()
    assert (token[:, :2] == token[:1, :2]).all()  # cells of equal size have equal depth
    assert len({tuple(row.flatten().tolist()) for row in token}) == 20


def test_no_two_numbers_of_a_token_share_a_code(space):
    width = V1Config().code_width
    codes = np.array([code(number, width) for number in (-1, 100_000, *range(space.max_nodes))])
    similarity = codes @ codes.T / (width / 2)
    assert np.abs(similarity - np.eye(len(codes))).max() < 0.9


@pytest.mark.parametrize("preset", ["fast", "paper"])
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_relabelled_view_is_the_same_cell_in_topological_order(space, preset, seed):
    """Its tokens are those of an isomorphic graph whose adjacency is upper triangular."""
    rng = np.random.default_rng(seed)
    predictor = NarFormerV1(space, preset=preset, device="cpu")
    cells = space.sample(8, rng)
    graphs = [space.graph(cell, canonical=preset == "fast") for cell in cells]
    token, there = predictor.inputs(cells, rng)
    assert token.shape[1] == there.shape[1] == 2
    assert (there[:, 0] == there[:, 1]).all()
    vocabulary = ("input", *space.ops, "output")
    width = predictor.config.code_width
    for row, graph in enumerate(graphs):
        again = _read_back(token[row, 1, 2 : 2 + graph.n_nodes].numpy(), vocabulary, width)
        assert graph_key(canonical_graph(again)) == graph_key(canonical_graph(graph))
        assert sorted(again.ops) == sorted(graph.ops)
        assert again.adjacency.sum() == graph.adjacency.sum()


def _read_back(token, vocabulary, width):
    """The graph with these tokens; a `CellGraph` must be upper triangular."""
    number = np.array([code(place, width) for place in range(len(token))])
    op = np.array([code(place, width) for place in range(len(vocabulary))])
    np.testing.assert_allclose(token[:, width : 2 * width], number, rtol=0, atol=1e-6)
    ops = [vocabulary[np.abs(op - row[:width]).sum(axis=1).argmin()] for row in token]
    times = np.linalg.lstsq(number.T, token[1:, 2 * width :].T, rcond=None)[0]
    adjacency = np.zeros((len(token), len(token)), dtype=int)
    adjacency[:, 1:] = times.round()
    np.testing.assert_allclose(times, adjacency[:, 1:], rtol=0, atol=1e-3)
    return CellGraph(ops, adjacency)


def test_without_consistency_there_is_one_view(space):
    predictor = NarFormerV1(space, config={"consistency": 0.0}, device="cpu")
    token, there = predictor.inputs([space.parse(3)], np.random.default_rng(0))
    assert token.shape[1] == there.shape[1] == 1


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_predictions_do_not_depend_on_padding_or_order_of_tokens(space, preset):
    """Tokens contain the numbers of nodes: the network reads a set, after the depth."""
    token, there = own_inputs(space, range(20), preset, **TINY_PAPER)
    torch.manual_seed(0)
    net = NarFormerV1Net(NarFormerV1(space, preset=preset, config=TINY_PAPER).config).eval().double()
    token = token.double()
    pad = torch.nn.functional.pad
    order = torch.tensor([0, *(1 + np.random.default_rng(0).permutation(9))])
    with torch.no_grad():
        alone = net(token, there)
        np.testing.assert_allclose(net(pad(token, (0, 0, 0, 3), value=7.0), pad(there, (0, 3))), alone, atol=1e-12)
        np.testing.assert_allclose(net(token[:, order], there[:, order]), alone, rtol=0, atol=1e-12)


def test_attention_is_that_of_torch():
    torch.manual_seed(0)
    config = V1Config(code_width=8, heads=4)
    own = Attention(config, maps_query=True).double()
    torchs = torch.nn.MultiheadAttention(24, 4, batch_first=True).double()
    maps = (own.query_map, own.key_map, own.value_map)
    torchs.in_proj_weight.data = torch.cat([layer.weight.data for layer in maps])
    torchs.in_proj_bias.data = torch.cat([layer.bias.data for layer in maps])
    torchs.out_proj.load_state_dict(own.output_map.state_dict())
    query, token = torch.rand(3, 2, 24).double(), torch.rand(3, 5, 24).double()
    there = torch.tensor([[True] * 5, [True, False, True, False, True], [False] * 4 + [True]])
    with torch.no_grad():
        expected, _ = torchs(query, token, token, key_padding_mask=~there)
        np.testing.assert_allclose(own(query, token, there), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_gradients_reach_every_parameter(space, preset):
    predictor = NarFormerV1(space, preset=preset, config={**TINY_PAPER, "blocks": 2}, device="cpu")
    token, there = own_inputs(space, range(64), preset, **TINY_PAPER)
    torch.manual_seed(0)
    net = NarFormerV1Net(predictor.config).train()
    predictor._loss(net(token, there).reshape(1, 32, 2), torch.rand(1, 32)).sum().backward()
    # Adding one vector to all keys shifts all logits equally, which softmax ignores.
    for name, weight in net.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().max() > (0 if not name.endswith("key_map.bias") else -1), name


def test_the_papers_loss_is_its_formula():
    rng = np.random.default_rng(0)
    y, target = torch.from_numpy(rng.random((2, 6, 2))), torch.from_numpy(rng.random((2, 6)))
    torch.manual_seed(5)
    given_ = squared_loss(y, target)
    torch.manual_seed(5)
    ranking = sequence_ranking(y, target)
    error = ((y - target[..., None]) ** 2).mean((1, 2))
    apart = (y[..., 1] - y[..., 0]).abs().mean(1)
    np.testing.assert_allclose(inconsistency(y), apart)
    np.testing.assert_allclose(given_, error + 0.1 * ranking + 0.5 * apart)


def test_only_raw_graphs_distinguish_equivalent_cells(space):
    """Isomorphic strings score equally on the canonical graph; on the raw graph, as published, they need not."""
    cells = space.parse_many(range(40))
    classes = space.class_ids()
    equivalent = max((np.flatnonzero(classes == number) for number in range(200)), key=len)
    spread = {}
    for preset in ("fast", "paper"):
        predictor = NarFormerV1(space, preset=preset, config=TINY_PAPER, device="cpu")
        predictor.fit(cells, np.linspace(10, 90, 40))
        spread[preset] = len(set(predictor.predict(space.parse_many(equivalent))[0]))
    assert spread["fast"] == 1
    assert spread["paper"] > 1


def test_percentages_of_the_paper_do_not_depend_on_the_batch(space):
    predictor = NarFormerV1(space, preset="paper", config=TINY_PAPER, device="cpu")
    predictor.fit(space.parse_many(range(10)), np.linspace(0, 100, 10))
    together, _ = predictor.predict(space.parse_many(range(90)))
    assert ((together > 0) & (together < 100)).all()
    assert [predictor.predict([space.parse(i)])[0][0] for i in range(0, 90, 7)] == together[::7].tolist()
    with pytest.raises(InputError, match=r"\[0, 100\], got 50 to 101"):
        predictor.fit(space.parse_many(range(2)), np.array([50.0, 101.0]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cells": "pruned"}, "cells is one of reduced, wired"),
        ({"code_width": 15}, "code_width must be even"),
        ({"heads": 5}, r"heads must divide 3 \* code_width \(48\), got 5"),
        ({"code_width": 1024, "ffn_ratio": 16, "members": 5, "heads": 1}, "must be at most 65536"),
        ({"consistency": -1.0}, "consistency must lie in"),
        ({"epochs": 0}, "epochs must lie in"),
    ],
)
def test_bad_configurations(space, changes, message):
    with pytest.raises(InputError, match=message):
        NarFormerV1(space, config=changes)
