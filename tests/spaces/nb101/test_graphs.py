"""Identity of nb101 cells: what networkx finds isomorphic is one cell, what it does not is two."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.graphs.canonical import canonical_graph, graph_key
from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.spaces import get_space
from nassurrogate.spaces.nb101.space import NB101, OPS

indices = st.integers(0, 423_623)


@pytest.fixture(scope="module")
def space() -> NB101:
    found = get_space("nb101")
    assert isinstance(found, NB101)
    return found


def _isomorphic(first: nx.DiGraph[int], second: nx.DiGraph[int]) -> bool:
    return nx.is_isomorphic(first, second, node_match=lambda a, b: bool(a["op"] == b["op"]))


@given(index=indices, seed=st.integers(0, 2**32 - 1))
def test_a_cell_in_any_order_is_the_same_cell(space: NB101, index: int, seed: int) -> None:
    arch = space.parse(index)
    drawn = space.to_networkx(arch)
    order = np.random.default_rng(seed).permutation(len(drawn)).tolist()
    renamed = nx.relabel_nodes(drawn, dict(enumerate(order)))
    assert space.from_networkx(renamed) == arch
    assert _isomorphic(drawn, space.graph(arch).to_networkx())
    assert space.canonical_key(arch) == graph_key(canonical_graph(CellGraph.from_networkx(renamed)))


def test_cells_alike_in_all_degrees_are_not_isomorphic(space: NB101) -> None:
    alike: dict[object, list[int]] = defaultdict(list)
    for index in range(0, space.size, 23):
        graph = space.graph(space.parse(index))
        degrees = zip(
            graph.ops, graph.adjacency.sum(axis=0).tolist(), graph.adjacency.sum(axis=1).tolist(), strict=True
        )
        alike[tuple(sorted(degrees))].append(index)
    pairs = [pair for group in alike.values() for pair in combinations(group[:4], 2)]
    assert len(pairs) > 300
    for first, second in pairs[:1_000]:
        assert not _isomorphic(*(space.to_networkx(space.parse(index)) for index in (first, second)))


@given(data=st.data())
def test_any_drawn_graph_is_its_cell_or_refused(space: NB101, data: st.DataObject) -> None:
    n_vertices = data.draw(st.integers(2, 7))
    matrix = np.zeros((n_vertices, n_vertices), dtype=int)
    rows, columns = np.triu_indices(n_vertices, 1)
    picked = data.draw(st.lists(st.sampled_from(range(len(rows))), max_size=9, unique=True))
    matrix[rows[picked], columns[picked]] = 1
    ops = [
        "input",
        *data.draw(st.lists(st.sampled_from(OPS), min_size=n_vertices - 2, max_size=n_vertices - 2)),
        "output",
    ]
    drawn = CellGraph(ops, matrix).to_networkx()
    live = nx.descendants(drawn, 0) & nx.ancestors(drawn, n_vertices - 1)
    if n_vertices - 1 not in nx.descendants(drawn, 0):
        with pytest.raises(ValueError, match="no path from"):
            space.from_spec(matrix, ops)
        return
    cell = space.from_spec(matrix, ops)
    assert _isomorphic(space.to_networkx(cell), drawn.subgraph({0, *live, n_vertices - 1}))
