"""Paths through the parts of a network, counted by their operators."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, product

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
from nassurrogate.graphs.readers.torch_reader import read_torch
from nassurrogate.predictors.space_process.path_counts import path_counts

SHAPE = ((1, 4, 8, 8),)
KINDS = {"Conv": (3, 3), "MaxPool": (2, 2), "Add": (), "Relu": ()}


def graph_of(kinds, inputs) -> OperatorGraph:
    operators = [Operator("Input", (), SHAPE)]
    operators += [Operator(kind, tuple(of), SHAPE, kernel=KINDS[kind]) for kind, of in zip(kinds, inputs, strict=True)]
    return OperatorGraph(operators)


@st.composite
def graphs(draw) -> OperatorGraph:
    """Every operator reads one or two earlier ones; several may be outputs."""
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=8))
    inputs = [draw(st.lists(st.integers(0, place), min_size=1, max_size=2)) for place in range(len(kinds))]
    return graph_of(kinds, inputs)


def counted_by_listing(graph: OperatorGraph) -> Counter:
    """The same, by listing all paths with networkx."""
    walks = nx.MultiDiGraph()
    walks.add_nodes_from(range(len(graph)))
    walks.add_edges_from(graph.edges())
    outputs = [node for node in walks if walks.out_degree(node) == 0]

    def nodes_of_paths(source, targets):
        for target in targets:
            if source == target:
                yield (source,)
            for edges in nx.all_simple_edge_paths(walks, source, [target]):
                if edges:
                    yield (source, *(edge[1] for edge in edges))

    every = list(nodes_of_paths(0, outputs))
    cuts = sorted(set.intersection(*map(set, every)))
    names = {"Conv": "Conv 3", "MaxPool": "MaxPool 2"}
    total: Counter = Counter()
    for start, end in pairwise(cuts):
        part = Counter()
        for nodes in nodes_of_paths(start, [end]):
            path = tuple(names[graph.operators[x].kind] for x in nodes[1:] if graph.operators[x].kind in names)
            part[path if len(path) <= 3 else ("longer",) * 4] += 1
        if part != {(): 1}:
            total.update(part)
    return total


@settings(max_examples=150, deadline=None)
@given(graph=graphs())
def test_every_path_between_cuts_counts_once(graph: OperatorGraph) -> None:
    assert path_counts(graph) == counted_by_listing(graph)


def test_a_chain_counts_its_operators_and_a_block_its_paths() -> None:
    chain = graph_of(["Conv", "Relu", "Conv", "MaxPool"], [[0], [1], [2], [3]])
    assert path_counts(chain) == {("Conv 3",): 2, ("MaxPool 2",): 1}
    block = graph_of(["Conv", "Relu", "Conv", "Add"], [[0], [1], [2], [0, 3]])
    assert path_counts(block) == {(): 1, ("Conv 3", "Conv 3"): 1}


def test_kernels_strides_and_depthwise_convolutions_differ() -> None:
    layers = [
        nn.Conv2d(4, 4, 1),
        nn.Conv2d(4, 4, 3, stride=2),
        nn.Conv2d(4, 4, 3, groups=4),
        nn.Conv2d(4, 4, (1, 3), groups=2),
    ]
    counts = [path_counts(read_torch(layer, (1, 4, 9, 9))) for layer in layers]
    assert counts == [{(name,): 1} for name in ("Conv 1", "Conv 3 /2", "Conv depthwise 3", "Conv grouped 1x3")]


@pytest.mark.parametrize("blocks", [200])
def test_many_paths_are_counted_without_listing_them(blocks: int) -> None:
    """2 to the power of 200 paths: each block has two, and a long connection around all keeps it from being cut."""
    kinds, inputs = [], []
    for block, kind in product(range(blocks), ("Conv", "Add")):
        last = 2 * block
        kinds.append(kind)
        inputs.append([last] if kind == "Conv" else [last, last + 1])
    graph = graph_of([*kinds, "Add"], [*inputs, [0, 2 * blocks]])
    counts = path_counts(graph)
    assert counts[()] == 2
    assert counts["Conv 3",] == blocks
    assert sum(counts.values()) == 2**blocks + 1
