"""The layout for scoring: it predicts what the one for training does, in pieces on all cores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.graphs.codes import op_vocabulary
from nassurrogate.predictors.inputs.cells import read
from nassurrogate.predictors.inputs.graph_batch import GraphBatch
from nassurrogate.predictors.probe_former.relation_scoring import RelationScorer
from nassurrogate.predictors.probe_former.relation_transformer import RelationTransformer
from nassurrogate.runtime.core_threads import on_all_cores
from nassurrogate.spaces import get_space
from tests.predictors.probe_former.oracle import network_inputs

N_OPS = 5


def network(n_ops, n_proxies=3, width=8, blocks=2, seed=0):
    """In double precision; no scale is 1 and no bias 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = RelationTransformer(n_ops, n_proxies, width, blocks, ffn_ratio=3).double().eval()
        for weight in made.parameters():
            weight.data.add_(torch.rand_like(weight) / 4)
    return made


def assert_both_layouts_agree(made, graphs, n_ops):
    """On (B,) graphs of one size, without padding."""
    feature, bias, adjacency, mask = network_inputs(graphs, n_ops)
    with torch.no_grad():
        wanted = made(feature, bias, adjacency, mask)[:, 0]
        cells_last = feature.permute(2, 1, 0), bias.movedim(0, -1), adjacency.movedim(0, -1)
        found = RelationScorer(made.state_dict())(*(part.contiguous() for part in cells_last))
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


@settings(max_examples=20)
@given(
    n_cells=st.integers(1, 6),
    n_nodes=st.integers(2, 8),
    n_proxies=st.sampled_from([0, 3]),
    width=st.sampled_from([8, 20]),
    blocks=st.integers(1, 3),
    seed=st.integers(0, 999),
)
def test_both_layouts_agree(n_cells, n_nodes, n_proxies, width, blocks, seed):
    """On random graphs with multiplicities."""
    rng, shape = np.random.default_rng(seed), (n_cells, n_nodes)
    graphs = GraphBatch(
        rng.integers(N_OPS, size=shape),
        np.triu(rng.integers(3, size=(*shape, n_nodes)), 1).astype(np.float32),
        rng.integers(n_nodes, size=shape),
        np.ones(shape, bool),
    )
    assert_both_layouts_agree(network(N_OPS, n_proxies, width, blocks, seed), graphs, N_OPS)


@pytest.mark.parametrize("name", ["nb201", "nb101"])
def test_both_layouts_agree_on_cells_of_every_size(name):
    space, rng = get_space(name), np.random.default_rng(0)
    n_ops, sizes = len(op_vocabulary(space.computing_ops)), space.class_graphs.n_nodes
    for size in np.unique(sizes):
        graphs = read(space, rng.permutation(np.flatnonzero(sizes == size))[:10]).graph
        cut = GraphBatch(
            graphs.op[:, :size], graphs.adjacency[:, :size, :size], graphs.position[:, :size], graphs.mask[:, :size]
        )
        assert cut.mask.all()
        assert_both_layouts_agree(network(n_ops, seed=size), cut, n_ops)


@pytest.mark.parametrize("threads", [1, 3])
def test_every_piece_is_done_once_on_threads_of_one_core(threads):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        done = []
        on_all_cores(lambda piece: done.append((piece, torch.get_num_threads())), range(50))
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert sorted(done) == [(piece, 1) for piece in range(50)]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_failing_piece_raises(threads):
    before = torch.get_num_threads()

    def work(piece):
        begun.append(piece)
        if piece == 3:
            raise ZeroDivisionError("piece 3")

    begun: list[int] = []
    try:
        torch.set_num_threads(threads)
        with pytest.raises(ZeroDivisionError, match="piece 3"):
            on_all_cores(work, range(100_000))
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert len(begun) < 100_000
