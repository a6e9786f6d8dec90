"""Architectures and cell graphs as values."""

from __future__ import annotations

import copy
import pickle

import networkx as nx
import numpy as np
import pytest

from nassurrogate import Architecture, CellGraph, InputError, get_space

OPS = ("input", "conv", "pool", "output")
MATRIX = [[0, 1, 2, 0], [0, 0, 1, 0], [0, 0, 0, 3], [0, 0, 0, 0]]


def test_architectures_are_values() -> None:
    one, same, other = (get_space("nb201").parse(i) for i in (0, 0, 1))
    assert one == same == Architecture(get_space("nb201"), one.string)
    assert len({one, same, other}) == 2
    assert copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == one
    assert str(one) == one.string
    with pytest.raises(AttributeError):
        one.string = "x"  # type: ignore[misc]


def test_cell_graphs_are_values() -> None:
    source = np.array(MATRIX)
    graph = CellGraph(OPS, source)
    source[0, 1] = 9  # the graph keeps its own copy
    assert graph == CellGraph(list(OPS), MATRIX)
    assert len({graph, CellGraph(OPS, MATRIX)}) == 1
    assert graph != CellGraph(("input", "conv", "conv", "output"), MATRIX)
    assert graph != "graph"
    assert graph.edges() == [(0, 1, 1), (0, 2, 2), (1, 2, 1), (2, 3, 3)]
    assert repr(graph) == f"CellGraph(ops={OPS}, edges={graph.edges()})"
    with pytest.raises(AttributeError, match="immutable"):
        graph.ops = ()
    with pytest.raises(ValueError, match="read-only"):
        graph.adjacency[0, 1] = 2


def test_cell_graphs_can_be_copied_and_sent_to_workers() -> None:
    graph = CellGraph(OPS, MATRIX)
    for duplicate in (copy.copy(graph), copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        assert duplicate == graph
        assert not duplicate.adjacency.flags.writeable


@pytest.mark.parametrize(
    ("ops", "matrix", "message"),
    [
        ([], [], "'input' first"),
        (["input"], [[0]], "'input' first"),
        (["output", "input"], [[0, 1], [0, 0]], "'input' first"),
        (["input", "output", "output"], np.zeros((3, 3), int), "neither between"),
        (["input", "output"], [[0, 1, 0], [0, 0, 0]], "2x2 adjacency, got (2, 3)"),
        (["input", "output"], [[0, 1], [0]], "rows of different lengths"),
        (["input", "output"], [[0, 1], [1, 0]], "upper triangular"),
        (["input", "output"], [[1, 1], [0, 0]], "upper triangular"),
        (["input", "output"], [[0, -1], [0, 0]], "from 0 to 255, got -1"),
        (["input", "output"], np.array([[0, 256], [0, 0]]), "from 0 to 255, got 0 … 256"),
        (["input", "output"], [[0, 0.5], [0, 0]], "integers, got float64"),
        (["input", "output"], [["0", "1"], ["0", "0"]], "integers"),
    ],
)
def test_graphs_that_break_the_rules(ops: list[str], matrix: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        CellGraph(ops, matrix)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_networkx_round_trip_with_names_that_cannot_be_compared() -> None:
    graph = CellGraph(OPS, MATRIX)
    assert CellGraph.from_networkx(graph.to_networkx()) == graph
    renamed = nx.relabel_nodes(graph.to_networkx(), {0: "in", 1: (1, 2), 2: 7, 3: None} | {3: "end"})
    assert CellGraph.from_networkx(renamed) == graph


def test_parallel_edges_of_a_multigraph_add_up() -> None:
    graph = nx.MultiDiGraph()
    graph.add_nodes_from([(0, {"op": "input"}), (1, {"op": "output"})])
    graph.add_edges_from([(0, 1), (0, 1), (0, 1, {"multiplicity": 2})])
    assert CellGraph.from_networkx(graph).edges() == [(0, 1, 4)]


def test_networkx_graphs_that_are_no_cell() -> None:
    cyclic = nx.DiGraph([(0, 1), (1, 2), (2, 1), (1, 3)])
    with pytest.raises(InputError, match="needs an 'op' that is a string; node 0 has none"):
        CellGraph.from_networkx(cyclic)
    nx.set_node_attributes(cyclic, dict(enumerate(("input", "conv", "conv", "output"))), "op")
    with pytest.raises(InputError, match="acyclic"):
        CellGraph.from_networkx(cyclic)
    with pytest.raises(InputError, match="undirected"):
        CellGraph.from_networkx(cyclic.to_undirected())
    late_input = nx.DiGraph([(0, 1)])
    nx.set_node_attributes(late_input, {0: "output", 1: "input"}, "op")
    with pytest.raises(InputError, match="'input' first"):
        CellGraph.from_networkx(late_input)
    fraction = nx.DiGraph([(0, 1, {"multiplicity": 0.5})])
    nx.set_node_attributes(fraction, {0: "input", 1: "output"}, "op")
    with pytest.raises(InputError, match="integers"):
        CellGraph.from_networkx(fraction)
