"""The layouts for scoring and training give the same predictions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.predictors.probe_former.relation_scoring import RelationScorer
from nassurrogate.predictors.probe_former.relation_transformer import RelationTransformer, node_features, relation_bias
from nassurrogate.runtime.core_threads import on_all_cores

N_OPS = 5


@settings(max_examples=20)
@given(
    n_cells=st.integers(1, 6),
    n_nodes=st.integers(2, 8),
    n_probes=st.sampled_from([0, 3]),
    width=st.sampled_from([8, 20]),
    blocks=st.integers(1, 3),
    seed=st.integers(0, 999),
)
def test_both_layouts_agree(n_cells, n_nodes, n_probes, width, blocks, seed):
    draw = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = RelationTransformer(N_OPS, n_probes, width, blocks, ffn_ratio=3).double().eval()
    with torch.no_grad():
        for weight in network.parameters():  # no scale stays 1 and no bias 0
            weight += torch.rand(weight.shape, generator=draw, dtype=torch.float64) / 4
    adjacency = torch.randint(0, 3, (n_cells, n_nodes, n_nodes), generator=draw).triu(1).float()
    mask = torch.ones(n_cells, n_nodes, dtype=torch.bool)
    op = torch.randint(0, N_OPS, (n_cells, n_nodes), generator=draw)
    depth = torch.randint(0, n_nodes, (n_cells, n_nodes), generator=draw)
    feature = node_features(op, adjacency, depth, mask, N_OPS).double()
    bias = relation_bias(adjacency, mask).double()
    probe = torch.rand(n_cells, n_probes, generator=draw, dtype=torch.float64)
    with torch.no_grad():
        wanted = network(feature, bias, mask, probe)
        found = RelationScorer(network.state_dict())(feature.permute(2, 1, 0), bias.movedim(0, -1), probe.T)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


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
