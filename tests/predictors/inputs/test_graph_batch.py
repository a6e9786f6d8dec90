"""Cells as padded arrays."""

from __future__ import annotations

import numpy as np
import pytest

from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.predictors.inputs.graph_batch import encode, relabelled

OPS = ("input", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "none", "output")


@pytest.mark.parametrize("by_depth", [True, False])
def test_a_relabelled_cell_is_the_same_cell(space, by_depth):
    cells = space.sample(40, np.random.default_rng(0))
    graphs = [space.graph(cell, canonical=by_depth) for cell in cells]
    batch = encode(graphs, OPS, 10, depth_as_position=by_depth)
    other = relabelled(batch, np.random.default_rng(1), depth_as_position=by_depth)
    assert (other.mask == batch.mask).all()
    moved = 0
    for row, graph in enumerate(graphs):
        n = graph.n_nodes
        assert not other.adjacency[row, n:].any()
        assert not other.adjacency[row, :, n:].any()
        names = [OPS[code] for code in other.op[row, :n]]
        again = CellGraph(names, other.adjacency[row, :n, :n].astype(np.uint8))  # so it is upper triangular
        assert _key(again) == _key(graph)
        moved += again != graph
        expected = encode([again], OPS, 10, depth_as_position=by_depth)
        assert (other.position[row] == expected.position[0]).all()
    assert moved > 10


def _key(graph):
    from nassurrogate.graphs.canonical import canonical_graph, graph_key

    return graph_key(canonical_graph(graph)), sorted(graph.ops)
