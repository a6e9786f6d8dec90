"""nb201 cells as graphs: the official drawing, and operations on nodes under any labelling."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.errors import InputError
from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.spaces.nb201.space import EDGES, NB201, OPS

SPACE = NB201()
cells = st.integers(0, SPACE.size - 1).map(SPACE.parse)


def relabelled(graph: CellGraph, order: list[int]) -> nx.DiGraph[str]:
    """The same graph with foreign node names, nodes and edges inserted in another order."""
    drawn = graph.to_networkx()
    mixed: nx.DiGraph[str] = nx.DiGraph()
    mixed.add_nodes_from((f"n{order.index(node)}", drawn.nodes[node]) for node in order)
    mixed.add_edges_from(
        (f"n{order.index(x)}", f"n{order.index(y)}", data) for x, y, data in reversed(list(drawn.edges(data=True)))
    )
    return mixed


@given(cells)
def test_official_drawing_round_trip(arch: object) -> None:
    graph = SPACE.to_networkx(arch)  # type: ignore[arg-type]
    assert list(graph.nodes) == [0, 1, 2, 3]
    assert set(graph.edges) == set(EDGES)
    assert SPACE.from_networkx(graph) is arch
    backwards: nx.DiGraph[int] = nx.DiGraph()
    backwards.add_edges_from(reversed(list(graph.edges(data=True))))
    assert SPACE.from_networkx(backwards) is arch


@given(cells, st.permutations(range(8)))
def test_operations_on_nodes_round_trip_under_relabelling(arch: object, order: list[int]) -> None:
    graph = SPACE.graph(arch, canonical=False)  # type: ignore[arg-type]
    assert graph.ops[1:-1] == SPACE.to_ops(arch)  # type: ignore[arg-type]
    assert SPACE.from_graph(graph) is arch
    assert SPACE.from_graph(CellGraph.from_networkx(relabelled(graph, order))) is arch


def test_every_cell_survives_the_tour_of_all_forms() -> None:
    for index in range(0, SPACE.size, 97):
        arch = SPACE.parse(index)
        as_nodes = CellGraph.from_networkx(arch.graph(canonical=False).to_networkx())
        assert SPACE.from_networkx(SPACE.to_networkx(SPACE.from_graph(as_nodes))).index == index


def test_operation_nodes_follow_the_edges_of_the_cell() -> None:
    graph = SPACE.parse(0).graph(canonical=False)
    starts = {0: {1, 2, 4}, 1: {3, 5}, 2: {6}, 3: {6}, 4: {7}, 5: {7}, 6: {7}}  # an edge's node → its readers
    assert {x: {y for source, y, _ in graph.edges() if source == x} for x in starts} == starts
    assert all(multiplicity == 1 for _, _, multiplicity in graph.edges())


def test_a_canonical_graph_is_not_a_raw_graph() -> None:
    for graph in (SPACE.parse(0).graph(), CellGraph(["input", "output"], [[0, 1], [0, 0]])):
        with pytest.raises(InputError, match="not the graph of an nb201 cell"):
            SPACE.from_graph(graph)
    full = SPACE.parse(0).graph(canonical=False)
    doubled = np.array(full.adjacency)
    doubled[0, 1] = 2
    with pytest.raises(InputError, match="not the graph of an nb201 cell"):
        SPACE.from_graph(CellGraph(full.ops, doubled))
    with pytest.raises(InputError, match="unknown op 'conv5x5' on edge 1"):
        SPACE.from_graph(CellGraph(("input", "conv5x5", *full.ops[2:]), full.adjacency))


def _official() -> nx.DiGraph[int]:
    return SPACE.to_networkx(SPACE.parse(0))


def test_drawings_that_are_no_cell() -> None:
    lacking = _official()
    lacking.remove_edge(0, 3)
    extra = _official()
    extra.add_node(4)
    turned = _official().reverse()
    for graph in (lacking, extra, turned, nx.DiGraph()):
        with pytest.raises(InputError, match=r"nodes 0, 1, 2, 3 and the edges \[\(0, 1\)"):
            SPACE.from_networkx(graph)
    for kind in (nx.Graph, nx.MultiDiGraph):
        with pytest.raises(InputError, match=f"DiGraph, got a {kind.__name__}"):
            SPACE.from_networkx(kind(_official()))
    unnamed = _official()
    del unnamed.edges[0, 1]["op"]
    with pytest.raises(InputError, match=f"unknown op None on edge 1 .* known ops: {OPS[0]}"):
        SPACE.from_networkx(unnamed)
